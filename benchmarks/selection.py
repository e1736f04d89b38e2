"""Time to apply another definition of good, against the same work on boolean images.

Bad pixels dilated by a disc, against scipy's binary dilation; two masks combined run by run, against
boolean images; the counts of every epoch of a tile by two definitions.
"""

import numpy as np
from scipy import ndimage

import goodpix
from goodpix import Mask, Selection
from goodpix.schema.masks.dilation import dilate

from .bench import Bench
from .measure import Contender, Goal, GoalKind, Measured, Result, check, race
from .tiles import Tile

__all__ = ["run"]

_RADIUS = 8
_DILATE, _SCIPY = f"disc of {_RADIUS} pixels", f"scipy binary_dilation, disc of {_RADIUS} pixels"
_AND, _NUMPY = "two masks, run by run", "two boolean images, numpy"
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
        contenders = [
            Contender(_DILATE, lambda: dilate(bad, _RADIUS)),
            Contender(_SCIPY, lambda: ndimage.binary_dilation(bad, disc)),
            Contender(_AND, lambda: mask & other),
            Contender(_NUMPY, lambda: good & own),
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
        measured.row(_IGNORED),
        measured.row(_GROWN),
    ]
