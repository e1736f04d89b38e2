"""HCOMPRESS_1 decompression."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ...jit import kernel
from .tilearrays import OUTSIDE, check_arrays, tiles_inside

__all__ = ["decode_hcompress"]

Bytes = npt.NDArray[np.uint8]
Index = npt.NDArray[np.int64]
Coefficients = npt.NDArray[np.int64]

# Bytes of the header of a stream: magic number (2), rows, columns and scale (4 each), sum (8), bit planes (3).
_HEADER = 25

# Codes of four bits, by the next six bits of the stream, and the number of bits of each.
_LONGER = {8: 3, 9: 5, 10: 10, 11: 12, 12: 15}, {26: 6, 27: 7, 28: 9, 29: 11, 30: 13}, {62: 0, 63: 14}
_VALUES = np.zeros(64, np.uint8)
_LENGTHS = np.zeros(64, np.int64)
for _n_bits, _codes in zip((3, 4, 5, 6), ({0: 1, 1: 2, 2: 4, 3: 8}, *_LONGER), strict=True):
    for _code, _value in _codes.items():
        _same = slice(_code << (6 - _n_bits), (_code + 1) << (6 - _n_bits))
        _VALUES[_same], _LENGTHS[_same] = _value, _n_bits


@kernel
def _bits(data: Bytes, bit: int, stop: int, n: int) -> Any:
    """Return `n` bits, at most 9, from a bit offset on; bytes from `stop` on count as zeros."""
    at = bit >> 3
    word = np.int64(0)
    for k in range(2):
        word <<= 8
        if at + k < stop:
            word |= np.int64(data[at + k])
    return (word >> (16 - (bit & 7) - n)) & ((1 << n) - 1)


@kernel
def _integer(data: Bytes, at: int, n: int) -> Any:
    """Return a big-endian integer of `n` bytes, with its sign."""
    word = np.int64(np.int8(data[at]))
    for k in range(1, n):
        word = (word << 8) | np.int64(data[at + k])
    return word


@kernel
def _part(codes: Bytes, width: int, y: int, x: int) -> Any:
    """Return the bit of pixel (y, x) in codes of 2 x 2 pixels, `width` of which make a row."""
    return (np.int64(codes[(y >> 1) * width + (x >> 1)]) >> (3 - 2 * (y & 1) - (x & 1))) & 1


@kernel
def _bit_plane(data: Bytes, bit: int, stop: int, plane: int, codes: Bytes, finer: Bytes, out: Coefficients) -> int:
    """Decode one bit of the coefficients of a quadrant; return the end, or -1 if the stream is damaged."""
    ny, nx = out.shape
    width = (nx + 1) >> 1
    kind = _bits(data, bit, stop, 4)
    bit += 4
    if kind == 0:  # codes as they are
        for k in range(((ny + 1) >> 1) * width):
            codes[k] = _bits(data, bit, stop, 4)
            bit += 4
    elif kind == 15:  # a tree: each code says which of four finer codes are not zero
        levels = 0
        while (1 << levels) < max(ny, nx):
            levels += 1
        codes[0] = _VALUES[_bits(data, bit, stop, 6)]
        bit += _LENGTHS[_bits(data, bit, stop, 6)]
        if codes[0] == 0:
            return bit if bit <= 8 * stop else -1
        for level in range(levels - 1, 0, -1):
            h, w, coarse = -(-ny >> level), -(-nx >> level), -(-nx >> (level + 1))
            for y in range(h - 1, -1, -1):
                for x in range(w - 1, -1, -1):
                    finer[y * w + x] = 0
                    if _part(codes, coarse, y, x):
                        six = _bits(data, bit, stop, 6)
                        finer[y * w + x] = _VALUES[six]
                        bit += _LENGTHS[six]
            codes, finer = finer, codes
    else:
        return -1
    if bit > 8 * stop:
        return -1
    for y in range(ny):
        for x in range(nx):
            out[y, x] |= np.int64(_part(codes, width, y, x)) << plane
    return bit


@kernel
def _coefficients(data: Bytes, start: int, stop: int, most: int, out: Coefficients) -> bool:
    """Decode the coefficients of a tile, in four quadrants; return False if the stream is damaged."""
    ny, nx = out.shape
    half_y, half_x = (ny + 1) >> 1, (nx + 1) >> 1
    out[:] = 0
    codes, finer = np.empty(half_y * half_x, np.uint8), np.empty(half_y * half_x, np.uint8)
    bit = 8 * (start + _HEADER)
    for quadrant in range(4):
        low, left = quadrant < 2, quadrant % 2 == 0
        part = out[(0 if low else half_y) : (half_y if low else ny), (0 if left else half_x) : (half_x if left else nx)]
        n_planes = np.int64(data[start + 22 + (quadrant + 1) // 2])
        if n_planes > most or (n_planes > 0 and part.size == 0):
            return False
        for plane in range(n_planes - 1, -1, -1):
            bit = _bit_plane(data, bit, stop, plane, codes, finer, part)
            if bit < 0:
                return False
    if _bits(data, bit, stop, 4) != 0 or bit + 4 > 8 * stop:  # the end of the bit planes
        return False
    bit = (bit + 4 + 7) // 8 * 8
    for y in range(ny):
        for x in range(nx):
            if out[y, x] != 0:
                if _bits(data, bit, stop, 1):
                    out[y, x] = -out[y, x]
                bit += 1
    return bit <= 8 * stop


@kernel
def _rounded(value: int, unit: int) -> int:
    """Round to a multiple of a power of 2."""
    half = unit >> 1
    return (value + (half if value >= 0 else max(half - 1, 0))) & -unit


@kernel
def _away(value: int, change: int) -> int:
    """Add to the absolute value, taking 0 as positive."""
    return value + change if value >= 0 else value - change


@kernel
def _undo_level(level: int, a: Coefficients, room: Coefficients) -> None:
    """Replace the sums and differences of 2 x 2 pixels by the pixels."""
    ny, nx = -(-a.shape[0] >> level), -(-a.shape[1] >> level)
    half_y, half_x = (ny + 1) >> 1, (nx + 1) >> 1
    low = 1 << level
    shift = 2 if level == 0 else 1
    for y in range(half_y):
        for x in range(half_x):
            h0 = a[y, x]
            below, beside = 2 * y + 1 < ny, 2 * x + 1 < nx
            if below and beside:
                hx, hy = _rounded(a[half_y + y, x], 2 * low), _rounded(a[y, half_x + x], 2 * low)
                hc = _rounded(a[half_y + y, half_x + x], low)
                low0 = hc & low
                hx, hy = _away(hx, -low0), _away(hy, -low0)
                low1 = (hc ^ hx ^ hy) & (2 * low)
                if h0 >= 0:
                    h0 += low0 - low1
                else:
                    h0 += low1 if low0 == 0 else low0 - low1
                room[2 * y, 2 * x] = (h0 - hx - hy + hc) >> shift
                room[2 * y, 2 * x + 1] = (h0 - hx + hy - hc) >> shift
                room[2 * y + 1, 2 * x] = (h0 + hx - hy - hc) >> shift
                room[2 * y + 1, 2 * x + 1] = (h0 + hx + hy + hc) >> shift
            elif below or beside:
                h1 = _rounded(a[half_y + y, x] if below else a[y, half_x + x], 2 * low)
                h0 = _away(h0, -(h1 & (2 * low)))
                room[2 * y, 2 * x] = (h0 - h1) >> shift
                room[2 * y + below, 2 * x + beside] = (h0 + h1) >> shift
            else:
                room[2 * y, 2 * x] = h0 >> shift
    a[:ny, :nx] = room[:ny, :nx]


@kernel
def _hcompress_tile(
    data: Bytes, start: int, stop: int, most: int, a: Coefficients, room: Coefficients, out: npt.NDArray[np.int32]
) -> bool:
    """Decode one tile; return False if the stream is damaged."""
    if stop - start < _HEADER or data[start] != 0xDD or data[start + 1] != 0x99:
        return False
    if _integer(data, start + 2, 4) != a.shape[0] or _integer(data, start + 6, 4) != a.shape[1]:
        return False
    if not _coefficients(data, start, stop, most, a):
        return False
    scale = _integer(data, start + 10, 4)
    a[0, 0] = _integer(data, start + 14, 8)
    if scale > 1:
        a *= scale
    levels = 0
    while (1 << levels) < max(a.shape[0], a.shape[1]):
        levels += 1
    a[0, 0] = _rounded(a[0, 0], 2 << levels)
    for level in range(levels - 1, -1, -1):
        _undo_level(level, a, room)
    fits = True
    for y in range(a.shape[0]):
        for x in range(a.shape[1]):
            out[y * a.shape[1] + x] = np.int32(a[y, x])
            fits &= a[y, x] == out[y * a.shape[1] + x]
    return fits


@kernel
def _hcompress_tiles(
    data: Bytes, starts: Index, stops: Index, places: Index, widths: Index, most: int, out: npt.NDArray[np.int32]
) -> int:
    """Decode tiles; return the index of the first invalid one, or -1."""
    if not tiles_inside(data.size, starts, stops, places, out.size) or widths.size != starts.size:
        return OUTSIDE
    for tile in range(starts.size):
        pixels = out[places[tile] : places[tile + 1]]
        if widths[tile] < 1 or pixels.size % widths[tile]:
            return OUTSIDE
        shape = pixels.size // widths[tile], widths[tile]
        a, room = np.empty(shape, np.int64), np.empty(shape, np.int64)
        if not _hcompress_tile(data, starts[tile], stops[tile], most, a, room, pixels):
            return tile
    return -1


def decode_hcompress(
    data: Bytes, starts: Index, stops: Index, places: Index, out: npt.NDArray[np.int32], *, widths: Index, n_bits: int
) -> int:
    """Decode tiles compressed by HCOMPRESS_1, without smoothing.

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
    widths : ndarray of int64, shape (n_tiles,)
        Columns of each tile; its pixels are whole rows.
    n_bits : int
        Bits per pixel, 8, 16 or 32: more than they allow cannot stand in a stream.

    Returns
    -------
    int
        Index of the first tile whose stream is damaged; -1 if there is none.

    Notes
    -----
    The H-transform and its coding are those of R. White (FITS standard 4.0, section 10.4.4).
    """
    most = min(62, n_bits + 3 + max(1, out.size).bit_length())
    return check_arrays(_hcompress_tiles(data, starts, stops, places, widths, most, out))
