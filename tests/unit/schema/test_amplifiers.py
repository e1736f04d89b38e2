"""Amplifier halves from the sections of a header."""

import pytest

from goodpix.schema.amplifiers import Amplifiers, Region, trimmed_sections

LEFT, RIGHT = Region(0, 3, 0, 5), Region(3, 6, 0, 5)


@pytest.mark.parametrize(
    ("dataseca", "datasecb", "a", "b"),
    [
        ("[1:3,1:5]", "[4:6,1:5]", LEFT, RIGHT),
        (" [ 4:6 , 1:5 ] ", "[1:3,1:5]", RIGHT, LEFT),
        ("[1:2,1:5]", "[5:6,1:5]", Region(0, 2, 0, 5), Region(4, 6, 0, 5)),
        ("[6:4,1:5]", "[1:3,5:1]", RIGHT, LEFT),
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


@pytest.mark.parametrize("profile", [None, "des"])
def test_halves_of_x_are_taken_for_des_alone(profile: str | None) -> None:
    row = {"dataseca": None, "datasecb": None, "profile": profile}
    assert Amplifiers.of_image(row, (5, 6)) == Amplifiers(LEFT, RIGHT)
    assert Amplifiers.of_image({**row, "profile": "noirlab-cp"}, (5, 6)) is None


def test_sections_of_other_profiles_are_taken_if_they_are_halves() -> None:
    row = {"dataseca": "[4:6,1:5]", "datasecb": "[1:3,1:5]", "profile": "lsst"}
    assert Amplifiers.of_image(row, (5, 6)) == Amplifiers(RIGHT, LEFT)
    assert Amplifiers.of_image(row, (5, 5)) is None


@pytest.mark.parametrize(
    ("sections", "shape", "shift", "expected"),
    [
        (("[8:5,1:6]", "[1:4,1:6]"), (6, 8), (0, 0), ("[5:8,1:6]", "[1:4,1:6]")),
        (("[8:5,1:6]", "[1:4,1:6]"), (4, 6), (-1, -1), ("[4:6,1:4]", "[1:3,1:4]")),
        (("[1:8,1:3]", "[1:8,4:6]"), (2, 8), (0, -2), ("[1:8,1:1]", "[1:8,2:2]")),
        (("[8:5,1:6]", "[1:4,1:6]"), (6, 5), (-1, 0), (None, None)),  # a part of the CCD
        (("[8:5,1:6]", "[1:4,1:6]"), (6, 10), (1, 0), (None, None)),  # shifted to the other side
        (("[8:6,1:6]", "[1:4,1:6]"), (6, 8), (0, 0), (None, None)),  # with a gap
        ((None, "[1:4,1:6]"), (6, 8), (0, 0), (None, None)),
    ],
)
def test_sections_of_a_whole_ccd_are_shifted_into_a_trimmed_image(
    sections: tuple[str | None, str | None], shape: tuple[int, int], shift: tuple[int, int], expected: object
) -> None:
    assert trimmed_sections(sections, shape, shift) == expected
