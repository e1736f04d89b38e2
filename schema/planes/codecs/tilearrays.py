"""Bounds checks for arrays of consecutive tiles."""

import numpy as np
import numpy.typing as npt

from ...jit import kernel

__all__ = ["OUTSIDE", "check_arrays", "places_inside", "tiles_inside"]

Index = npt.NDArray[np.int64]

OUTSIDE = -2
"""Return value of a kernel if `tiles_inside` is false."""


@kernel
def places_inside(places: Index, n_pixels: int) -> bool:
    """Return True if the pixels of consecutive tiles lie inside an array of `n_pixels`."""
    inside = places.size > 0 and places[0] >= 0 and places[-1] <= n_pixels
    for tile in range(places.size - 1):
        inside &= places[tile] <= places[tile + 1]
    return inside


@kernel
def tiles_inside(n_bytes: int, starts: Index, stops: Index, places: Index, n_pixels: int) -> bool:
    """Return True if the bytes, `starts` to `stops`, and the pixels of all tiles lie inside their arrays."""
    inside = starts.size == stops.size and starts.size == places.size - 1 and places_inside(places, n_pixels)
    for tile in range(min(starts.size, stops.size)):
        inside &= (starts[tile] >= 0) & (starts[tile] <= stops[tile]) & (stops[tile] <= n_bytes)
    return inside


def check_arrays(result: int) -> int:
    """Return the result of a kernel unless it is `OUTSIDE`.

    Raises
    ------
    ValueError
        If it is `OUTSIDE`, an error of the caller.
    """
    if result == OUTSIDE:
        raise ValueError("a tile lies outside the bytes or the pixels")
    return result
