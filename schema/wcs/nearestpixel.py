"""Nearest coadd pixels of the pixels of an epoch."""

import numpy as np
import numpy.typing as npt

from ..amplifiers import Region
from ..jit import kernel
from .pixelmap import PixelMap, RationalMap, rational_row

__all__ = ["mark_nearest", "nearest_pixels"]

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.uint32]
Bools = npt.NDArray[np.bool_]

# Pixels of a CCD column processed at a time. If the column does not run along a coadd row, every pixel of it lies in
# another page of memory, and a narrow strip reuses the pages touched by the previous column.
_STRIP = 512

# Rows mapped at a time without a kernel.
_ROWS = 64


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


def mark_nearest(pixel_map: PixelMap, pixels: Bools, marks: Bools) -> Region:
    """Mark the coadd pixels nearest to the selected pixels of an epoch.

    Parameters
    ----------
    pixel_map : PixelMap
        Mapping from the epoch to the coadd.
    pixels : ndarray of bool, shape (ny, nx)
        Selected pixels of the epoch. Fastest in column-major memory order.
    marks : ndarray of bool, shape (coadd ny + 2, coadd nx + 2)
        Coadd pixels, marked in place, with a border of one pixel that stands for everything off the coadd.

    Returns
    -------
    Region
        Box of `marks` that contains every pixel marked.
    """
    box = np.array([marks.shape[1], 0, marks.shape[0], 0], np.int64)
    if isinstance(pixel_map, RationalMap) and pixel_map.cubic:
        ny, nx = pixels.shape
        t, s = pixel_map.scaling.scaled(np.arange(nx, dtype=float), np.arange(ny, dtype=float))
        # the kernel evaluates columns, so x and y are swapped
        turned = np.ascontiguousarray(pixel_map.coefficients.transpose(0, 2, 1))
        _mark_rational(turned, t, s, np.ascontiguousarray(pixels.T), marks, box)
    else:
        coadd_shape = (marks.shape[0] - 2, marks.shape[1] - 2)
        for y in range(0, pixels.shape[0], _ROWS):
            block = pixels[y : y + _ROWS]
            ix, iy = nearest_pixels(pixel_map, slice(y, y + block.shape[0]), block.shape[1], coadd_shape)
            marks[iy[block], ix[block]] = True
            _widen(box, ix, iy)
    return Region(*(int(each) for each in box))


def _widen(box: npt.NDArray[np.int64], ix: Index, iy: Index) -> None:
    """Extend a box to contain pixels."""
    low, high = np.array([ix.min(), iy.min()], np.int64), np.array([ix.max(), iy.max()], np.int64) + 1
    box[::2] = np.minimum(box[::2], low)
    box[1::2] = np.maximum(box[1::2], high)


@kernel
def _mark_rational(
    turned: Floats, t: Floats, s: Floats, columns: Bools, marks: Bools, box: npt.NDArray[np.int64]
) -> None:
    nx, ny = columns.shape
    coadd_ny, coadd_nx = marks.shape[0] - 2, marks.shape[1] - 2
    ix, iy = np.empty(_STRIP, np.uint32), np.empty(_STRIP, np.uint32)
    for y0 in range(0, ny, _STRIP):
        m = min(_STRIP, ny - y0)
        for x in range(nx):
            rational_row(turned, s[y0 : y0 + m], t[x], coadd_nx, coadd_ny, ix[:m], iy[:m])
            column = columns[x, y0 : y0 + m]
            for y in range(m):
                marks[iy[y], ix[y]] |= column[y]
            box[0], box[1] = min(box[0], ix[:m].min()), max(box[1], ix[:m].max() + 1)
            box[2], box[3] = min(box[2], iy[:m].min()), max(box[3], iy[:m].max() + 1)
