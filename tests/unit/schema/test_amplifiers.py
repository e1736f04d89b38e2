"""Amplifier halves from the sections of a header."""

import pytest

from goodpix.schema.amplifiers import Amplifiers, Region

LEFT, RIGHT = Region(0, 3, 0, 5), Region(3, 6, 0, 5)


@pytest.mark.parametrize(
    ("dataseca", "datasecb", "a", "b"),
    [
        ("[1:3,1:5]", "[4:6,1:5]", LEFT, RIGHT),
        (" [ 4:6 , 1:5 ] ", "[1:3,1:5]", RIGHT, LEFT),
        ("[1:2,1:5]", "[5:6,1:5]", Region(0, 2, 0, 5), Region(4, 6, 0, 5)),
        ("[1:6,1:2]", "[1:6,3:5]", Region(0, 6, 0, 2), Region(0, 6, 2, 5)),
    ],
)
def test_sections_count_from_one_and_include_their_ends(dataseca: str, datasecb: str, a: Region, b: Region) -> None:
    assert Amplifiers.of(dataseca, datasecb, (5, 6)) == Amplifiers(a, b)


@pytest.mark.parametrize(
    ("dataseca", "datasecb"),
    [
        (None, "[4:6,1:5]"),
        ("", "[4:6,1:5]"),
        ("[1:3]", "[4:6,1:5]"),
        ("[1:3,1:5]", "[4:7,1:5]"),
        ("[1:3,1:5]", "[4:6,1:6]"),
        ("[0:3,1:5]", "[4:6,1:5]"),
        ("[3:1,1:5]", "[4:6,1:5]"),
        ("[1:4,1:5]", "[4:6,1:5]"),
        (f"[1:{'9' * 6000},1:5]", "[4:6,1:5]"),
    ],
)
def test_sections_that_are_not_halves_of_the_image_are_ignored(dataseca: str | None, datasecb: str) -> None:
    assert Amplifiers.of(dataseca, datasecb, (5, 6)) == Amplifiers(LEFT, RIGHT)


def test_middle_column_of_an_odd_width_is_in_the_first_half() -> None:
    halves = Amplifiers.halves((4, 7))
    assert (halves.a, halves.b) == (Region(0, 4, 0, 4), Region(4, 7, 0, 4))
    assert (halves.a.n_pixels, halves.b.n_pixels) == (16, 12)
