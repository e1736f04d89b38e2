"""Exclusions that come with goodpix."""

import numpy as np
import pytest

from goodpix.query.focalplane import FOCAL_PLANE
from goodpix.query.masks.mask import Mask
from goodpix.schema.cameras.exclusions import SHIPPED_EXCLUSIONS
from goodpix.schema.criteria import Exclusion, Selection
from goodpix.schema.errors import UsageError
from goodpix.schema.masks.rle import encode
from goodpix.schema.rows import MaskKey

# what legacypipe reads of S7, and marks in S17, in zero-based pixels of images of 2046 x 4094 pixels
LAST_GOOD_OF_S7 = 1022
S17_COLUMNS, S17_LAST_ROW = (538, 543), 3888


def good(name: str, ccdnum: int, trimmed: int) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    shape = (4096 - 2 * trimmed, 2048 - 2 * trimmed)
    runs = encode(np.zeros(shape, np.int64))
    low, high = f"[1:{1024 - trimmed},1:{shape[0]}]", f"[{1025 - trimmed}:{shape[1]},1:{shape[0]}]"
    a, b = (high, low) if FOCAL_PLANE[ccdnum].a_is_high else (low, high)
    row = {"ccdnum": ccdnum, "profile": "noirlab-cp", "dataseca": a, "datasecb": b}
    found = Mask(MaskKey("T", "r", "epoch", 1, ccdnum), runs, row=row).good(Selection(exclude=[name]))
    return np.asarray(found)


@pytest.mark.parametrize("trimmed", [0, 1])
def test_bad_half_of_s7_is_the_one_that_legacypipe_and_decasu_leave_out(trimmed: int) -> None:
    assert FOCAL_PLANE[31].detpos == "S7"
    found = good("decam-s7", 31, trimmed)
    assert found[:, : LAST_GOOD_OF_S7 + 1].all()
    assert not found[:, LAST_GOOD_OF_S7 + 1 :].any()
    of_amplifier = good("decasu-31a", 31, trimmed)
    assert (found <= of_amplifier).all()
    assert (found != of_amplifier).sum() <= found.shape[0]  # they differ by a column at most
    assert good("decam-s7", 30, trimmed).all()


@pytest.mark.parametrize("trimmed", [0, 1])
def test_bad_columns_of_s17_are_excluded_in_both_frames(trimmed: int) -> None:
    assert FOCAL_PLANE[16].detpos == "S17"
    found = good("decam-s17", 16, trimmed)
    shift = 1 - trimmed
    first, last = (column + shift for column in S17_COLUMNS)
    assert not found[: S17_LAST_ROW + shift + 1, first : last + 1].any()
    assert 0 < (~found).sum() <= 7 * 3890


@pytest.mark.parametrize("name", SHIPPED_EXCLUSIONS)
def test_names_stand_for_their_entries(name: str) -> None:
    shipped = SHIPPED_EXCLUSIONS[name]
    assert list(Exclusion.many(name)) == list(Exclusion.many(shipped.entry))
    assert str(Selection(exclude=[name])) == f"exclude {shipped.entry}"
    assert Selection.parse(f"exclude {name}, border 48") == Selection(exclude=[shipped.entry], border=48)
    assert shipped.source.startswith("https://")


def test_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"exclude decam-s8: .*or one of decam-s7, decam-s17, decasu-31a"):
        Selection(exclude=["decam-s8"])
