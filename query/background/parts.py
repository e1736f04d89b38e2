"""The parts of a CCD that statistics are made of."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...schema.amplifiers import Amplifiers, Region
from ...schema.errors import UsageError

__all__ = ["Box", "Part", "check_box", "parts_of"]

Box = tuple[int, int] | int | None
"""Rows and columns of the boxes of a grid; one number for both, None for no grid."""


@dataclass(frozen=True, slots=True)
class Part:
    """A box of pixels, and the amplifier half that it is."""

    region: Region
    amplifier: str | None = None


def check_box(box: Box, *, amplifiers: bool) -> tuple[int, int] | None:
    """Return rows and columns of boxes.

    Raises
    ------
    UsageError
        If it is no size, or there shall be amplifier halves as well.
    """
    if box is None:
        return None
    if amplifiers:
        raise UsageError(f"box is {box} and amplifiers is set: expected one or the other")
    size: tuple[Any, ...] = tuple(box) if isinstance(box, tuple | list) else (box, box)
    if len(size) != 2 or not all(isinstance(each, int | np.integer) and each > 0 for each in size):
        raise UsageError(f"box is {box!r}: expected rows and columns, such as (256, 256)")
    return int(size[0]), int(size[1])


def parts_of(shape: tuple[int, int], box: tuple[int, int] | None, amplifiers: Amplifiers | None) -> list[Part]:
    """Return the parts of an image: boxes, amplifier halves, or all of it.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    box : tuple of int, optional
        Rows and columns of a grid's boxes, from the first pixel on; the last may be smaller.
    amplifiers : Amplifiers, optional
        The halves, where they are wanted.
    """
    ny, nx = shape
    if amplifiers is not None:
        return [Part(amplifiers.a, "A"), Part(amplifiers.b, "B")]
    height, width = box or shape
    return [
        Part(Region(x, min(x + width, nx), y, min(y + height, ny)))
        for y in range(0, ny, height)
        for x in range(0, nx, width)
    ]
