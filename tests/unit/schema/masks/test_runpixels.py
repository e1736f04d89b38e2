"""Facts about the pixels of runs."""

import numpy as np
import pytest

from goodpix.schema.errors import MalformedRunsError
from goodpix.schema.masks.runpixels import count_pixels, examine, fill_runs, find_runs

LENGTHS = np.random.default_rng(1).integers(1, 50, 100).astype(np.uint32)
SIZE = int(LENGTHS.sum())


@pytest.mark.parametrize("longest", [1, 3, 127, 128, 129, 400])
def test_every_pixel_has_the_value_of_its_run(longest: int) -> None:
    rng = np.random.default_rng(longest)
    lengths = rng.integers(1, longest + 1, 301).astype(np.uint32)
    values = rng.integers(0, 256, lengths.size).astype(np.uint8)
    np.testing.assert_array_equal(fill_runs(lengths, values, int(lengths.sum())), np.repeat(values, lengths))


def test_run_of_each_pixel_is_found_in_any_order() -> None:
    pixels = np.random.default_rng(2).permutation(np.repeat(np.arange(SIZE), 2))
    expected = np.searchsorted(np.cumsum(LENGTHS, dtype=np.int64), pixels, "right")
    np.testing.assert_array_equal(find_runs(LENGTHS, pixels), expected)


def test_no_pixels_are_in_no_runs() -> None:
    assert find_runs(LENGTHS, np.empty(0, np.int64)).size == 0


def test_pixel_after_the_last_run_is_refused() -> None:
    with pytest.raises(MalformedRunsError, match="run lengths sum to 7: there is no pixel 7"):
        find_runs(np.array([3, 4], np.uint32), np.array([6, 7, 0]))


@pytest.mark.parametrize("reject", [0, 1, 6, 127, -1, 1 << 62])
def test_pixels_without_a_flag_are_counted(reject: int) -> None:
    rng = np.random.default_rng(3)
    flags = rng.choice(np.array([0, 1, 2, 5, 64, 1 << 40, 1 << 62, -1]), LENGTHS.size)
    pixels = np.repeat(flags, LENGTHS)
    assert count_pixels(LENGTHS, flags, reject) == np.count_nonzero((pixels & reject) == 0)


def test_more_pixels_are_counted_than_a_length_can_hold() -> None:
    lengths = np.full(3, 2**32 - 1, np.uint32)
    assert count_pixels(lengths, np.array([0, 1, 0]), 1) == 2 * (2**32 - 1)
    assert examine(lengths, np.array([0, 1, 0])).n_pixels == 3 * (2**32 - 1)


@pytest.mark.parametrize(
    ("lengths", "flags", "expected"),
    [
        ([3, 1, 2], [0, 1, 0], (6, 3, 3)),
        ([3, 0, 2, 0], [0, 1, 0, 1], (5, 1, 4)),
        ([3, 1, 2, 1], [0, 7, 7, 7], (7, 4, 2)),
        ([0, 0], [5, 5], (0, 0, 1)),
        ([], [], (0, 0, 0)),
    ],
)
def test_the_first_fault_of_each_kind_is_found(
    lengths: list[int], flags: list[int], expected: tuple[int, int, int]
) -> None:
    assert examine(np.array(lengths, np.uint32), np.array(flags, np.int64)) == expected
