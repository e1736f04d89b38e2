"""Facts about the pixels of runs."""

import numpy as np
import pytest

from goodpix.schema.errors import MalformedRunsError
from goodpix.schema.masks.runpixels import fill_runs, find_runs

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
