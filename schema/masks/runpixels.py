"""Pixels of runs, given by their lengths."""

import numpy as np
import numpy.typing as npt

from ..errors import MalformedRunsError
from ..jit import kernel

__all__ = ["fill_runs", "find_runs"]

# Pixels written at once. Most runs are shorter; what is written beyond the end of one, the next overwrites.
_STRIDE = 128


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
