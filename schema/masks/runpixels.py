"""Pixels of runs, given by their lengths."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import MalformedRunsError
from ..jit import kernel

__all__ = ["Examined", "count_pixels", "examine", "fill_runs", "find_runs"]

# Pixels written at once. Most runs are shorter; what is written beyond the end of one, the next overwrites.
_STRIDE = 128


class Examined(NamedTuple):
    """Number of pixels of runs, and the first run at fault; the number of runs stands for none."""

    n_pixels: int
    empty: int
    """The first run of length 0."""
    repeated: int
    """The first run with the flags of the one before."""


def examine(lengths: npt.NDArray[np.uint32], flags: npt.NDArray[np.int64]) -> Examined:
    """Return the number of pixels of runs and their faults.

    Parameters
    ----------
    lengths : ndarray of uint32, shape (n_runs,)
        Run lengths in pixels.
    flags : ndarray of int64, shape (n_runs,)
        Flags of each run.
    """
    n_pixels, empty, repeated = _examine(lengths, flags)
    return Examined(int(n_pixels), empty, repeated)


def count_pixels(lengths: npt.NDArray[np.uint32], flags: npt.NDArray[np.int64], reject: int) -> int:
    """Return the number of pixels with ``flags & reject == 0``.

    Parameters
    ----------
    lengths : ndarray of uint32, shape (n_runs,)
        Run lengths in pixels.
    flags : ndarray of int64, shape (n_runs,)
        Flags of each run.
    reject : int
        Flags of which none may be set.
    """
    return int(_count(lengths, flags, np.int64(reject)))


def fill_runs(lengths: npt.NDArray[np.uint32], values: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Return the value of each pixel; shape (size,).

    Parameters
    ----------
    lengths : ndarray of uint32, shape (n_runs,)
        Run lengths in pixels; they sum to `size`.
    values : ndarray of uint8, shape (n_runs,)
        Value of each run.
    size : int
        Number of pixels.
    """
    out = np.empty(size + _STRIDE, np.uint8)
    _fill(lengths, values, out)
    return out[:size]


def find_runs(lengths: npt.NDArray[np.uint32], pixels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the number of the run that holds each pixel; shape (n,).

    Parameters
    ----------
    lengths : ndarray of uint32, shape (n_runs,)
        Run lengths in pixels, column-major.
    pixels : ndarray of int64, shape (n,)
        Pixel numbers ``k = x * ny + y``, 0 or more, in any order.

    Raises
    ------
    MalformedRunsError
        If the runs end before a pixel.
    """
    order = np.argsort(pixels)
    out = np.empty(pixels.size, np.int64)
    if not _find(lengths, pixels, order, out):
        raise MalformedRunsError(
            f"run lengths sum to {int(lengths.sum(dtype=np.uint64))}: there is no pixel {pixels.max()}"
        )
    return out


@kernel
def _examine(lengths: npt.NDArray[np.uint32], flags: npt.NDArray[np.int64]) -> tuple[np.uint64, int, int]:
    """Sum the lengths and find the first faults, in one pass from the end."""
    n_pixels, empty, repeated = np.uint64(0), lengths.size, lengths.size
    for k in range(lengths.size - 1, -1, -1):
        n_pixels += np.uint64(lengths[k])
        if lengths[k] == 0:
            empty = k
        if k > 0 and flags[k] == flags[k - 1]:
            repeated = k
    return n_pixels, empty, repeated


@kernel
def _count(lengths: npt.NDArray[np.uint32], flags: npt.NDArray[np.int64], reject: np.int64) -> int:
    """Count the pixels without any of the flags `reject`, without memory for a value of each run."""
    n = 0
    for k in range(lengths.size):
        n += int(lengths[k]) * (flags[k] & reject == 0)
    return n


@kernel
def _fill(lengths: npt.NDArray[np.uint32], values: npt.NDArray[np.uint8], out: npt.NDArray[np.uint8]) -> None:
    """Write the value of each run, a fixed number of pixels at a time, for which a few wide stores serve.

    `out` has room for as many pixels after the last run. Positions are unsigned, so that none can count from the end.
    """
    start = np.uint64(0)
    stride = np.uint64(_STRIDE)
    for k in range(lengths.size):
        value = values[k]
        end = start + np.uint64(lengths[k])
        while True:
            for j in range(_STRIDE):
                out[start + np.uint64(j)] = value
            start += stride
            if start >= end:
                break
        start = end


@kernel
def _find(
    lengths: npt.NDArray[np.uint32],
    pixels: npt.NDArray[np.int64],
    order: npt.NDArray[np.int64],
    out: npt.NDArray[np.int64],
) -> bool:
    """Find the run of each pixel, in ascending order of pixels; return False if the runs end before one."""
    k = -1
    end = np.int64(0)
    for j in order:
        while end <= pixels[j]:
            k += 1
            if k == lengths.size:
                return False
            end += np.int64(lengths[k])
        out[j] = k
    return True
