"""PLIO_1 decompression, used for masks."""

import numpy as np
import numpy.typing as npt

from ...jit import kernel
from .tilearrays import OUTSIDE, check_arrays, tiles_inside

__all__ = ["decode_plio"]


@kernel
def _short(data: npt.NDArray[np.uint8], at: int) -> int:
    """Return the signed 16-bit word at a byte offset."""
    return int(np.int16((np.int32(data[at]) << 8) | np.int32(data[at + 1])))


@kernel
def _plio_tile(
    data: npt.NDArray[np.uint8], start: int, stop: int, least: int, most: int, out: npt.NDArray[np.int32]
) -> bool:
    """Decode one tile from its 16-bit instructions; return False if they or their values are invalid."""
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
        if code == 1:  # new value, in two words
            if k < n:
                value = (_short(data, start + 2 * k) << 12) + number
            k += 1
        elif code == 0 or code == 4 or code == 5:  # a run of zeros; of the value; of zeros that ends with the value
            end = min(x + number, nx)
            if code != 0 and not least <= value <= most:
                return False
            out[x:end] = np.int32(value) if code == 4 else np.int32(0)
            if code == 5 and end == x + number and number > 0:
                out[end - 1] = np.int32(value)
            x = end
        else:  # change of the value: 2 and 6 raise it, 3 and 7 lower it; 6 and 7 also write one pixel
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
    """Decode tiles; return the index of the first invalid one, or -1."""
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
    """Decode tiles compressed by PLIO_1.

    Parameters
    ----------
    data : ndarray of uint8
        Buffer that contains the compressed tiles.
    starts, stops : ndarray of int64, shape (n_tiles,)
        Start and end of each tile in `data`; nothing outside them is read.
    places : ndarray of int64, shape (n_tiles + 1,)
        Boundaries of the tiles' pixels in `out`.
    out : ndarray of int32
        Output array of the pixels.
    least, most : int
        Range of pixel values allowed besides 0.

    Returns
    -------
    int
        Index of the first tile with invalid PLIO instructions or a value out of range; -1 if there is none.

    Notes
    -----
    The instructions are those of IRAF's PLIO package (FITS standard 4.0, section 10.4.3).
    """
    return check_arrays(_plio_tiles(data, starts, stops, places, least, most, out))
