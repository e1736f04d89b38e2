"""What a screen can show of a mask: the part in sight, with as many pixels joined as must be."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ....schema.amplifiers import Region
from ....schema.jit import kernel

__all__ = ["FULL", "LEVELS", "MOST_CELLS", "Downsampled", "cell_size", "downsample"]

MOST_CELLS = 290_000
"""Cells of a picture, a byte each: with what is sent around them less than 0.3 MB."""

LEVELS = 128
"""Grey levels of a pixel that is good."""

FULL = 15
"""The last of the 16 steps of a colour."""

_N_REASONS = 8
_STEPS = FULL + 1


@dataclass(frozen=True, slots=True, eq=False)
class Downsampled:
    """A part of a mask in cells of equal size.

    Parameters
    ----------
    codes : ndarray of uint8, shape (n_rows, n_columns)
        Below `LEVELS` a good cell, in that level of grey; ``LEVELS + 16 * reason + step`` one of that reason. Without
        a grey image the level is 0, and ``step + 1`` sixteenths of the cell's pixels are bad, rounded up. With one,
        most of the cell's pixels are bad, and the step is the level divided by 8.
    x0, y0 : int
        First pixel of the first cell.
    size : int
        Pixels along each side of a cell.
    """

    codes: npt.NDArray[np.uint8]
    x0: int
    y0: int
    size: int


def cell_size(box: Region) -> int:
    """Return how many pixels a side a cell has to have for the box to need at most `MOST_CELLS`."""
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
    """Return a box of a mask, pixel by pixel where it is small enough.

    Cells begin at multiples of their size, so that they stay what they are when the box moves.

    Parameters
    ----------
    criteria : ndarray of uint8, shape (ny, nx)
        Which criteria fail; column-major.
    reasons : ndarray of uint8, shape (256,)
        By criteria: 0 for what is shown as good, else 1 + the number of the reason.
    box : Region
        Inside the image.
    grey : ndarray of uint8, shape (ny, nx), optional
        Levels below `LEVELS` of the image itself; column-major.
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
    """Write the code of each cell; compiled by itself for images and for none."""
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
