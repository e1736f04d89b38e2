"""Selections applied to runs."""

import math

import numpy as np
import numpy.typing as npt

from ..amplifiers import Region
from ..bits import CRITERIA_BITS, OWN_CUT
from ..criteria import BoundSelection
from ..jit import kernel
from .dilation import dilate
from .rle import Runs, decode_good, encode, merge_runs
from .runalgebra import crop

__all__ = ["apply_selection", "apply_selection_to_box"]


def apply_selection(
    runs: Runs,
    selection: BoundSelection,
    *,
    region: Region | None = None,
    image_shape: tuple[int, int] | None = None,
) -> Runs:
    """Return runs whose criteria are those that fail under a selection, leaving `exclude` aside.

    Mask bits are unchanged; a pixel is good where ``flags & 0xFF`` is 0.

    Parameters
    ----------
    runs : Runs
        Runs of an image, or of a box cut out of it.
    selection : BoundSelection
        Selection to apply.
    region : Region, optional
        The box in the image; the whole image by default.
    image_shape : tuple of int, optional
        (ny, nx) of the image that the box belongs to.
    """
    region, whole = region or Region(0, runs.nx, 0, runs.ny), image_shape or (runs.ny, runs.nx)
    flags: npt.NDArray[np.int64] = np.empty_like(runs.flags)
    _set_criteria(runs.flags, selection.reject & CRITERIA_BITS, *selection.bits_left, flags)
    if not selection.selection.shapes_mask:
        return merge_runs((runs.ny, runs.nx), runs.lengths, flags)
    image = np.repeat(flags, runs.lengths).reshape(runs.nx, runs.ny).T
    for growth in selection.growths:
        grown = dilate(~decode_good(runs, growth.bits), growth.radius)
        image |= grown * np.int64(growth.criterion)
    _cut_border(image, selection.selection.border, region, whole)
    return encode(image)


def apply_selection_to_box(runs: Runs, selection: BoundSelection, box: Region) -> Runs:
    """Apply a selection to a box of an image without working on the rest.

    The result is that of `apply_selection`, cropped to the box.

    Parameters
    ----------
    runs : Runs
        Runs of the whole image.
    selection : BoundSelection
        Selection to apply.
    box : Region
        Box inside the image.
    """
    # pixels beyond the largest radius cannot affect the box
    reach = math.ceil(min(max((growth.radius for growth in selection.growths), default=0), runs.nx + runs.ny))
    wide = Region(
        max(0, box.x0 - reach), min(runs.nx, box.x1 + reach), max(0, box.y0 - reach), min(runs.ny, box.y1 + reach)
    )
    margined = apply_selection(crop(runs, wide), selection, region=wide, image_shape=(runs.ny, runs.nx))
    return crop(margined, Region(box.x0 - wide.x0, box.x1 - wide.x0, box.y0 - wide.y0, box.y1 - wide.y0))


def _cut_border(image: npt.NDArray[np.int64], border: int, region: Region, whole: tuple[int, int]) -> None:
    """Flag pixels less than `border` pixels from an edge of the whole image."""
    ny, nx = whole
    x, y = np.arange(region.x0, region.x1), np.arange(region.y0, region.y1)
    image[:, (x < border) | (x >= nx - border)] |= OWN_CUT
    image[(y < border) | (y >= ny - border)] |= OWN_CUT


@kernel
def _set_criteria(
    flags: npt.NDArray[np.int64],
    reject: int,
    criteria: npt.NDArray[np.int64],
    left: npt.NDArray[np.int64],
    out: npt.NDArray[np.int64],
) -> None:
    """Set the criteria in flags to those that fail, as `BoundSelection.criteria` does, without memory for each step."""
    for k in range(flags.size):
        failing = flags[k] & reject
        for j in range(criteria.size):
            if flags[k] & left[j]:
                failing |= criteria[j]
        out[k] = (flags[k] & ~np.int64(CRITERIA_BITS)) | failing
