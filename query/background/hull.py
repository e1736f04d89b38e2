"""Convex hull of the good pixels of a box."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from ...schema.jit import kernel

__all__ = ["hull_contains"]

Image = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]

_TINY = 1e-9


def hull_contains(image: Image, box: Region, position: tuple[float, float]) -> bool:
    """Return whether a position lies in the convex hull of the pixels of a box that are not NaN, or on its edge.

    Parameters
    ----------
    image : ndarray of float32 or float64, shape (ny, nx)
        Row-major; NaN where bad.
    box : Region
        The box.
    position : tuple of float
        The x and y, counted from the first pixel of the box.
    """
    ny, nx = box.y1 - box.y0, box.x1 - box.x0
    ends = np.empty((2, ny), np.int64)
    _row_ends(image[box.y0 : box.y1, box.x0 : box.x1], ends)
    rows = np.flatnonzero(ends[0] < nx)
    x = ends[:, rows].ravel() - position[0]
    y = np.tile(rows, 2) - position[1]
    if not x.size:
        return False
    if ((np.abs(x) < _TINY) & (np.abs(y) < _TINY)).any():
        return True
    # outside, all pixels are seen within half a turn
    angles = np.sort(np.arctan2(y, x))
    widest_gap = np.diff(angles, append=angles[0] + 2 * np.pi).max()
    return bool(widest_gap <= np.pi + _TINY)


@kernel
def _row_ends(image: Image, ends: Ints) -> None:
    """Write the first and last pixel of each row that is not NaN; both are the width in a row without one."""
    ny, nx = image.shape
    for y in range(ny):
        row = image[y]
        first = 0
        while first < nx and row[first] != row[first]:
            first += 1
        last = nx if first == nx else nx - 1
        while last < nx and row[last] != row[last]:
            last -= 1
        ends[0, y], ends[1, y] = first, last
