"""PLIO_1, the compression of masks."""

import numpy as np
import numpy.typing as npt

from ..jit import kernel
from .tilearrays import OUTSIDE, check_arrays, tiles_inside

__all__ = ["decode_plio"]


@kernel
def _short(data: npt.NDArray[np.uint8], at: int) -> int:
    """Return the 16-bit word at a byte, signed."""
    return int(np.int16((np.int32(data[at]) << 8) | np.int32(data[at + 1])))


@kernel
def _plio_tile(
    data: npt.NDArray[np.uint8], start: int, stop: int, least: int, most: int, out: npt.NDArray[np.int32]
) -> bool:
    """Decode one tile, a list of instructions of 16 bits; return whether it is one, of values that are allowed."""
    n_words = (stop - start) // 2
    if n_words < 3:
        return False
    n, first = _short(data, start + 4), 3
    if n <= 0:
        if n_words < 5:
            return False
        first, low, high = _short(data, start + 2), _short(data, start + 6), _short(data, start + 8)
        if low < 0 or high < 0:
            return False
        n = (high << 15) + low
    if not 0 < n <= n_words or first < 0:
        return False
    x, nx, value, k = 0, out.size, 1, first
    while k < n and x < nx:
        word = _short(data, start + 2 * k)
        if word < 0:
            return False
        code, number = word >> 12, word & 4095
        k += 1
        if code == 1:  # a value of its own, in two words
            if k < n:
                value = (_short(data, start + 2 * k) << 12) + number
            k += 1
        elif code == 0 or code == 4 or code == 5:  # zeros; values; zeros and one value
            end = min(x + number, nx)
            if code != 0 and not least <= value <= most:
                return False
            out[x:end] = np.int32(value) if code == 4 else np.int32(0)
            if code == 5 and end == x + number and number > 0:
                out[end - 1] = np.int32(value)
            x = end
        else:  # a step of the value: 2 and 6 up, 3 and 7 down; 6 and 7 are one pixel too
            value += number if code == 2 or code == 6 else -number
            if code >= 6:
                if not least <= value <= most:
                    return False
                out[x] = np.int32(value)
                x += 1
    out[x:] = np.int32(0)
    return True


@kernel
def _plio_tiles(
    data: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    stops: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    least: int,
    most: int,
    out: npt.NDArray[np.int32],
) -> int:
    """Decode tiles; return which one cannot be, or -1."""
    if not tiles_inside(data.size, starts, stops, places, out.size):
        return OUTSIDE
    for tile in range(starts.size):
        if not _plio_tile(data, starts[tile], stops[tile], least, most, out[places[tile] : places[tile + 1]]):
            return tile
    return -1


def decode_plio(
    data: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    stops: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    out: npt.NDArray[np.int32],
    *,
    least: int = -(1 << 31),
    most: int = (1 << 31) - 1,
) -> int:
    """Decode tiles that were compressed by PLIO_1.

    Parameters
    ----------
    data : ndarray of uint8
        Bytes that hold the tiles'.
    starts, stops : ndarray of int64, shape (n_tiles,)
        Where each tile's bytes begin and end; nothing outside is read.
    places : ndarray of int64, shape (n_tiles + 1,)
        Where each tile's pixels begin and end in `out`.
    out : ndarray of int32
        The pixels.
    least, most : int
        Values that a pixel may have besides 0.

    Returns
    -------
    int
        The first tile whose bytes are not a list of PLIO's instructions, or make another value; -1 for none.

    Notes
    -----
    The instructions are those of IRAF's PLIO package (FITS standard 4.0, section 10.4.3).
    """
    return check_arrays(_plio_tiles(data, starts, stops, places, least, most, out))
