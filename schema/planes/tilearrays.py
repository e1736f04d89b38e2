"""The arrays that hold many tiles, one after the other."""

import numpy as np
import numpy.typing as npt

from ..jit import kernel

__all__ = ["OUTSIDE", "check_arrays", "places_inside", "tiles_inside"]

Index = npt.NDArray[np.int64]

OUTSIDE = -2
"""What a kernel returns where `tiles_inside` is false."""


@kernel
def places_inside(places: Index, n_pixels: int) -> bool:
    """Return whether tiles' pixels lie inside an array of some pixels, one tile after the other."""
    inside = places.size > 0 and places[0] >= 0 and places[-1] <= n_pixels
    for tile in range(places.size - 1):
        inside &= places[tile] <= places[tile + 1]
    return inside


@kernel
def tiles_inside(n_bytes: int, starts: Index, stops: Index, places: Index, n_pixels: int) -> bool:
    """Return whether tiles' bytes, from `starts` to `stops`, and pixels lie inside their arrays."""
    inside = starts.size == stops.size and starts.size == places.size - 1 and places_inside(places, n_pixels)
    for tile in range(min(starts.size, stops.size)):
        inside &= (starts[tile] >= 0) & (starts[tile] <= stops[tile]) & (stops[tile] <= n_bytes)
    return inside


def check_arrays(result: int) -> int:
    """Return what a kernel returned.

    Raises
    ------
    ValueError
        If it is `OUTSIDE`: the caller's fault.
    """
    if result == OUTSIDE:
        raise ValueError("a tile is outside of the bytes or of the pixels")
    return result
