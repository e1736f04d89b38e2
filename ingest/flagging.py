"""The flags of an epoch: its own planes, and the coadd's flags at each nearest pixel."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..schema.criteria import BIT_SHIFT, Criterion
from ..schema.jit import kernel
from ..schema.pixelmap import PixelMap, RationalMap, rational_row
from .coaddflags import CoaddFlags
from .pixels import as_floats, as_unsigned, fold_bits, is_positive

__all__ = ["EpochFlags", "flag_epoch"]

# Rows that the slow mapping handles at a time: wcslib wants whole arrays, memory does not.
_BLOCK = 256


@dataclass(frozen=True, slots=True, eq=False)
class EpochFlags:
    """The flags of an epoch's pixels.

    Parameters
    ----------
    flags : ndarray of int64, shape (ny, nx)
        See `goodpix.schema.criteria`.
    n_unique, n_good_unique : int
        Pixels, and good ones, whose nearest coadd pixel lies in the tile's unique region.
    """

    flags: npt.NDArray[np.int64]
    n_unique: int
    n_good_unique: int


def flag_epoch(
    weight: npt.NDArray[Any],
    bmask: npt.NDArray[np.integer[Any]],
    seg: npt.NDArray[np.integer[Any]],
    pixel_map: PixelMap,
    coadd: CoaddFlags,
) -> EpochFlags:
    """Return the flags of an epoch's pixels.

    Parameters
    ----------
    weight : ndarray of numbers, shape (ny, nx)
        Inverse variance.
    bmask, seg : ndarray of integers, shape (ny, nx)
        Mask bits and segmentation map.
    pixel_map : PixelMap
        From this image to the coadd.
    coadd : CoaddFlags
        The coadd's flags.
    """
    weights, bits, objects = as_floats(weight), as_unsigned(bmask), as_unsigned(seg)
    flags: npt.NDArray[np.int64] = np.empty(bmask.shape, np.int64)
    if isinstance(pixel_map, RationalMap):
        scale = np.array([pixel_map.centre_x, pixel_map.centre_y, pixel_map.half])
        n_unique, n_good = _flag_rational(
            weights, bits, objects, pixel_map.coefficients, scale, coadd.codes, coadd.flags, coadd.unique, flags
        )
        return EpochFlags(flags, n_unique, n_good)
    n_unique = n_good = 0
    for y0 in range(0, flags.shape[0], _BLOCK):
        rows = slice(y0, min(y0 + _BLOCK, flags.shape[0]))
        ix, iy = _nearest(pixel_map, rows, flags.shape[1], coadd.shape)
        for row in range(rows.start, rows.stop):
            unique, good = _flag_row(
                weights[row],
                bits[row],
                objects[row],
                ix[row - y0],
                iy[row - y0],
                coadd.codes,
                coadd.flags,
                coadd.unique,
                flags[row],
            )
            n_unique, n_good = n_unique + unique, n_good + good
    return EpochFlags(flags, n_unique, n_good)


def _nearest(
    pixel_map: PixelMap, rows: slice, nx: int, coadd_shape: tuple[int, int]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return the nearest coadd pixels of some rows, -1 to nx and -1 to ny, any way of mapping."""
    y, x = np.mgrid[rows.start : rows.stop, 0:nx].astype(np.float64)
    coadd_xy = pixel_map.coadd_xy(x, y)
    out = []
    for position, size in zip(coadd_xy, coadd_shape[::-1], strict=True):
        inside = np.nan_to_num(np.floor(position + 0.5), nan=-1.0, posinf=size, neginf=-1.0)
        out.append(np.clip(inside, -1, size).astype(np.int32))
    return out[0], out[1]


_SEG, _WEIGHT = np.int64(Criterion.SE_SEG), np.int64(Criterion.SE_WEIGHT)
_BMASK, _SHIFT = np.int64(Criterion.SE_BMASK), BIT_SHIFT["se"]


@kernel
def _flag_row(
    weight: npt.NDArray[np.floating[Any]],
    bmask: npt.NDArray[np.unsignedinteger[Any]],
    seg: npt.NDArray[np.unsignedinteger[Any]],
    ix: npt.NDArray[np.int32],
    iy: npt.NDArray[np.int32],
    codes: npt.NDArray[np.unsignedinteger[Any]],
    code_flags: npt.NDArray[np.int64],
    code_unique: npt.NDArray[np.bool_],
    out: npt.NDArray[np.int64],
) -> tuple[int, int]:
    """Write the flags of one row; return how many pixels are in the unique region, all and good ones."""
    n_unique = n_good = 0
    for x in range(out.size):
        bits = fold_bits(bmask[x])
        flags = (bits << _SHIFT) | _BMASK * np.int64(bits != 0)
        flags |= _SEG * np.int64(seg[x] != 0)
        flags |= _WEIGHT * np.int64(not is_positive(weight[x]))
        out[x] = flags
    for x in range(out.size):
        code = codes[iy[x] + 1, ix[x] + 1]
        flags = out[x] | code_flags[code]
        out[x] = flags
        n_unique += code_unique[code]
        n_good += code_unique[code] & (flags == 0)
    return n_unique, n_good


@kernel
def _flag_rational(
    weight: npt.NDArray[np.floating[Any]],
    bmask: npt.NDArray[np.unsignedinteger[Any]],
    seg: npt.NDArray[np.unsignedinteger[Any]],
    coefficients: npt.NDArray[np.float64],
    scale: npt.NDArray[np.float64],
    codes: npt.NDArray[np.unsignedinteger[Any]],
    code_flags: npt.NDArray[np.int64],
    code_unique: npt.NDArray[np.bool_],
    out: npt.NDArray[np.int64],
) -> tuple[int, int]:
    """Map, gather and flag every row."""
    ny, nx = out.shape
    coadd_ny, coadd_nx = codes.shape[0] - 2, codes.shape[1] - 2
    t = (np.arange(nx) - scale[0]) / scale[2]
    work = np.empty((3, nx))
    ix, iy = np.empty(nx, np.int32), np.empty(nx, np.int32)
    n_unique = n_good = 0
    for y in range(ny):
        s = (y - scale[1]) / scale[2]
        rational_row(coefficients, t, s, coadd_nx, coadd_ny, work, ix, iy)
        unique, good = _flag_row(weight[y], bmask[y], seg[y], ix, iy, codes, code_flags, code_unique, out[y])
        n_unique += unique
        n_good += good
    return n_unique, n_good
