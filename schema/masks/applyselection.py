"""Runs by another definition of good."""

import math

import numpy as np
import numpy.typing as npt

from ..amplifiers import Region
from ..bits import CRITERIA_BITS, OWN_CUT
from .boundselection import BoundSelection
from .dilation import dilate
from .rle import Runs, decode_good, encode, merge_runs
from .runalgebra import crop

__all__ = ["recut", "recut_box"]


def recut(
    runs: Runs,
    selection: BoundSelection,
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
    selection : BoundSelection
        The definition.
    place : Region, optional
        Where a part lies in the image.
    image_shape : tuple of int, optional
        (ny, nx) of the image that it is a part of.
    """
    place, whole = place or Region(0, runs.nx, 0, runs.ny), image_shape or (runs.ny, runs.nx)
    criteria = selection.criteria(runs.flags).astype(np.int64)
    flags = (runs.flags & ~np.int64(CRITERIA_BITS)) | criteria
    if selection.by_pixel:
        return merge_runs((runs.ny, runs.nx), runs.lengths, flags)
    image = np.repeat(flags, runs.lengths).reshape(runs.nx, runs.ny).T
    for growth in selection.growths:
        around = dilate(~decode_good(runs, growth.bits), growth.radius)
        image |= around * np.int64(growth.criterion)
    _cut_border(image, selection.selection.border, place, whole)
    return encode(image)


def recut_box(runs: Runs, selection: BoundSelection, box: Region) -> Runs:
    """Return a box of what `recut` returns, without the work for the rest of the image.

    Parameters
    ----------
    runs : Runs
        Of a whole image.
    selection : BoundSelection
        The definition.
    box : Region
        Inside the image.
    """
    # what lies further away than the largest radius cannot reach the box
    reach = math.ceil(min(max((each.radius for each in selection.growths), default=0), runs.nx + runs.ny))
    wide = Region(
        max(0, box.x0 - reach), min(runs.nx, box.x1 + reach), max(0, box.y0 - reach), min(runs.ny, box.y1 + reach)
    )
    part = recut(crop(runs, wide), selection, place=wide, image_shape=(runs.ny, runs.nx))
    return crop(part, Region(box.x0 - wide.x0, box.x1 - wide.x0, box.y0 - wide.y0, box.y1 - wide.y0))


def _cut_border(image: npt.NDArray[np.int64], border: int, place: Region, whole: tuple[int, int]) -> None:
    """Mark what lies less than `border` pixels from an edge of the whole image."""
    ny, nx = whole
    x, y = np.arange(place.x0, place.x1), np.arange(place.y0, place.y1)
    image[:, (x < border) | (x >= nx - border)] |= OWN_CUT
    image[(y < border) | (y >= ny - border)] |= OWN_CUT
