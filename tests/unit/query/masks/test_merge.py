"""Tiles taken out of the mask of a CCD image, against the flags of both tiles."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.query.masks.ccdmask import ccd_mask
from goodpix.query.masks.mask import Mask
from goodpix.query.masks.merge import merged_runs
from goodpix.query.source import Source
from goodpix.schema.bits import EXCLUDED, OWN_CUT
from goodpix.schema.criteria import Criterion, Selection
from goodpix.schema.masks.rle import encode
from goodpix.schema.rows import MaskKey

from ....maskcatalogue import BORDER, EAST, EPOCHS, SHAPE, WEST

Y, X = np.indices(SHAPE)
IN_EAST = EPOCHS[MaskKey(EAST, "r", "epoch", 1, 11)].first[0] + X < BORDER
WEST_BOX = (X < 25) & (Y >= 3) & (Y < 30)
CUT = OWN_CUT | EXCLUDED

Flags = npt.NDArray[np.int64]


def flags_of(tilename: str, seed: int) -> Flags:
    """Return random flags of a tile whose coadd has not all of the image."""
    flags = np.random.default_rng(seed).choice(np.array([0, 0, 0, 1, 4 | 1 << 8, 16]), SHAPE).astype(np.int64)
    off = X >= 24 if tilename == EAST else X < 10
    out: Flags = np.where(off, flags & ~np.int64(16) | int(Criterion.OFF_COADD), flags)
    return out


EASTERN, WESTERN = flags_of(EAST, 1), flags_of(WEST, 2)
OFF_EAST, OFF_WEST = ((flags & Criterion.OFF_COADD) != 0 for flags in (EASTERN, WESTERN))
# each pixel by the tile whose region holds it, and by the other where that one has no coadd pixel
MERGED = np.where(IN_EAST, EASTERN, WESTERN)
WITHOUT_EAST = np.where(OFF_WEST, EASTERN | CUT, WESTERN)
WITHOUT_WEST = np.where(OFF_EAST, WESTERN | CUT, EASTERN)


@pytest.fixture(scope="module")
def merged(source: Source) -> Mask:
    found = ccd_mask(source.database, source.reader, "r", 1, 11)
    west, east = found.tiles
    tiles = (replace(west, encoded=encode(WESTERN)), replace(east, encoded=encode(EASTERN)))
    return replace(found, encoded=merged_runs(tiles), tiles=tiles)


def test_scene_has_every_case(merged: Mask) -> None:
    assert [tile.key.tilename for tile in merged.tiles] == [WEST, EAST]
    for case in (IN_EAST & OFF_WEST, IN_EAST & ~OFF_WEST, ~IN_EAST & OFF_EAST, ~IN_EAST & ~OFF_EAST):
        assert case.any()
    assert not (IN_EAST & OFF_EAST | ~IN_EAST & OFF_WEST).any()
    np.testing.assert_array_equal(merged.flags(), MERGED)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([f"tilename={EAST}"], WITHOUT_EAST),
        ([f"tilename={WEST}"], WITHOUT_WEST),
        ([f"tilename={WEST},box=0:25:3:30"], np.where(WEST_BOX, WITHOUT_WEST, MERGED)),
        ([f"tilename={WEST}", f"tilename={EAST}"], MERGED | CUT),
        (["tilename=DES0000-0000"], MERGED),
        ([f"tilename={EAST}", "box=0:9:0:9"], np.where((X < 9) & (Y < 9), WITHOUT_EAST | CUT, WITHOUT_EAST)),
        ([f"tilename={EAST},ccdnum=12"], MERGED),
    ],
)
def test_other_tile_decides_where_one_is_excluded(merged: Mask, entries: list[str], expected: Flags) -> None:
    selection = Selection(exclude=entries)
    found = merged.recut(selection).flags()
    if np.array_equal(expected, MERGED | CUT):  # the reasons beside are those of any tile
        found, expected = found & CUT, expected & CUT
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(merged.good(selection), expected & 255 == 0)
    assert merged.count(selection) == np.count_nonzero(expected & 255 == 0)


def test_cut_out_is_the_same_pixels(merged: Mask) -> None:
    selection = Selection(grow={"SE_SEG": 2}, border=2, exclude=[f"tilename={WEST}"])
    whole = merged.recut(selection).flags()
    found = merged.cutout(4, 27, 6, 33).cutout(1, 20, 2, 20).recut(selection)
    np.testing.assert_array_equal(found.flags(), whole[8:26, 5:24])


def test_growth_is_of_the_tile_that_is_left(merged: Mask) -> None:
    grown = Selection(grow={"COADD_SEG": 3})
    left = Mask(merged.key, encode(WITHOUT_WEST), merged.bit_names, row=merged.row)
    selection = Selection(grow={"COADD_SEG": 3}, exclude=[f"tilename={WEST}"])
    assert not np.array_equal(left.good(grown), merged.good(grown))
    np.testing.assert_array_equal(merged.good(selection), left.good(grown))


def test_mask_that_was_combined_knows_no_tiles(merged: Mask) -> None:
    own = Mask.from_bool(X % 2 == 0, like=merged)
    assert (own.tiles, (merged & own).tiles, (~merged).tiles, merged.recut(None).tiles) == ((), (), (), ())
    both = (merged & own).good(Selection(exclude=[f"tilename={WEST}"]))
    np.testing.assert_array_equal(both, merged.good() & (X % 2 == 0))
