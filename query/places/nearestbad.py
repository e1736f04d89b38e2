"""Nearest bad pixels of an image."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...schema.jit import kernel
from ...schema.masks.rle import Runs

__all__ = ["BadPixels", "NearestBad", "distance_to_image"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class NearestBad:
    """Nearest points of bad pixels.

    Parameters
    ----------
    distance : ndarray of float64, shape (n,)
        Distance by the metric of each position; 0 in a bad pixel.
    x, y : ndarray of float64, shape (n,)
        The point, zero-based pixels.
    """

    distance: Floats
    x: Floats
    y: Floats


@dataclass(frozen=True, slots=True, eq=False)
class BadPixels:
    """Bad pixels of an image, as stretches of pixels ``k = x * ny + y``; all pixels off the image are bad.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of the image.
    starts, ends : ndarray of int64, shape (n,)
        First pixel of each stretch, and the one after its last, ascending.
    """

    shape: tuple[int, int]
    starts: Ints
    ends: Ints

    @classmethod
    def of(cls, runs: Runs, reject: int) -> "BadPixels":
        """Return the pixels with ``flags & reject != 0``."""
        ends = np.cumsum(runs.lengths, dtype=np.int64)
        bad = np.concatenate([[False], (runs.flags & np.int64(reject)) != 0, [False]])
        starts = (ends - runs.lengths)[bad[1:-1] & ~bad[:-2]]
        return cls((runs.ny, runs.nx), starts, ends[bad[1:-1] & ~bad[2:]])

    def nearest(self, x: Floats, y: Floats, metric: Floats) -> NearestBad:
        """Return the nearest point of a bad pixel, which is a square of 1 pixel, to each position.

        Parameters
        ----------
        x, y : ndarray of float64, shape (n,)
            Positions on the image, zero-based pixels.
        metric : ndarray of float64, shape (n, 3)
            Squared distance of steps (u, v) from each position: ``m[0] u**2 + 2 m[1] u v + m[2] v**2``.
        """
        ny, nx = self.shape
        # number of the first stretch that ends in each column or later
        first = np.searchsorted(self.ends, np.arange(nx + 1) * ny, side="right")
        out = np.empty((3, x.size))
        _find_nearest(self.starts, self.ends, first.astype(np.int64), ny, x, y, np.ascontiguousarray(metric), out)
        return NearestBad(*out)


def distance_to_image(shape: tuple[int, int], x: Floats, y: Floats, metric: Floats) -> Floats:
    """Return the distance of positions to an image, by the metric of each; 0 on it. See `BadPixels.nearest`."""
    ny, nx = shape
    out = np.empty(x.size)
    _find_distances(float(ny), float(nx), x, y, np.ascontiguousarray(metric), out)
    return out


@kernel
def _find_nearest(
    starts: Ints, ends: Ints, first: Ints, ny: int, x: Floats, y: Floats, metric: Floats, out: Floats
) -> None:
    """Search column after column away from each position, until no column can hold a nearer pixel."""
    nx = first.size - 1
    for k in range(x.size):
        m0, m1, m2 = metric[k, 0], metric[k, 1], metric[k, 2]
        across = m0 - m1 * m1 / m2  # squared distance per squared column, along the shortest way
        best, best_u, best_v = np.inf, 0.0, 0.0
        middle = np.int64(np.floor(x[k] + 0.5))
        for side in range(2):
            column = middle if side == 0 else middle - 1
            while True:
                left, right = column - 0.5 - x[k], column + 0.5 - x[k]
                u = min(max(0.0, left), right)
                if across * u * u >= best:
                    break
                v = -m1 / m2 * u  # where the column is nearest
                row = np.int64(np.floor(y[k] + v + 0.5))
                if column < 0 or column >= nx or row < 0 or row >= ny:
                    best, best_u, best_v = across * u * u, u, v
                    break
                low, high = _bad_rows(starts, ends, first, ny, column, row)
                square = _square(m0, m1, m2, left, right, low - 0.5 - y[k], low + 0.5 - y[k])
                if square[0] < best:
                    best, best_u, best_v = square
                square = _square(m0, m1, m2, left, right, high - 0.5 - y[k], high + 0.5 - y[k])
                if square[0] < best:
                    best, best_u, best_v = square
                column += 1 if side == 0 else -1
        out[0, k], out[1, k], out[2, k] = np.sqrt(best), x[k] + best_u, y[k] + best_v


@kernel
def _bad_rows(starts: Ints, ends: Ints, first: Ints, ny: int, column: Any, row: Any) -> tuple[int, int]:
    """Return the last bad row of a column up to a row, and the first from it on; -1 and ny are bad."""
    bottom = column * ny
    pixel = bottom + row
    low, high = first[column], first[column + 1]
    while low < high:  # the first stretch that ends beyond the pixel
        half = (low + high) // 2
        if ends[half] > pixel:
            high = half
        else:
            low = half + 1
    below, above = -1, ny
    if low < starts.size:
        if starts[low] <= pixel:
            return row, row
        above = min(ny, starts[low] - bottom)
    if low > 0:
        below = max(-1, ends[low - 1] - 1 - bottom)
    return below, above


@kernel
def _square(
    m0: float, m1: float, m2: float, left: float, right: float, low: float, high: float
) -> tuple[float, float, float]:
    """Return the squared length of the shortest step into a rectangle, and the step."""
    if left <= 0.0 <= right and low <= 0.0 <= high:
        return 0.0, 0.0, 0.0
    best, best_u, best_v = np.inf, 0.0, 0.0
    for u in (left, right):
        v = min(max(-m1 / m2 * u, low), high)
        squared = m0 * u * u + 2.0 * m1 * u * v + m2 * v * v
        if squared < best:
            best, best_u, best_v = squared, u, v
    for v in (low, high):
        u = min(max(-m1 / m0 * v, left), right)
        squared = m0 * u * u + 2.0 * m1 * u * v + m2 * v * v
        if squared < best:
            best, best_u, best_v = squared, u, v
    return best, best_u, best_v


@kernel
def _find_distances(ny: float, nx: float, x: Floats, y: Floats, metric: Floats, out: Floats) -> None:
    for k in range(x.size):
        left, low = -0.5 - x[k], -0.5 - y[k]
        m0, m1, m2 = metric[k, 0], metric[k, 1], metric[k, 2]
        out[k] = np.sqrt(_square(m0, m1, m2, left, left + nx, low, low + ny)[0])
