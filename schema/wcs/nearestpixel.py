"""Nearest coadd pixels of the pixels of an epoch."""

import numpy as np
import numpy.typing as npt

from .pixelmap import PixelMap

__all__ = ["nearest_pixels"]

Index = npt.NDArray[np.uint32]


def nearest_pixels(pixel_map: PixelMap, rows: slice, nx: int, coadd_shape: tuple[int, int]) -> tuple[Index, Index]:
    """Return the nearest coadd pixels of a range of epoch rows, for any mapping.

    Parameters
    ----------
    pixel_map : PixelMap
        Mapping from the epoch to the coadd.
    rows : slice
        Zero-based rows of the epoch.
    nx : int
        Number of columns of the epoch.
    coadd_shape : tuple of int
        (ny, nx) of the coadd.

    Returns
    -------
    ix, iy : ndarray of uint32, shape (stop - start, nx)
        Pixel numbers as in `goodpix.schema.wcs.pixelmap.rational_row`: zero-based plus 1, with 0 and the size plus 1
        for positions off the coadd.
    """
    y, x = np.mgrid[rows, 0:nx].astype(np.float64)
    positions = pixel_map.positions(x, y)
    out = []
    for position, size in zip(positions, coadd_shape[::-1], strict=True):
        inside = np.nan_to_num(np.floor(position + 0.5), nan=-1.0, posinf=size, neginf=-1.0)
        out.append((np.clip(inside, -1, size) + 1).astype(np.uint32))
    return out[0], out[1]
