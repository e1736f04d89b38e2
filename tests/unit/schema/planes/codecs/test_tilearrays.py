"""Facts about arrays that hold many tiles."""

import numpy as np
import pytest

from goodpix.schema.planes.codecs.tilearrays import OUTSIDE, check_arrays, places_inside, tiles_inside


@pytest.mark.parametrize(
    ("places", "inside"),
    [
        ([0], True),
        ([0, 10], True),
        ([0, 4, 4, 10], True),
        ([2, 5], True),
        ([], False),
        ([-1, 5], False),
        ([0, 11], False),
        ([0, 6, 5, 10], False),
    ],
)
def test_pixels_lie_inside_in_order(places: list[int], inside: bool) -> None:
    assert places_inside(np.array(places, np.int64), 10) == inside


@pytest.mark.parametrize(
    ("starts", "stops", "places", "inside"),
    [
        ([0, 3], [3, 8], [0, 5, 10], True),
        ([], [], [0], True),
        ([5, 0], [8, 8], [0, 5, 10], True),  # tiles may share bytes and come in any order
        ([4], [4], [0, 10], True),
        ([0], [9], [0, 10], False),
        ([-1], [4], [0, 10], False),
        ([4], [3], [0, 10], False),
        ([0], [8], [0, 11], False),
        ([0], [8, 8], [0, 10], False),
        ([0, 1], [8, 8], [0, 10], False),
    ],
)
def test_bytes_and_pixels_of_tiles_lie_inside(
    starts: list[int], stops: list[int], places: list[int], inside: bool
) -> None:
    a, b, c = (np.array(each, np.int64) for each in (starts, stops, places))
    assert tiles_inside(8, a, b, c, 10) == inside


@pytest.mark.parametrize("result", [-1, 0, 7])
def test_answer_of_a_kernel_is_passed_on(result: int) -> None:
    assert check_arrays(result) == result


def test_tile_outside_is_the_callers_fault() -> None:
    with pytest.raises(ValueError, match=r"^a tile lies outside the bytes or the pixels$"):
        check_arrays(OUTSIDE)
