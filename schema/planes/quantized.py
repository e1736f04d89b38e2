"""Floating-point pixels stored as quantised integers."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..jit import kernel
from .codecs.tilearrays import OUTSIDE, check_arrays, places_inside

__all__ = ["DITHERS", "Quantization", "positive", "restore"]

Pixels = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]

DITHERS = {"NO_DITHER": 0, "SUBTRACTIVE_DITHER_1": 1, "SUBTRACTIVE_DITHER_2": 2}
"""Number of each dithering method, by its name in ZQUANTIZ."""

# Integer that stands for an exact zero with SUBTRACTIVE_DITHER_2.
_ZERO = -2147483646

_N_RANDOM = 10000
_LOWEST, _HIGHEST = -(1 << 31), (1 << 31) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Quantization:
    """Quantisation parameters of tiles.

    Parameters
    ----------
    scale, zero : ndarray of float64, shape (n_tiles,)
        A pixel is ``scale * integer + zero``; with dithering, plus a random part of `scale`, -0.5 to 0.5.
    seed : ndarray of int64, shape (n_tiles,)
        Start of each tile in the random sequence: its row number from 0, plus ZDITHER0, minus 1.
    blank : ndarray of int64, shape (n_tiles,)
        Integer that stands for NaN; without one, a value that no pixel can have.
    dither : int
        Dithering method, a value of `DITHERS`.
    """

    scale: Numbers
    zero: Numbers
    seed: Places
    blank: Places
    dither: int


@cache
def _randoms() -> npt.NDArray[np.float32]:
    """Return the random sequence of the FITS standard (4.0, appendix I)."""
    out, seed = np.empty(_N_RANDOM, np.float32), 1
    for k in range(_N_RANDOM):
        seed = 16807 * seed % 2147483647
        out[k] = seed / 2147483647
    return out


@kernel
def _restore_tile(
    values: Pixels,
    scale: float,
    zero: float,
    seed: int,
    blank: int,
    dither: int,
    randoms: npt.NDArray[np.float32],
    out: npt.NDArray[np.floating[Any]],
) -> None:
    """Compute the pixels of one tile, as CFITSIO does."""
    if dither == 0:
        for k in range(values.size):
            out[k] = np.nan if values[k] == blank else values[k] * scale + zero
        return
    first = seed % randoms.size
    at = int(randoms[first] * np.float32(500))
    for k in range(values.size):
        value = values[k]
        if value == blank:
            out[k] = np.nan
        elif dither == 2 and value == _ZERO:
            out[k] = 0
        else:
            out[k] = (np.float64(value) - np.float64(randoms[at]) + 0.5) * scale + zero
        at += 1
        if at == randoms.size:
            first = (first + 1) % randoms.size
            at = int(randoms[first] * np.float32(500))


@kernel
def _inside(
    n_values: int, places: Places, scale: Numbers, zero: Numbers, seed: Places, blank: Places, n_out: int
) -> bool:
    """Return True if all tiles lie inside their arrays and have valid seeds."""
    n = places.size - 1
    inside = scale.size == n and zero.size == n and seed.size == n and blank.size == n
    for tile in range(seed.size):
        inside &= seed[tile] >= 0
    return inside and places_inside(places, min(n_values, n_out))


@kernel
def _restore_tiles(
    values: Pixels,
    places: Places,
    scale: Numbers,
    zero: Numbers,
    seed: Places,
    blank: Places,
    dither: int,
    randoms: npt.NDArray[np.float32],
    out: npt.NDArray[np.floating[Any]],
) -> int:
    """Compute the pixels of tiles; return `OUTSIDE` if a tile is not inside its array."""
    if not _inside(values.size, places, scale, zero, seed, blank, out.size):
        return OUTSIDE
    for tile in range(scale.size):
        a, b = places[tile], places[tile + 1]
        _restore_tile(values[a:b], scale[tile], zero[tile], seed[tile], blank[tile], dither, randoms, out[a:b])
    return 0


@kernel
def _compare(values: Pixels, low: Any, high: Any, special: Any, zero: Any, out: npt.NDArray[np.bool_]) -> bool:
    """Flag integers of at least `high`; return True if any lies from `low` to `high`, special values apart.

    All arguments are int32, because mixed types make the comparisons slow.
    """
    doubtful = False
    for k in range(values.size):
        value = values[k]
        out[k] = value >= high
        doubtful |= (value >= low) & (value < high) & (value != special) & (value != zero)
    return doubtful


@kernel
def _positive_tiles(
    values: Pixels,
    places: Places,
    scale: Numbers,
    zero: Numbers,
    seed: Places,
    blank: Places,
    dither: int,
    randoms: npt.NDArray[np.float32],
    pixel: npt.NDArray[np.floating[Any]],
    out: npt.NDArray[np.bool_],
) -> int:
    """Flag positive finite pixels of tiles; return `OUTSIDE` if a tile is not inside its array.

    `pixel` is any array of the pixels' type.
    """
    if not _inside(values.size, places, scale, zero, seed, blank, out.size):
        return OUTSIDE
    for tile in range(scale.size):
        a, b = places[tile], places[tile + 1]
        boundary = -zero[tile] / scale[tile]
        # scale far from the limits of float32; boundary so small that rounding errors are far below one integer
        plain = (scale[tile] > 1e-30) & (scale[tile] < 1e26) & (np.abs(boundary) < 1e10)
        if plain:
            low, high = int(np.floor(boundary)) - 1, int(np.ceil(boundary)) + 2
            if dither == 2:
                high = max(high, _ZERO + 1)
            if (blank[tile] < high or blank[tile] > _HIGHEST) and _LOWEST < high <= _HIGHEST:
                # `high` stands for a special value that is absent: it excludes nothing, as only values below it count
                special = blank[tile] if _LOWEST <= blank[tile] < high else high
                nought = _ZERO if dither == 2 else high
                if not _compare(
                    values[a:b],
                    np.int32(max(low, _LOWEST)),
                    np.int32(high),
                    np.int32(special),
                    np.int32(nought),
                    out[a:b],
                ):
                    continue
        if pixel.size < b - a:
            pixel = np.empty(b - a, pixel.dtype)
        _restore_tile(values[a:b], scale[tile], zero[tile], seed[tile], blank[tile], dither, randoms, pixel)
        for k in range(b - a):
            out[a + k] = (pixel[k] > 0) & (pixel[k] < np.inf)
    return 0


def restore(values: Pixels, places: Places, quantization: Quantization, out: npt.NDArray[np.floating[Any]]) -> None:
    """Compute the floating-point pixels of tiles.

    Parameters
    ----------
    values : ndarray of int32
        Stored integers, one tile after the other.
    places : ndarray of int64, shape (n_tiles + 1,)
        Boundaries of the tiles in `values` and `out`.
    quantization : Quantization
        Quantisation parameters of the tiles.
    out : ndarray of float32 or float64
        Output array of the pixels.
    """
    q = quantization
    check_arrays(_restore_tiles(values, places, q.scale, q.zero, q.seed, q.blank, q.dither, _randoms(), out))


def positive(
    values: Pixels, places: Places, quantization: Quantization, dtype: np.dtype[Any], out: npt.NDArray[np.bool_]
) -> None:
    """Flag positive finite pixels, without computing most pixels.

    Parameters
    ----------
    values : ndarray of int32
        Stored integers, one tile after the other.
    places : ndarray of int64, shape (n_tiles + 1,)
        Boundaries of the tiles in `values` and `out`.
    quantization : Quantization
        Quantisation parameters of the tiles.
    dtype : dtype
        Data type of the pixels: float32 or float64.
    out : ndarray of bool
        Output array: True for the pixels that `restore` would make positive and finite.

    Notes
    -----
    The pixels of a tile are computed only if one of its integers lies within two steps of the boundary.
    """
    q = quantization
    tiles = (values, places, q.scale, q.zero, q.seed, q.blank, q.dither)
    check_arrays(_positive_tiles(*tiles, _randoms(), np.empty(0, dtype), out))
