"""Image pixels inside shapes on the sky."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from ...schema.columns import key_number
from ...schema.errors import UsageError
from ...schema.wcs.pixelgrid import PixelGrid
from ..shapes import Shape

__all__ = ["box_within", "pixels_inside"]

Floats = npt.NDArray[np.float64]

# Pixels between the grid positions that locate a shape roughly.
_STEP = 16


def box_within(shape: tuple[int, int], x0: int, x1: int, y0: int, y1: int) -> Region:
    """Return a box of pixels of an image of shape (ny, nx).

    Raises
    ------
    UsageError
        If a limit is no whole number, or the box is empty or extends beyond the image.
    """
    given, (ny, nx) = {"x0": x0, "x1": x1, "y0": y0, "y1": y1}, shape
    box = Region(**{name: key_number(name, value) for name, value in given.items()})
    if not (0 <= box.x0 < box.x1 <= nx and 0 <= box.y0 < box.y1 <= ny):
        raise UsageError(f"box x {x0}:{x1}, y {y0}:{y1}: expected a non-empty box in x 0:{nx}, y 0:{ny}")
    return box


def pixels_inside(grid: PixelGrid, region: Region, shapes: Iterable[Shape]) -> npt.NDArray[np.bool_]:
    """Return which pixels have their centre in a shape.

    Parameters
    ----------
    grid : PixelGrid
        The image.
    region : Region
        Box of pixels to consider.
    shapes : iterable of Shape
        The shapes.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        True in a shape; for the pixels of `region`.
    """
    coarse = _Coarse.of(grid, region)
    out: npt.NDArray[np.bool_] = np.zeros((region.y1 - region.y0, region.x1 - region.x0), np.bool_)
    for shape in shapes:
        box = coarse.around(shape.near(coarse.vectors, coarse.reach))
        if box is not None:
            inside = shape.contains(grid.box(box))
            out[box.y0 - region.y0 : box.y1 - region.y0, box.x0 - region.x0 : box.x1 - region.x0] |= inside
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Coarse:
    """Directions of every `_STEP`-th pixel of a box, and of the last."""

    x: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64]
    vectors: Floats
    reach: float
    region: Region

    @classmethod
    def of(cls, grid: PixelGrid, region: Region) -> "_Coarse":
        x, y = (
            np.unique(np.append(np.arange(first, last, _STEP), last - 1))
            for first, last in ((region.x0, region.x1), (region.y0, region.y1))
        )
        down, across = (each.ravel().astype(np.float64) for each in np.meshgrid(y, x, indexing="ij"))
        vectors = grid.vectors(across, down).reshape(3, y.size, x.size)
        sides = [np.sqrt((np.diff(vectors, axis=axis) ** 2).sum(axis=0)).max(initial=0.0) for axis in (1, 2)]
        # no pixel is farther from the nearest grid position than both sides of a cell, with a margin for curvature
        reach = 1.5 * float(sum(sides))
        return cls(x, y, vectors, reach, region)

    def around(self, near: npt.NDArray[np.bool_]) -> Region | None:
        """Return the box of pixels around the positions that are near a shape, or None."""
        rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        if not rows.size:
            return None
        return Region(
            max(self.region.x0, int(self.x[columns[0]]) - _STEP),
            min(self.region.x1, int(self.x[columns[-1]]) + _STEP + 1),
            max(self.region.y0, int(self.y[rows[0]]) - _STEP),
            min(self.region.y1, int(self.y[rows[-1]]) + _STEP + 1),
        )
