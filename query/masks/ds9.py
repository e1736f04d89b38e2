"""Regions of a mask's bad areas for DS9."""

from collections.abc import Iterator
from itertools import chain
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from ...schema.bits import OWN_CUT, Criterion
from ...schema.criteria import AnySelection, Selection
from ...schema.errors import UsageError
from ...schema.files.outputfile import OutputPath, output_file
from ..plots.reasons import REASONS, MaskLike, reason_image
from ..provenance import Provenance
from .outlines import outlines

__all__ = ["BadAreas", "write_regions"]


class BadAreas(MaskLike, Protocol):
    """A mask that knows where it comes from, such as `goodpix.Mask`."""

    def provenance(self, selection: AnySelection = None) -> Provenance:
        """Return where the mask comes from."""


def write_regions(path: OutputPath, mask: BadAreas, selection: Selection | None, min_pixels: int) -> int:
    """Write bad areas as regions, and return their number; see `goodpix.Mask.to_regions`."""
    if isinstance(min_pixels, bool) or not hasattr(min_pixels, "__index__") or min_pixels < 1:
        raise UsageError(f"min_pixels is {min_pixels!r}: expected a whole number of pixels, 1 or more")
    less = f"# without areas of fewer than {min_pixels} pixels\n" if min_pixels > 1 else ""
    head = f"# Region file format: DS9 version 4.1\n{mask.provenance(selection).comments()}{less}image\n"
    n = 0
    with output_file(path) as file, file.open("w", encoding="utf-8") as out:
        out.write(head)
        for line in _lines(reason_image(mask, selection), mask.place, min_pixels):
            out.write(line)
            n += 1
    return n


def _lines(reasons: npt.NDArray[np.uint8], place: Region, min_pixels: int) -> Iterator[str]:
    """Yield a line for each area of one reason; the first pixel of an image has its centre at (1, 1)."""
    first = np.array([place.x0, place.y0]) + 0.5
    for code, reason in enumerate(REASONS, 1):
        for corners in outlines(np.ascontiguousarray(reasons == code), min_pixels):
            numbers = ",".join(map(repr, chain.from_iterable((corners + first).tolist())))
            yield f"polygon({numbers}) # color={reason.over_image} tag={{{_tag(reason.bit)}}}\n"


def _tag(bit: int) -> str:
    """Return the name of a reason as selections and FITS files have it."""
    return "OWN_CUT" if bit == OWN_CUT else str(Criterion(bit).name)
