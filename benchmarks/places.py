"""Time to find blank sky and to draw randoms, against astropy's WCS and boolean masks, candidate by candidate.

The places that either way finds are checked in the masks of all images, and the randoms have to agree at every point.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from astropy.io import fits
from astropy.wcs import WCS

import goodpix

from .bench import Bench
from .measure import Contender, Goal, GoalKind, Measured, Result, check, race
from .tiles import Tile

__all__ = ["run"]

_BLANK, _DIRECT_BLANK = "Catalogue.blank_sky", "blank sky by astropy's WCS and boolean masks"
_RANDOMS, _DIRECT_RANDOMS = "Catalogue.randoms", "randoms by astropy's WCS and boolean masks"

_RADIUS_ARCSEC, _PIXEL_ARCSEC = 1.5, 0.263

# Per pixel of the coadd: 10,000 places and a million randoms on a full-size tile.
_PLACES, _POINTS = 1e-4, 1e-2

Floats = npt.NDArray[np.float64]


def run(bench: Bench) -> list[Result]:
    """Measure both on every tile."""
    return [row for tile in bench.tiles for row in _of_tile(bench, tile)]


def _of_tile(bench: Bench, tile: Tile) -> list[Result]:
    tilename, band = tile.info.tilename, tile.info.band
    with goodpix.Catalogue(bench.catalogue(tile) / "goodpix.db") as catalogue:
        area: Any = catalogue.mask(tilename, band).row
        n_places, n_points = (max(int(each * area["nx"] * area["ny"]), 5) for each in (_PLACES, _POINTS))
        contenders = [
            Contender(_BLANK, lambda: catalogue.blank_sky(n_places, _RADIUS_ARCSEC, band=band)),
            Contender(_DIRECT_BLANK, lambda: _direct_blank(catalogue, area, n_places), at_most=1, warm_up=False),
            Contender(_RANDOMS, lambda: catalogue.randoms(n_points, band=band)),
            Contender(_DIRECT_RANDOMS, lambda: _direct_randoms(catalogue, points), at_most=1, warm_up=False),
        ]
        points = catalogue.randoms(n_points, band=band)
        found = race(contenders, bench.rounds(5, 2))
        _compare(catalogue, found.answers, points)
    measured = Measured("places", tile.label, "s", found.times)
    return [
        measured.row(_BLANK, peer=_DIRECT_BLANK, goal=Goal(GoalKind.AT_MOST, 20)),
        measured.row(_DIRECT_BLANK),
        measured.row(_RANDOMS, peer=_DIRECT_RANDOMS, goal=Goal(GoalKind.AT_MOST, 60)),
        measured.row(_DIRECT_RANDOMS),
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Image:
    """A CCD image the direct way: its good pixels, and its solution."""

    good: npt.NDArray[np.bool_]
    wcs: WCS
    offset: float

    def positions(self, ra: Floats, dec: Floats) -> tuple[Floats, Floats]:
        x, y = self.wcs.all_world2pix(ra, dec, 1, quiet=True)
        return x - self.offset, y - self.offset

    def is_blank(self, x: float, y: float, radius: float = _RADIUS_ARCSEC) -> bool:
        """Return whether all pixels near a position are good, those off the image among them."""
        reach = radius / _PIXEL_ARCSEC + 1
        ny, nx = self.good.shape
        x0, x1, y0, y1 = (int(np.floor(v + 0.5)) for v in (x - reach, x + reach, y - reach, y + reach))
        if x0 < 0 or y0 < 0 or x1 >= nx or y1 >= ny:
            return False
        rows, columns = np.mgrid[y0 : y1 + 1, x0 : x1 + 1]
        near = np.hypot(np.maximum(abs(columns - x) - 0.5, 0), np.maximum(abs(rows - y) - 0.5, 0))
        return bool(self.good[y0 : y1 + 1, x0 : x1 + 1][near * _PIXEL_ARCSEC < radius].all())


def _images(catalogue: goodpix.Catalogue, band: str) -> list[_Image]:
    return [
        _Image(mask.good(), WCS(fits.Header(list(mask.grid.wcs.keywords.items()))), mask.position_offset)
        for mask in catalogue.masks(band=band)
    ]


def _direct_blank(catalogue: goodpix.Catalogue, coadd: Any, n: int) -> Floats:
    """Return right ascension and declination of blank places, which may overlap; shape (2, n)."""
    rng, images, found = np.random.default_rng(1), _images(catalogue, coadd["band"]), list[tuple[float, float]]()
    for _ in range(100):
        ra = rng.uniform(coadd["uramin"], coadd["uramax"], 4 * n)
        dec = rng.uniform(coadd["udecmin"], coadd["udecmax"], 4 * n)
        positions = [image.positions(ra, dec) for image in images]
        for k in range(4 * n):
            near = [
                (image, x[k], y[k])
                for image, (x, y) in zip(images, positions, strict=True)
                if _touches(image, x[k], y[k])
            ]
            if near and all(image.is_blank(x, y) for image, x, y in near):
                found.append((ra[k], dec[k]))
                if len(found) == n:
                    break
        if len(found) == n:
            break
    return np.array(found).T


def _touches(image: _Image, x: float, y: float) -> bool:
    reach = _RADIUS_ARCSEC / _PIXEL_ARCSEC + 0.5
    ny, nx = image.good.shape
    return bool(-reach <= x <= nx - 1 + reach and -reach <= y <= ny - 1 + reach)


def _direct_randoms(catalogue: goodpix.Catalogue, points: pd.DataFrame) -> list[npt.NDArray[np.int64]]:
    """Return the number of images and of good images at points."""
    band = _band(points)
    n_images, n_good = np.zeros((2, len(points)), np.int64)
    for image in _images(catalogue, band):
        x, y = (
            np.floor(each + 0.5).astype(np.int64)
            for each in image.positions(points.ra.to_numpy(), points.dec.to_numpy())
        )
        ny, nx = image.good.shape
        inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
        n_images += inside
        n_good[inside] += image.good[y[inside], x[inside]]
    return [n_images, n_good]


def _band(found: pd.DataFrame) -> str:
    """Return the band of a table whose images are of one band."""
    (column,) = [str(name) for name in found if str(name).startswith("n_images_")]
    return column.removeprefix("n_images_")


def _compare(catalogue: goodpix.Catalogue, answers: Any, points: pd.DataFrame) -> None:
    """Check both ways against each other."""
    counts: Sequence[Any] = [points.filter(like=name).to_numpy()[:, 0] for name in ("n_images", "n_good")]
    agree = all(np.array_equal(*each) for each in zip(counts, answers[_DIRECT_RANDOMS], strict=True))
    check(agree, "randoms differ from the direct way")
    places = answers[_BLANK]
    band = _band(places)
    n_images = np.zeros(len(places), np.int64)
    for image in _images(catalogue, band):
        for k, (x, y) in enumerate(zip(*image.positions(places.ra.to_numpy(), places.dec.to_numpy()), strict=True)):
            if _touches(image, x, y):
                # pixels are not quite 0.263 arcsec wide
                n_images[k] += image.is_blank(x, y, 0.99 * _RADIUS_ARCSEC)
    check(np.array_equal(n_images, places[f"n_images_{band}"]), "blank places differ from the direct way")
