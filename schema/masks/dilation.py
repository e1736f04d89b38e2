"""Dilation of pixel sets by a disc."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..jit import kernel

__all__ = ["dilate", "squared_distance"]

# Twice its square still fits 32 bits.
_FURTHEST = 10_000


def dilate(pixels: npt.NDArray[np.bool_], radius: float) -> npt.NDArray[np.bool_]:
    """Dilate a set of pixels by a disc.

    Parameters
    ----------
    pixels : ndarray of bool, shape (ny, nx)
        Set of pixels; column-major memory order is fastest.
    radius : float
        Radius in pixels; pixels at exactly this distance are included.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        Pixels within the radius of a set pixel, in column-major memory order.

    Raises
    ------
    UsageError
        If the radius is negative or not finite.

    Notes
    -----
    Equals ``scipy.ndimage.binary_dilation`` with a disc. The first pass finds the distance to the
    nearest set pixel in the same column; the second compares it with the disc's half-height in each
    neighbouring column. Both run along columns, with no branch in the inner loop.
    """
    if not 0 <= radius < np.inf:
        raise UsageError(f"radius is {radius}: expected 0 pixels or more")
    columns = np.ascontiguousarray(pixels.T)
    nx, ny = columns.shape
    reach = min(int(radius), max(nx, ny))
    # half-height of the disc at each distance in x
    heights = np.floor(np.sqrt(radius * radius - np.arange(reach + 1.0) ** 2)).clip(max=ny)
    distance: npt.NDArray[np.unsignedinteger] = np.empty(columns.shape, np.uint8 if reach < 255 else np.uint32)
    _distance_in_column(columns, min(reach, ny) + 1, distance)
    out: npt.NDArray[np.bool_] = np.zeros(columns.shape, np.bool_)
    _reach_columns(distance, heights.astype(distance.dtype), out)
    return out.T


def squared_distance(pixels: npt.NDArray[np.bool_], reach: int) -> npt.NDArray[np.uint32]:
    """Return the squared distance from each pixel to the nearest set pixel.

    ``squared_distance(pixels, reach) <= radius**2`` equals ``dilate(pixels, radius)`` for every radius up to `reach`.

    Parameters
    ----------
    pixels : ndarray of bool, shape (ny, nx)
        Set of pixels; column-major memory order is fastest.
    reach : int
        Largest distance of interest in pixels, up to 10000; pixels further away get ``reach**2 + 1``.

    Returns
    -------
    ndarray of uint32, shape (ny, nx)
        Squared distances in pixels^2, in column-major memory order.

    Raises
    ------
    UsageError
        If `reach` is negative or too large.
    """
    if not 0 <= reach <= _FURTHEST:
        raise UsageError(f"reach is {reach}: expected 0 to {_FURTHEST} pixels")
    columns = np.ascontiguousarray(pixels.T)
    distance: npt.NDArray[np.uint32] = np.empty(columns.shape, np.uint32)
    _distance_in_column(columns, reach + 1, distance)
    out: npt.NDArray[np.uint32] = np.full(columns.shape, reach * reach + 1, np.uint32)
    _nearest_column(distance, reach, out)
    return out.T


@kernel
def _distance_in_column(columns: npt.NDArray[np.bool_], too_far: int, out: npt.NDArray[np.unsignedinteger]) -> None:
    """Write the distance to the nearest set pixel in the same column, capped at `too_far`."""
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
    """Set the pixels within a disc of a set pixel in any column."""
    nx, ny = distance.shape
    reach = heights.size - 1
    for x in range(nx):
        for other in range(max(0, x - reach), min(nx, x + reach + 1)):
            height = heights[abs(other - x)]
            for y in range(ny):
                out[x, y] |= distance[other, y] <= height


@kernel
def _nearest_column(distance: npt.NDArray[np.uint32], reach: int, out: npt.NDArray[np.uint32]) -> None:
    """Reduce squared distances to those from set pixels in columns within reach."""
    nx, ny = distance.shape
    for x in range(nx):
        for other in range(max(0, x - reach), min(nx, x + reach + 1)):
            across = np.uint32((other - x) * (other - x))
            for y in range(ny):
                out[x, y] = min(out[x, y], distance[other, y] * distance[other, y] + across)
