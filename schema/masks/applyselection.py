"""Runs by another definition of good."""

import math

import numpy as np
import numpy.typing as npt

from ..amplifiers import Region
from ..bits import CRITERIA_BITS, DES_Y6, OWN_CUT, BitNames
from ..criteria import Selection
from .dilation import dilate
from .rle import Runs, decode_good, encode, merge_runs
from .runalgebra import crop

__all__ = ["recut", "recut_box"]


def recut(
    runs: Runs,
    selection: Selection,
    bit_names: BitNames = DES_Y6,
    *,
    place: Region | None = None,
    image_shape: tuple[int, int] | None = None,
) -> Runs:
    """Return the runs of the same image with the criteria that fail by another definition of good.

    The mask bits stay as they are: ``flags & 0xFF`` is 0 where a pixel is good.

    Parameters
    ----------
    runs : Runs
        Of a whole image, or of a part of it that knows nothing of the rest.
    selection : Selection
        The definition.
    bit_names : BitNames
        The names that it may use.
    place : Region, optional
        Where a part lies in the image.
    image_shape : tuple of int, optional
        (ny, nx) of the image that it is a part of.

    Raises
    ------
    UnknownNameError, UsageError
        If the selection cannot be used, see `Selection.reject` and `Selection.growths`.
    """
    whole = Region(0, runs.nx, 0, runs.ny)
    return _recut(runs, selection, bit_names, place or whole, image_shape or (runs.ny, runs.nx))


def recut_box(runs: Runs, selection: Selection, box: Region, bit_names: BitNames = DES_Y6) -> Runs:
    """Return a box of what `recut` returns, without the work for the rest of the image.

    Parameters
    ----------
    runs : Runs
        Of a whole image.
    selection : Selection
        The definition.
    box : Region
        Inside the image.
    bit_names : BitNames
        The names that the selection may use.

    Raises
    ------
    UnknownNameError, UsageError
        See `recut`.
    """
    # what lies further away than the largest radius cannot reach the box
    reach = math.ceil(min(max((each.radius for each in selection.growths(bit_names)), default=0), runs.nx + runs.ny))
    wide = Region(
        max(0, box.x0 - reach), min(runs.nx, box.x1 + reach), max(0, box.y0 - reach), min(runs.ny, box.y1 + reach)
    )
    part = _recut(crop(runs, wide), selection, bit_names, wide, (runs.ny, runs.nx))
    return crop(part, Region(box.x0 - wide.x0, box.x1 - wide.x0, box.y0 - wide.y0, box.y1 - wide.y0))


def _recut(part: Runs, selection: Selection, bit_names: BitNames, place: Region, whole: tuple[int, int]) -> Runs:
    """Return the runs of a part by another definition; `place` is where it lies in the whole image."""
    criteria = selection.criteria(part.flags, bit_names).astype(np.int64)
    flags = (part.flags & ~np.int64(CRITERIA_BITS)) | criteria
    if selection.by_pixel:
        return merge_runs((part.ny, part.nx), part.lengths, flags)
    image = np.repeat(flags, part.lengths).reshape(part.nx, part.ny).T
    for growth in selection.growths(bit_names):
        around = dilate(~decode_good(part, growth.bits), growth.radius)
        image |= around * np.int64(growth.criterion)
    _cut_border(image, selection.border, place, whole)
    return encode(image)


def _cut_border(image: npt.NDArray[np.int64], border: int, place: Region, whole: tuple[int, int]) -> None:
    """Mark what lies less than `border` pixels from an edge of the whole image."""
    ny, nx = whole
    x, y = np.arange(place.x0, place.x1), np.arange(place.y0, place.y1)
    image[:, (x < border) | (x >= nx - border)] |= OWN_CUT
    image[(y < border) | (y >= ny - border)] |= OWN_CUT
