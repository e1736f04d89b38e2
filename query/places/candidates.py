"""Candidates for blank places, judged by one image."""

from collections.abc import Iterator
from dataclasses import dataclass

import hpgeom
import numpy as np
import numpy.typing as npt

from ...schema.bits import CRITERIA_BITS
from ...schema.criteria import BoundSelection
from ...schema.wcs.pixelgrid import PixelGrid
from ...schema.wcs.skytopixel import WcsStack
from ...schema.wcs.solution import ra_dec, unit_vectors
from ..masks.mask import Mask
from .nearestbad import BadPixels, distance_to_image
from .sequence import EvenPoints, sky_of

__all__ = ["Judge", "Verdicts", "metric_at"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ARCSEC = np.degrees(1.0) * 3600

# Candidates judged at a time, and the order of the blocks that they are taken from.
_AT_ONCE = 1 << 20
_BLOCK_ORDER = 13

# Candidates around an image so few that it may have none.
_FEW = 256

# Positions on each axis of an image at which its metric is checked, and steps about each of them.
_CHECKS = 5
_STEPS = np.array([(u, v) for u in (-1, 0, 1) for v in (-1, 0, 1) if u or v], np.float64).T


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """Verdicts of one image on the candidates on it or near it.

    Parameters
    ----------
    cells : ndarray of int64, shape (n,)
        Candidates, by their nested HEALPix cells.
    distance : ndarray of float64, shape (n,)
        Distance to the nearest bad pixel or edge, arcsec; 0 if that is within the radius.
    """

    cells: Ints
    distance: Floats


@dataclass(frozen=True, slots=True)
class Judge:
    """Function of a mask that judges the candidates on its image.

    Parameters
    ----------
    points : EvenPoints
        The sequence of candidates.
    order : int
        HEALPix order of cells, each with one candidate.
    radius_arcsec : float
        Radius of the disc about each candidate.
    selection : BoundSelection
        The definition of good.
    """

    points: EvenPoints
    order: int
    radius_arcsec: float
    selection: BoundSelection

    def __call__(self, mask: Mask) -> Verdicts:
        """Return the verdicts on every candidate whose disc the image touches."""
        bad = _bad_pixels(mask, self.selection)
        judged = [self._judged(cells, mask.grid, bad) for cells in self._cells(mask.grid)]
        return Verdicts(
            np.concatenate([np.empty(0, np.int64), *(cells for cells, _ in judged)]),
            np.concatenate([np.empty(0), *(distance for _, distance in judged)]),
        )

    def reaches(self, grid: PixelGrid) -> bool:
        """Return whether any candidate may be on an image or near it; its mask need not be read otherwise."""
        cells = next(self._cells(grid))
        if cells.size > _FEW:
            return True
        middle, reach = self._circle(grid)
        vectors = unit_vectors(*sky_of(self.points.pixels(cells, self.order)))
        chords = np.linalg.norm(vectors.T - middle, axis=1)
        return bool((chords <= 2 * np.sin(np.radians(min(reach, 180.0)) / 2)).any())

    def _circle(self, grid: PixelGrid) -> tuple[Floats, float]:
        """Return centre and radius, degrees, of a circle that holds every candidate whose disc an image touches."""
        outline = _outline(grid)
        middle = outline.sum(axis=1)
        middle /= np.linalg.norm(middle)
        # chords are shorter than arcs, by 0.2 % at 10 degrees
        reach = 1.01 * np.degrees(np.linalg.norm(outline.T - middle, axis=1).max()) + self.radius_arcsec / 3600
        return middle, float(reach)

    def _cells(self, grid: PixelGrid) -> Iterator[Ints]:
        """Yield the cells on and around an image."""
        middle, reach = self._circle(grid)
        coarse = min(self.order, _BLOCK_ORDER)
        ra, dec = ra_dec(middle)
        blocks = hpgeom.query_circle(1 << coarse, ra, dec, min(reach, 180.0), inclusive=True)
        shift = 2 * (self.order - coarse)
        step = max(1, _AT_ONCE >> shift)
        for start in range(0, blocks.size, step):
            several = blocks[start : start + step].astype(np.int64)
            yield (several[:, np.newaxis] << shift | np.arange(1 << shift)).ravel()

    def _judged(self, cells: Ints, grid: PixelGrid, bad: BadPixels) -> tuple[Ints, Floats]:
        vectors = unit_vectors(*sky_of(self.points.pixels(cells, self.order)))
        pixels = WcsStack.of([grid.wcs]).pixels(np.zeros(cells.size, np.intp), vectors) - grid.offset
        ny, nx = grid.shape
        steps = metric_at(grid, np.array([(nx - 1) / 2]), np.array([(ny - 1) / 2]))[0]
        reach = 2 * self.radius_arcsec / np.sqrt(min(steps[0], steps[2])) + 1
        with np.errstate(invalid="ignore"):
            near = (abs(pixels - np.array([[nx - 1], [ny - 1]]) / 2) <= np.array([[nx], [ny]]) / 2 + reach).all(axis=0)
        cells, vectors, (x, y) = cells[near], vectors[:, near], pixels[:, near]
        metric = metric_at(grid, x, y)
        # the metric of a position holds in its neighbourhood; what it may miss there is added to the radius
        radius = self.radius_arcsec * (1 + _uncertainty(grid, (reach - 1) / 2))
        inside = (x >= -0.5) & (y >= -0.5) & (x < nx - 0.5) & (y < ny - 0.5)
        touched = inside.copy()
        touched[~inside] = distance_to_image(grid.shape, x[~inside], y[~inside], metric[~inside]) < radius
        nearest = bad.nearest(x[inside], y[inside], metric[inside])
        ends = grid.vectors(nearest.x, nearest.y)
        chords = np.linalg.norm(vectors[:, inside] - ends, axis=0)
        exact = 2 * np.arcsin(chords / 2) * _ARCSEC
        distance = np.zeros(x.size)
        distance[inside] = np.where((nearest.distance >= radius) & (exact >= self.radius_arcsec), exact, 0.0)
        return cells[touched], distance[touched]


def _bad_pixels(mask: Mask, selection: BoundSelection) -> BadPixels:
    if selection.by_pixel:
        return BadPixels.of(mask.encoded, selection.reject)
    return BadPixels.of(mask.recut(selection).encoded, CRITERIA_BITS)


def _outline(grid: PixelGrid) -> Floats:
    """Return unit vectors around an image; shape (3, n)."""
    ny, nx = grid.shape
    along = np.linspace(0.0, 1.0, 16)
    zero, one = np.zeros(along.size), np.ones(along.size)
    x = np.concatenate([along, one, along, zero]) * nx - 0.5
    y = np.concatenate([zero, along, one, along]) * ny - 0.5
    return grid.vectors(x, y)


def metric_at(grid: PixelGrid, x: Floats, y: Floats) -> Floats:
    """Return the metric at positions, arcsec**2 per pixel**2; see `BadPixels.nearest`."""
    along_x = (grid.vectors(x + 0.5, y) - grid.vectors(x - 0.5, y)) * _ARCSEC
    along_y = (grid.vectors(x, y + 0.5) - grid.vectors(x, y - 0.5)) * _ARCSEC
    products = [along_x * along_x, along_x * along_y, along_y * along_y]
    out: Floats = np.stack([each.sum(axis=0) for each in products], axis=1)
    return out


def _uncertainty(grid: PixelGrid, reach: float) -> float:
    """Return by which fraction distances of some pixels differ from those by the metric, at most; twice that."""
    ny, nx = grid.shape
    reach = min(reach, float(max(nx, ny)))
    x, y = (each.ravel() for each in np.meshgrid(*(np.linspace(0, n - 1.0, _CHECKS) for n in (nx, ny))))
    start, metric = grid.vectors(x, y), metric_at(grid, x, y)
    worst = 0.0
    for u, v in (_STEPS * reach).T:
        true = np.linalg.norm(grid.vectors(x + u, y + v) - start, axis=0) * _ARCSEC
        by_metric = np.sqrt(metric @ np.array([u * u, 2 * u * v, v * v]))
        worst = max(worst, float(np.abs(true / by_metric - 1).max()))
    return 2 * worst + 1e-9
