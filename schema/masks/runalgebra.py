"""Set operations and crops of runs, without decoding whole images."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..amplifiers import Region
from ..bits import CRITERIA_BITS, OWN_CUT
from ..errors import UsageError
from ..jit import kernel
from .rle import Runs, encode, merge_runs

__all__ = ["Overlay", "complement", "crop", "good_in_both", "good_in_either", "good_in_one", "overlay"]


def good_in_both(a: Runs, b: Runs) -> Runs:
    """Return the runs of pixels good in both masks; bad pixels keep the flags of both.

    Raises
    ------
    UsageError
        If the images differ in size.
    """
    both = _overlay(a, b)
    return merge_runs((a.ny, a.nx), both.lengths, both.a | both.b)


def good_in_either(a: Runs, b: Runs) -> Runs:
    """Return the runs of pixels good in at least one mask; bad pixels keep the flags of both.

    Raises
    ------
    UsageError
        If the images differ in size.
    """
    both = _overlay(a, b)
    flags = np.where(_good(both.a) | _good(both.b), 0, both.a | both.b)
    return merge_runs((a.ny, a.nx), both.lengths, flags)


def good_in_one(a: Runs, b: Runs) -> Runs:
    """Return the runs of pixels good in exactly one mask.

    Raises
    ------
    UsageError
        If the images differ in size.
    """
    both = _overlay(a, b)
    good_a, good_b = _good(both.a), _good(both.b)
    flags = np.where(good_a & good_b, OWN_CUT, np.where(good_a | good_b, 0, both.a | both.b))
    return merge_runs((a.ny, a.nx), both.lengths, flags)


def complement(runs: Runs) -> Runs:
    """Swap good and bad pixels."""
    flags = np.where(_good(runs.flags), np.int64(OWN_CUT), np.int64(0))
    return merge_runs((runs.ny, runs.nx), runs.lengths, flags)


def crop(runs: Runs, box: Region) -> Runs:
    """Return the runs of a box inside the image."""
    # the columns of the box are contiguous runs: decode only those
    starts, ny = runs.starts, runs.ny
    first = int(np.searchsorted(starts, box.x0 * ny, side="right")) - 1
    last = int(np.searchsorted(starts, box.x1 * ny, side="left"))
    edges = np.clip(np.append(starts[first:last], box.x1 * ny), box.x0 * ny, None)
    flags = np.repeat(runs.flags[first:last], np.diff(edges))
    return encode(flags.reshape(box.x1 - box.x0, ny).T[box.y0 : box.y1])


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """Segments on which two images of the same size are constant, column-major.

    Parameters
    ----------
    lengths : ndarray of uint32, shape (n,)
        Lengths in pixels.
    a, b : ndarray of int64, shape (n,)
        Values of the two images.
    """

    lengths: npt.NDArray[np.uint32]
    a: npt.NDArray[np.int64]
    b: npt.NDArray[np.int64]


def overlay(
    lengths_a: npt.NDArray[np.uint32],
    a: npt.NDArray[np.int64],
    lengths_b: npt.NDArray[np.uint32],
    b: npt.NDArray[np.int64],
) -> Overlay:
    """Return the segments of two images, given their run lengths and values; the lengths have equal sums."""
    size = lengths_a.size + lengths_b.size
    lengths: npt.NDArray[np.uint32] = np.empty(size, np.uint32)
    of_a: npt.NDArray[np.int64] = np.empty(size, np.int64)
    of_b: npt.NDArray[np.int64] = np.empty(size, np.int64)
    n = _walk(lengths_a, a, lengths_b, b, lengths, of_a, of_b)
    return Overlay(lengths[:n], of_a[:n], of_b[:n])


def _overlay(a: Runs, b: Runs) -> Overlay:
    if (a.nx, a.ny) != (b.nx, b.ny):
        raise UsageError(f"masks of {a.nx} x {a.ny} and {b.nx} x {b.ny} pixels: expected masks of the same image")
    return overlay(a.lengths, a.flags, b.lengths, b.flags)


@kernel
def _walk(
    lengths_a: npt.NDArray[np.uint32],
    flags_a: npt.NDArray[np.int64],
    lengths_b: npt.NDArray[np.uint32],
    flags_b: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.uint32],
    of_a: npt.NDArray[np.int64],
    of_b: npt.NDArray[np.int64],
) -> int:
    """Write the segments between run ends of either image; return their number."""
    n = k = 0
    left_a = left_b = np.int64(0)
    for j in range(lengths_a.size):
        left_a = np.int64(lengths_a[j])
        while left_a > 0:
            if left_b == 0:
                left_b = np.int64(lengths_b[k])
                k += 1
            step = min(left_a, left_b)
            lengths[n], of_a[n], of_b[n] = step, flags_a[j], flags_b[k - 1]
            left_a -= step
            left_b -= step
            n += 1
    return n


def _good(flags: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    good: npt.NDArray[np.bool_] = (flags & np.int64(CRITERIA_BITS)) == 0
    return good
