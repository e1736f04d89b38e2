"""Time to map good epochs and area, against marking the coadd pixel nearest to each good pixel.

Marks at nearest pixels are the plain way in numpy; they leave gaps where two grids beat. The map is compared with
`Catalogue.at` at some of its pixels.
"""

import numpy as np
import numpy.typing as npt

import goodpix
from goodpix.query.maps.coaddgrid import CoaddGrid, find_grid
from goodpix.schema.wcs.nearestpixel import nearest_pixels
from goodpix.schema.wcs.pixelmap import pixel_map

from .bench import Bench
from .measure import Contender, Goal, GoalKind, Measured, Result, check, race
from .tiles import Tile

__all__ = ["run"]

_MAP, _MARKS = "Catalogue.good_epoch_map", "marks at nearest coadd pixels, numpy"
_AREA, _FRACDET = "Catalogue.sky_area", 'healsparse_map("fracdet")'
_N_COMPARED = 2000


def run(bench: Bench) -> list[Result]:
    """Measure the maps of every tile."""
    return [row for tile in bench.tiles for row in _of_tile(bench, tile)]


def _of_tile(bench: Bench, tile: Tile) -> list[Result]:
    tilename, band = tile.info.tilename, tile.info.band
    with goodpix.Catalogue(bench.catalogue(tile) / "goodpix.db") as catalogue:
        grid = find_grid(catalogue.database, tilename, band)
        _compare(catalogue, grid)
        contenders = [
            Contender(_MAP, lambda: catalogue.good_epoch_map(tilename, band)),
            Contender(_MARKS, lambda: _marks(catalogue, grid), at_most=1, warm_up=False),
            Contender(_AREA, lambda: catalogue.sky_area(tilename=tilename, band=band)),
            Contender(_FRACDET, lambda: catalogue.healsparse_map("fracdet", tilename=tilename, band=band)),
        ]
        samples = race(contenders, bench.rounds(5, 2)).times
    measured = Measured("maps", tile.label, "s", samples)
    return [
        measured.row(_MAP, peer=_MARKS, goal=Goal(GoalKind.TIMES, 0.25)),
        measured.row(_MARKS),
        measured.row(_AREA),
        measured.row(_FRACDET),
    ]


def _compare(catalogue: goodpix.Catalogue, grid: CoaddGrid) -> None:
    """Check that the map is what `at` answers at the centres of its pixels."""
    y, x = np.random.default_rng(5).integers(0, np.array([grid.shape]).T, (2, _N_COMPARED))
    seen = catalogue.at(*grid.sky(x.astype(float), y.astype(float)), tilename=grid.tilename, band=grid.band)
    expected = np.bincount(seen.position[seen.good.astype(bool)], minlength=_N_COMPARED)
    check(np.array_equal(catalogue.good_epoch_map(grid.tilename, grid.band)[y, x], expected), "map differs from at")


def _marks(catalogue: goodpix.Catalogue, grid: CoaddGrid) -> npt.NDArray[np.int16]:
    ny, nx = grid.shape
    counts = np.zeros((ny + 2, nx + 2), np.int16)
    for mask in catalogue.masks(tilename=grid.tilename, band=grid.band):
        good, mapping = mask.good(), pixel_map(mask.grid, grid)
        marks = np.zeros(counts.shape, np.bool_)
        for y in range(0, good.shape[0], 64):
            block = good[y : y + 64]
            ix, iy = nearest_pixels(mapping, slice(y, y + block.shape[0]), block.shape[1], grid.shape)
            marks[iy[block], ix[block]] = True
        counts += marks
    return counts[1:-1, 1:-1]
