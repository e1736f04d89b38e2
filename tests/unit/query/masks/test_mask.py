"""Masks of a few pixels: cut-outs, counts, combinations and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from goodpix.query.masks.mask import Mask
from goodpix.schema.amplifiers import Region
from goodpix.schema.bits import OWN_CUT
from goodpix.schema.criteria import Selection
from goodpix.schema.errors import UsageError
from goodpix.schema.masks.rle import encode
from goodpix.schema.rows import MaskKey

STAR = 4 | 1 << 13
FLAGS = np.array([[0, 0, 1, 0], [STAR, 0, 1, 0], [STAR, 0, 0, 16]], np.int64)
KEY = MaskKey("T", "r", "epoch", 1, 2)
MASK = Mask(KEY, encode(FLAGS))


def test_good_pixels_have_no_failing_criterion() -> None:
    np.testing.assert_array_equal(MASK.good(), FLAGS == 0)
    np.testing.assert_array_equal(MASK.bad(Selection(ignore_bits={"SE": ["STAR"]})), np.isin(FLAGS, [1, 16]))
    assert MASK.count(Selection(ignore=["SE_SEG"])) == 9
    assert repr(MASK) == "<Mask of epoch 1/2 (tile T, band r), 4 x 3, 58.3% good, 6 runs>"


def test_runs_are_split_at_column_ends() -> None:
    frame = MASK.cutout(1, 4, 0, 3).runs()
    image = np.full((3, 5), -1)
    for x, y, length, flags in frame[["x", "y", "length", "flags"]].to_numpy():
        image[y : y + length, x] = flags
    np.testing.assert_array_equal(image[:, 1:4], FLAGS[:, 1:])
    assert (image[:, [0, 4]] == -1).all()
    assert list(frame.columns) == ["x", "y", "length", "flags"]


def test_cutout_of_a_cutout_keeps_its_place_and_what_is_around_it() -> None:
    part = MASK.cutout(1, 4, 1, 3).cutout(0, 1, 0, 2)
    assert part.place == Region(1, 2, 1, 3)
    np.testing.assert_array_equal(part.flags(), FLAGS[1:3, 1:2])
    # the object in the next column grows into it
    grown = Selection(grow={"SE_SEG": 1})
    np.testing.assert_array_equal(part.good(grown), MASK.good(grown)[1:3, 1:2])
    assert part.count(grown) == 1


@pytest.mark.parametrize("box", [(0, 0, 0, 1), (0, 5, 0, 1), (-1, 2, 0, 1), (0, 1, 2, 4)])
def test_box_that_is_not_inside_is_refused(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(UsageError, match="expected a non-empty box in x 0:4, y 0:3"):
        MASK.cutout(*box)


def test_own_mask_combines_and_keeps_reasons() -> None:
    own = Mask.from_bool(np.arange(12).reshape(3, 4) > 3, like=MASK)
    both = own & MASK
    assert both.key == KEY
    np.testing.assert_array_equal(both.flags(), FLAGS | np.where(own.good(), 0, OWN_CUT))
    np.testing.assert_array_equal((~MASK).good(), FLAGS != 0)


def test_masks_of_different_images_do_not_combine() -> None:
    other = Mask(MaskKey("T", "r", "epoch", 1, 3), MASK.encoded)
    for a, b in ((MASK, other), (MASK.cutout(0, 2, 0, 3), MASK.cutout(2, 4, 0, 3))):
        with pytest.raises(UsageError, match="expected masks of the same pixels of one image"):
            _ = a | b


@pytest.mark.parametrize("good", [FLAGS, np.zeros(3, np.bool_), np.zeros((0, 3), np.bool_)])
def test_array_that_is_no_mask_is_refused(good: Any) -> None:
    with pytest.raises(UsageError, match=r"array has dtype .* expected bool, shape \(ny, nx\)"):
        Mask.from_bool(good)


def test_array_of_another_shape_than_the_mask_is_refused() -> None:
    with pytest.raises(UsageError, match=r"array has shape \(4, 3\): expected .*, that of the mask"):
        Mask.from_bool(np.zeros((4, 3), np.bool_), like=MASK)


def test_mask_without_a_row_has_no_wcs() -> None:
    with pytest.raises(UsageError, match="has no WCS: expected a mask from a catalogue"):
        _ = MASK.wcs
    assert MASK.position_offset == 1.0


def test_array_of_a_mask_is_its_good_pixels() -> None:
    np.testing.assert_array_equal(np.asarray(MASK), FLAGS == 0)
    weights = np.array(MASK, dtype=np.float32)
    assert weights.dtype == np.float32
    assert weights.sum() == 7
    with pytest.raises(ValueError, match="decoded: expected copy=None or copy=True"):
        np.asarray(MASK, copy=False)


def test_saved_runs_have_the_criteria_of_the_selection(tmp_path: Path) -> None:
    MASK.save(tmp_path / "runs.parquet", Selection(ignore=["SE_SEG"]))
    frame = pd.read_parquet(tmp_path / "runs.parquet")
    assert frame.loc[frame["flags"] & 0xFF != 0, "length"].sum() == 3
    with pytest.raises(UsageError, match=r"expected a name that ends in \.png, \.fits, \.npz, \.parquet or \.reg"):
        MASK.save(tmp_path / "mask.jpg")
