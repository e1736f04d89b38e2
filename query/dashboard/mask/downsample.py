"""Downsampling of the visible part of a mask to the resolution of the screen."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ....schema.amplifiers import Region
from ....schema.jit import kernel

__all__ = ["FULL", "LEVELS", "MOST_CELLS", "Downsampled", "cell_size", "downsample"]

MOST_CELLS = 290_000
"""Maximum number of cells of a picture, of one byte each, so that a message stays below 0.3 MB."""

LEVELS = 128
"""Number of grey levels of a good cell."""

FULL = 15
"""Last of the 16 steps of a colour."""

_N_REASONS = 8
_STEPS = FULL + 1


@dataclass(frozen=True, slots=True, eq=False)
class Downsampled:
    """Part of a mask in square cells of equal size.

    Parameters
    ----------
    codes : ndarray of uint8, shape (n_rows, n_columns)
        A code below `LEVELS` is a good cell of that grey level; ``LEVELS + 16 * reason + step`` is a bad cell of that
        reason. Without a grey image the grey level is 0 and ``step + 1`` sixteenths of the cell's pixels are bad,
        rounded up. With one, more than half of a bad cell's pixels are bad, and the step is the grey level over 8.
    x0, y0 : int
        First pixel of the first cell.
    size : int
        Side of a cell in pixels.
    """

    codes: npt.NDArray[np.uint8]
    x0: int
    y0: int
    size: int


def cell_size(box: Region) -> int:
    """Return the smallest cell side, in pixels, with which a box has at most `MOST_CELLS` cells."""
    size = 1
    while _n_cells(box.x0, box.x1, size) * _n_cells(box.y0, box.y1, size) > MOST_CELLS:
        size += 1
    return size


def downsample(
    criteria: npt.NDArray[np.uint8],
    reasons: npt.NDArray[np.uint8],
    box: Region,
    grey: npt.NDArray[np.uint8] | None = None,
) -> Downsampled:
    """Downsample a box of a mask; a small box keeps its full resolution.

    Cells begin at multiples of their size, so that they do not change when the box moves.

    Parameters
    ----------
    criteria : ndarray of uint8, shape (ny, nx)
        Criteria that each pixel fails; column-major.
    reasons : ndarray of uint8, shape (256,)
        For each combination of criteria, 0 if shown as good, else 1 + the index of the reason.
    box : Region
        Box inside the image.
    grey : ndarray of uint8, shape (ny, nx), optional
        Grey levels of the image, below `LEVELS`; column-major.
    """
    size = cell_size(box)
    first_x, first_y = box.x0 // size, box.y0 // size
    codes = np.empty((_n_cells(box.x0, box.x1, size), _n_cells(box.y0, box.y1, size)), np.uint8)
    levels = None if grey is None else np.ascontiguousarray(grey.T)
    _downsample(np.ascontiguousarray(criteria.T), reasons, levels, first_x, first_y, size, codes)
    return Downsampled(np.ascontiguousarray(codes.T), first_x * size, first_y * size, size)


def _n_cells(first: int, end: int, size: int) -> int:
    return -(-end // size) - first // size


@kernel
def _downsample(
    columns: npt.NDArray[np.uint8],
    reasons: npt.NDArray[np.uint8],
    grey: npt.NDArray[np.uint8] | None,
    first_x: int,
    first_y: int,
    size: int,
    codes: npt.NDArray[np.uint8],
) -> None:
    """Write the code of each cell; compiled separately with and without a grey image."""
    nx, ny = columns.shape
    counts = np.zeros(_N_REASONS + 1, np.int64)
    for cx in range(codes.shape[0]):
        x0 = (first_x + cx) * size
        x1 = min(x0 + size, nx)
        for cy in range(codes.shape[1]):
            y0 = (first_y + cy) * size
            y1 = min(y0 + size, ny)
            counts[:] = 0
            light = 0
            for x in range(x0, x1):
                for y in range(y0, y1):
                    counts[reasons[columns[x, y]]] += 1
                    if grey is not None:
                        light += grey[x, y]
            n = (x1 - x0) * (y1 - y0)
            n_bad = n - counts[0]
            # the first code of the most frequent reason
            tint = LEVELS + _STEPS * np.argmax(counts[1:])
            if grey is not None:
                level = light // n
                codes[cx, cy] = tint + level * _STEPS // LEVELS if 2 * n_bad > n else level
            else:
                codes[cx, cy] = tint + (n_bad * _STEPS + n - 1) // n - 1 if n_bad else 0
