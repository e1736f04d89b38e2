"""Dilation of a set of pixels by a disc."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..jit import kernel

__all__ = ["dilate", "squared_distance"]

# Its square, and twice that, are still of 32 bits.
_FURTHEST = 10_000


def dilate(pixels: npt.NDArray[np.bool_], radius: float) -> npt.NDArray[np.bool_]:
    """Return which pixels lie within a radius of a pixel that is set.

    Parameters
    ----------
    pixels : ndarray of bool, shape (ny, nx)
        The set. Fastest where the memory order is column-major.
    radius : float
        Pixels; a pixel at exactly this distance is in.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        The memory order is column-major.

    Raises
    ------
    UsageError
        If the radius is negative or not finite.

    Notes
    -----
    Equals ``scipy.ndimage.binary_dilation`` with a disc. Two passes: the distance to the nearest set
    pixel of the same column, then for each of the columns around whether that is within the disc's
    height there. Both run along columns, with no branch in the inner loop.
    """
    if not 0 <= radius < np.inf:
        raise UsageError(f"radius is {radius}: expected pixels, 0 or more")
    columns = np.ascontiguousarray(pixels.T)
    nx, ny = columns.shape
    reach = min(int(radius), max(nx, ny))
    # half the disc's height at each distance in x; beyond the last there is nothing
    heights = np.floor(np.sqrt(radius * radius - np.arange(reach + 1.0) ** 2)).clip(max=ny)
    distance: npt.NDArray[np.unsignedinteger] = np.empty(columns.shape, np.uint8 if reach < 255 else np.uint32)
    _distance_in_column(columns, min(reach, ny) + 1, distance)
    out: npt.NDArray[np.bool_] = np.zeros(columns.shape, np.bool_)
    _reach_columns(distance, heights.astype(distance.dtype), out)
    return out.T


def squared_distance(pixels: npt.NDArray[np.bool_], reach: int) -> npt.NDArray[np.uint32]:
    """Return the squared distance of each pixel to the nearest one that is set.

    ``squared_distance(pixels, reach) <= radius**2`` is ``dilate(pixels, radius)`` for every radius up to `reach`.

    Parameters
    ----------
    pixels : ndarray of bool, shape (ny, nx)
        The set. Fastest where the memory order is column-major.
    reach : int
        Pixels, up to 10000; what is further away has ``reach**2 + 1``.

    Returns
    -------
    ndarray of uint32, shape (ny, nx)
        The memory order is column-major.

    Raises
    ------
    UsageError
        If `reach` is negative or too large.
    """
    if not 0 <= reach <= _FURTHEST:
        raise UsageError(f"reach is {reach}: expected pixels, 0 to {_FURTHEST}")
    columns = np.ascontiguousarray(pixels.T)
    distance: npt.NDArray[np.uint32] = np.empty(columns.shape, np.uint32)
    _distance_in_column(columns, reach + 1, distance)
    out: npt.NDArray[np.uint32] = np.full(columns.shape, reach * reach + 1, np.uint32)
    _nearest_column(distance, reach, out)
    return out.T


@kernel
def _distance_in_column(columns: npt.NDArray[np.bool_], too_far: int, out: npt.NDArray[np.unsignedinteger]) -> None:
    """Write how far the nearest set pixel of the same column is, at most `too_far`."""
    nx, ny = columns.shape
    for x in range(nx):
        far: Any = too_far
        for y in range(ny):
            far = 0 if columns[x, y] else min(far + 1, too_far)
            out[x, y] = far
        far = too_far
        for y in range(ny - 1, -1, -1):
            far = min(np.int64(out[x, y]), far + 1)
            out[x, y] = far


@kernel
def _reach_columns(
    distance: npt.NDArray[np.unsignedinteger], heights: npt.NDArray[np.unsignedinteger], out: npt.NDArray[np.bool_]
) -> None:
    """Set what a disc about a set pixel of any column around covers."""
    nx, ny = distance.shape
    reach = heights.size - 1
    for x in range(nx):
        for other in range(max(0, x - reach), min(nx, x + reach + 1)):
            height = heights[abs(other - x)]
            for y in range(ny):
                out[x, y] |= distance[other, y] <= height


@kernel
def _nearest_column(distance: npt.NDArray[np.uint32], reach: int, out: npt.NDArray[np.uint32]) -> None:
    """Lower squared distances to those to the set pixels of the columns around."""
    nx, ny = distance.shape
    for x in range(nx):
        for other in range(max(0, x - reach), min(nx, x + reach + 1)):
            across = np.uint32((other - x) * (other - x))
            for y in range(ny):
                out[x, y] = min(out[x, y], distance[other, y] * distance[other, y] + across)
