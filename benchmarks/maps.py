"""Time to map good epochs on a coadd and on the sky, against the plain ways.

On a coadd: marks at the pixel nearest to each good pixel, in numpy, which leave gaps where two grids beat. The map is
compared with `Catalogue.at` at some of its pixels. On the sky: the HEALPix pixel of every pixel by hpgeom, and counts.
Both give the same good area, apart from the errors of sampling.
"""

from typing import Any

import hpgeom
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
_AREA, _MOC = "Catalogue.sky_area", "Catalogue.moc"
_FRACTION, _EVERY = 'healsparse_map("fraction")', "every pixel binned, hpgeom and numpy"
_SEVERAL = "healsparse_map, 8 statistics"
_STATISTICS = ("n_images", "n_images_mean", "fracdet", "fraction", "maglim", "skyvar", "fwhm_mean", "SE_SEG")
_NSIDE = 4096
_N_COMPARED = 2000
# Relative error of an area: a tiny image has a thousand centres.
_SAMPLING = 0.05


def run(bench: Bench) -> list[Result]:
    """Measure the maps of every tile."""
    return [row for tile in bench.tiles for row in _of_tile(bench, tile)]


def _of_tile(bench: Bench, tile: Tile) -> list[Result]:
    tilename, band = tile.info.tilename, tile.info.band
    with goodpix.Catalogue(bench.catalogue(tile) / "goodpix.db") as catalogue:
        grid = find_grid(catalogue.database, tilename, band)
        chosen: dict[str, Any] = {"tilename": tilename, "band": band, "unique": False}
        _compare(catalogue, grid)
        _compare_areas(catalogue, grid)
        contenders = [
            Contender(_MAP, lambda: catalogue.good_epoch_map(tilename, band)),
            Contender(_MARKS, lambda: _marks(catalogue, grid), at_most=1, warm_up=False),
            Contender(_AREA, lambda: catalogue.sky_area(tilename=tilename, band=band)),
            Contender(_MOC, lambda: catalogue.moc(tilename=tilename, band=band)),
            Contender(_FRACTION, lambda: catalogue.healsparse_map("fraction", nside=_NSIDE, **chosen)),
            Contender(_SEVERAL, lambda: catalogue.healsparse_map(_STATISTICS, nside=_NSIDE, **chosen)),
            Contender(_EVERY, lambda: _binned(catalogue, grid), at_most=2, warm_up=False),
        ]
        samples = race(contenders, bench.rounds(5, 2)).times
    measured = Measured("maps", tile.label, "s", samples)
    return [
        measured.row(_MAP, peer=_MARKS, goal=Goal(GoalKind.TIMES, 0.25)),
        measured.row(_MARKS),
        measured.row(_AREA),
        measured.row(_MOC),
        measured.row(_FRACTION, peer=_EVERY, goal=Goal(GoalKind.TIMES, 0.25)),
        measured.row(_SEVERAL),
        measured.row(_EVERY),
    ]


def _compare(catalogue: goodpix.Catalogue, grid: CoaddGrid) -> None:
    """Check that the map is what `at` answers at the centres of its pixels."""
    y, x = np.random.default_rng(5).integers(0, np.array([grid.shape]).T, (2, _N_COMPARED))
    seen = catalogue.at(*grid.sky(x.astype(float), y.astype(float)), tilename=grid.tilename, band=grid.band)
    expected = np.bincount(seen.position[seen.good.astype(bool)], minlength=_N_COMPARED)
    check(np.array_equal(catalogue.good_epoch_map(grid.tilename, grid.band)[y, x], expected), "map differs from at")


def _compare_areas(catalogue: goodpix.Catalogue, grid: CoaddGrid) -> None:
    """Check that the map of the sky has the good area of all pixels, within the errors of sampling."""
    found = catalogue.healsparse_map(
        "n_images_mean", nside=_NSIDE, tilename=grid.tilename, band=grid.band, unique=False
    )
    area = found[found.valid_pixels].sum(dtype=np.float64) * hpgeom.nside_to_pixel_area(_NSIDE, degrees=True)
    expected = catalogue.epochs(tilename=grid.tilename, band=grid.band)["area_good"].sum() / 3600
    check(abs(area / expected - 1) < _SAMPLING, f"good area is {area} square degrees, not {expected}")


def _binned(catalogue: goodpix.Catalogue, grid: CoaddGrid) -> dict[int, float]:
    """Return the fraction of good pixels in each HEALPix pixel, by the place of every pixel."""
    counts = [np.zeros(0, np.int64)] * 3
    for mask in catalogue.masks(tilename=grid.tilename, band=grid.band):
        good = mask.good().T
        hpix = hpgeom.vector_to_pixel(_NSIDE, *mask.grid.columns(slice(0, good.shape[0])), nest=True)
        pixels, numbers = np.unique(hpix, return_inverse=True)
        of_image = (pixels, np.bincount(numbers), np.bincount(numbers[good.ravel()], minlength=pixels.size))
        counts = [np.concatenate(pair) for pair in zip(counts, of_image, strict=True)]
    pixels, numbers = np.unique(counts[0], return_inverse=True)
    n_pixels, n_good = (np.bincount(numbers, weights=each) for each in counts[1:])
    return dict(zip(pixels.tolist(), (n_good / n_pixels).tolist(), strict=True))


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
