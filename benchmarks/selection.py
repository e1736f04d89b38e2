"""Time to apply another definition of good, against the same work on boolean images.

Bad pixels dilated by a disc, against scipy's binary dilation; two masks combined run by run, against
boolean images; the counts of every epoch of a tile by two definitions; the mask of a CCD image merged over two tiles.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

import goodpix
from goodpix import Mask, Selection
from goodpix.query.masks.merge import merged_runs
from goodpix.schema.masks.dilation import dilate
from goodpix.schema.masks.rle import decode, merge_runs
from goodpix.schema.wcs.footprint import UniqueRegion

from .bench import Bench
from .measure import Contender, Goal, GoalKind, Measured, Result, check, race
from .tiles import Tile

__all__ = ["run"]

_RADIUS = 8
_DILATE, _SCIPY = f"disc of {_RADIUS} pixels", f"scipy binary_dilation, disc of {_RADIUS} pixels"
_AND, _NUMPY = "two masks, run by run", "two boolean images, numpy"
_MERGE = "CCD image in two tiles, merged"
_IGNORED, _GROWN = "epochs(selection=), a criterion ignored", "epochs(selection=), two grown, a border"


def run(bench: Bench) -> list[Result]:
    """Measure the mask of the first epoch of every tile, and the counts of all epochs."""
    return [row for tile in bench.tiles for row in _of_tile(bench, tile)]


def _of_tile(bench: Bench, tile: Tile) -> list[Result]:
    epoch = tile.info.src_info[0]
    with goodpix.Catalogue(bench.catalogue(tile) / "goodpix.db") as catalogue:
        mask = catalogue.mask(epoch.tilename, epoch.band, epoch.expnum, epoch.ccdnum)
        bad, good = mask.bad(), mask.good()
        y, x = np.mgrid[-_RADIUS : _RADIUS + 1, -_RADIUS : _RADIUS + 1]
        disc = x**2 + y**2 <= _RADIUS**2
        own = np.random.default_rng(3).random((mask.shape[1], mask.shape[0])).T < 0.99
        other = Mask.from_bool(own)
        check(np.array_equal(dilate(bad, _RADIUS), ndimage.binary_dilation(bad, disc)), "dilation differs from scipy's")
        check(np.array_equal((mask & other).good(), good & own), "combined masks differ from combined images")
        ignored, grown = Selection(ignore=["COADD_SEG"]), Selection(grow={"COADD_SEG": 8, "SE_SEG": 3}, border=48)
        halves = _halves(mask)
        merged, unique = merged_runs(halves), _in_eastern_half(mask)
        check(np.array_equal(decode(merged), np.where(unique, *(half.flags() for half in halves))), "merge differs")
        contenders = [
            Contender(_DILATE, lambda: dilate(bad, _RADIUS)),
            Contender(_SCIPY, lambda: ndimage.binary_dilation(bad, disc)),
            Contender(_AND, lambda: mask & other),
            Contender(_NUMPY, lambda: good & own),
            Contender(_MERGE, lambda: merged_runs(halves)),
            Contender(_IGNORED, lambda: catalogue.epochs(selection=ignored)),
            Contender(_GROWN, lambda: catalogue.epochs(selection=grown)),
        ]
        samples = race(contenders, bench.rounds(5, 2)).times
    measured = Measured("selection", tile.label, "s", samples)
    return [
        measured.row(_DILATE, peer=_SCIPY, goal=Goal(GoalKind.AT_MOST, 0.3)),
        measured.row(_SCIPY),
        measured.row(_AND, peer=_NUMPY),
        measured.row(_NUMPY),
        measured.row(_MERGE, goal=Goal(GoalKind.AT_MOST, 0.1)),
        measured.row(_IGNORED),
        measured.row(_GROWN),
    ]


def _halves(mask: Mask) -> list[Mask]:
    """Return the mask as two tiles would have it whose unique regions meet in its middle, all of it on both coadds."""
    row = dict(mask.row or {})
    runs = mask.encoded
    flags = runs.flags & ~np.int64(goodpix.Criterion.OFF_COADD)
    other = np.where(flags & goodpix.Criterion.COADD_SEG, flags, flags | goodpix.Criterion.COADD_WEIGHT)
    middle, dec = row["ra_cent"], {"udecmin": row["dec_cent"] - 2, "udecmax": row["dec_cent"] + 2}
    limits = [{"uramin": middle, "uramax": middle + 2}, {"uramin": middle - 2, "uramax": middle}]
    return [
        replace(mask, encoded=merge_runs(mask.shape, runs.lengths, each), row=row | limit | dec)
        for each, limit in zip((flags, other), limits, strict=True)
    ]


def _in_eastern_half(mask: Mask) -> npt.NDArray[np.bool_]:
    """Return which pixels lie east of the middle; shape (ny, nx)."""
    row = mask.row or {}
    region = UniqueRegion(row["ra_cent"], row["ra_cent"] + 2, row["dec_cent"] - 2, row["dec_cent"] + 2)
    ny, nx = mask.shape
    return region.contains(mask.grid.columns(slice(0, nx))).reshape(nx, ny).T
