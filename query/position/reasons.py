"""Reasons why single pixels are bad."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from ...schema.bits import BIT_SHIFT, CRITERIA_BITS, N_BITS, OWN_CUT, Criterion
from ...schema.criteria import BoundSelection
from ...schema.rows import MaskKey
from ..masks.exclusions import ImageBox, excluded_pixels
from ..masks.mask import Mask
from ..masks.reader import MaskLocation, MaskReader

__all__ = ["Reasons"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class PixelReasons:
    """Flags and failing criteria of pixels.

    Parameters
    ----------
    flags : ndarray of int64, shape (n,)
        Flags as stored.
    failing : ndarray of int64, shape (n,)
        Criteria that fail by the selection; 0 is good.
    excluded : ndarray of bool, shape (n,)
        Whether the selection excludes the pixels.
    """

    flags: Ints
    failing: Ints
    excluded: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Reasons:
    """Reader of single pixels that names the reasons why they are bad.

    Parameters
    ----------
    selection : BoundSelection
        The definition of good.
    """

    selection: BoundSelection

    def at(self, reader: MaskReader, locations: Sequence[MaskLocation], x: Ints, y: Ints) -> PixelReasons:
        """Return the flags and failing criteria of single pixels.

        Parameters
        ----------
        reader : MaskReader
            Reader of the masks; each mask is read once, in file order.
        locations : sequence of MaskLocation, length n
            Mask of each pixel. Pixels of the same mask share one object.
        x, y : ndarray of int64, shape (n,)
            Zero-based pixels, on the image.

        Raises
        ------
        MaskFileError
            If a mask file is missing or damaged.
        """
        by_mask: dict[MaskLocation, list[int]] = {}
        for number, location in enumerate(locations):
            by_mask.setdefault(location, []).append(number)
        flags, failing = np.zeros((2, len(locations)), np.int64)
        excluded = np.zeros(len(locations), np.bool_)
        for location in sorted(by_mask, key=lambda each: _file_order(each.row)):
            of_mask = by_mask[location]
            flags[of_mask] = reader.flags_at(location, x[of_mask] * int(location.row["ny"]) + y[of_mask])
            if self.selection.selection.shapes_mask:
                mask = reader.read(location)
                failing[of_mask] = [self._with_neighbours(mask, int(x[k]), int(y[k])) for k in of_mask]
            excluded[of_mask] = [self.excludes(location.key, location.row, int(x[k]), int(y[k])) for k in of_mask]
        if not self.selection.selection.shapes_mask:
            failing = self.selection.criteria(flags).astype(np.int64)
        return PixelReasons(flags, failing | excluded * np.int64(OWN_CUT), excluded)

    def excludes(self, key: MaskKey, row: Mapping[str, Any], x: int, y: int) -> bool:
        """Return whether the selection excludes a pixel of an image, zero-based."""
        exclusions = self.selection.selection.exclude
        if not exclusions:
            return False
        image = ImageBox(key, row, Region(x, x + 1, y, y + 1), (int(row["ny"]), int(row["nx"])))
        return excluded_pixels(exclusions, image) is not None

    def _with_neighbours(self, mask: Mask, x: int, y: int) -> int:
        """Return the criteria that fail at a pixel, for a selection that depends on the pixels around it."""
        recut = mask.cutout(x, x + 1, y, y + 1).recut(self.selection)
        return int(recut.encoded.flags[0]) & CRITERIA_BITS

    def criteria_texts(self, failing: Sequence[int], excluded: Sequence[bool]) -> list[str]:
        """Return the names of the criteria that fail at each pixel, such as ``SE_SEG, EXCLUDED``."""
        pixels = list(zip(failing, excluded, strict=True))
        texts = {each: _criteria_text(*each) for each in set(pixels)}
        return [texts[each] for each in pixels]

    def bits_texts(self, plane: str, flags: Sequence[int]) -> list[str]:
        """Return the names of the mask bits set at each pixel; `plane` is ``"se"`` or ``"coadd"``."""
        texts = {each: self._bits_text(plane, each >> BIT_SHIFT[plane]) for each in set(flags)}
        return [texts[each] for each in flags]

    def _bits_text(self, plane: str, bits: int) -> str:
        return ", ".join(self.selection.bit_names.name(plane, bit) for bit in range(N_BITS) if bits >> bit & 1)


def _criteria_text(failing: int, excluded: bool) -> str:
    own = ["EXCLUDED" if excluded else "OWN_CUT"] if failing & OWN_CUT else []
    return ", ".join([*(str(each.name) for each in Criterion if failing & each), *own])


def _file_order(row: Mapping[str, object]) -> tuple[str, int]:
    return str(row["mask_file"]), int(str(row["mask_row_group"]))
