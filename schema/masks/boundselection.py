"""Selections expressed in the bits of a catalogue's flags."""

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..bits import BIT_SHIFT, CRITERIA_BITS, DES_Y6, N_BITS, OWN_CUT, BitNames, Criterion
from ..criteria import Selection
from ..errors import UsageError

__all__ = ["AnySelection", "BoundSelection", "Growth"]

_BMASK_CRITERION = {"se": Criterion.SE_BMASK, "coadd": Criterion.COADD_BMASK}


@dataclass(frozen=True, slots=True)
class Growth:
    """Dilation of the pixels with given bits.

    Parameters
    ----------
    criterion : Criterion
        Criterion that pixels within the radius fail.
    bits : int
        Flags bits; pixels with any of them are dilated.
    radius : float
        Radius in pixels.
    """

    criterion: Criterion
    bits: int
    radius: float


@dataclass(frozen=True, slots=True)
class BoundSelection:
    """A selection bound to a catalogue's bit names: checked once and translated to flags bits.

    Parameters
    ----------
    selection : Selection
        Selection to bind.
    bit_names : BitNames
        Names of the catalogue's mask bits.

    Attributes
    ----------
    reject : int
        Flags bits that make a pixel bad: it is good if ``flags & reject == 0``, leaving `grow` and `border` aside.
    growths : tuple of Growth
        Dilations to apply.
    by_pixel : bool
        Whether a pixel's own flags decide; with `grow` or `border` its position matters as well.

    Raises
    ------
    UnknownNameError
        If a bit name is unknown.
    UsageError
        If a bit value does not have exactly one bit set, or a criterion or bit is both grown and ignored.
    """

    selection: Selection
    bit_names: BitNames = DES_Y6
    reject: int = field(init=False, repr=False, compare=False)
    growths: tuple[Growth, ...] = field(init=False, repr=False, compare=False)
    by_pixel: bool = field(init=False, repr=False, compare=False)
    _bits_left: dict[Criterion, int] = field(init=False, repr=False, compare=False)
    """The remaining flags bits of each bmask criterion with ignored bits."""

    def __post_init__(self) -> None:
        left = _bits_left(self.selection, self.bit_names)
        reject = OWN_CUT + sum(int(each) for each in Criterion if each not in self.selection.ignore)
        for criterion, bits in left.items():
            reject = (reject & ~int(criterion)) | bits  # ~ of an IntFlag covers only its defined bits
        growths = tuple(self._growth(name, radius, left) for name, radius in self.selection.grow.items())
        by_pixel = not self.selection.border and not any(self.selection.grow.values())
        values = {"reject": reject, "growths": growths, "by_pixel": by_pixel, "_bits_left": left}
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _growth(self, name: str, radius: float, left: dict[Criterion, int]) -> Growth:
        plane, colon, bit = name.partition(":")
        if colon:
            criterion = _BMASK_CRITERION[plane.lower()]
            bits = 1 << (BIT_SHIFT[plane.lower()] + self.bit_names.bit(plane, bit))
        else:
            criterion = Criterion[name]
            bits = left.get(criterion, int(criterion))
        if criterion in self.selection.ignore or (criterion in left and not bits & left[criterion]):
            raise UsageError(f"grow {name}: the selection ignores it, so there is nothing to grow")
        return Growth(criterion, bits, radius)

    @classmethod
    def of(cls, given: "AnySelection", bit_names: BitNames = DES_Y6) -> "BoundSelection":
        """Bind a selection to bit names: None is the default selection, a bound one is returned unchanged.

        Raises
        ------
        UnknownNameError, UsageError
            If it is not a selection, or is not valid for these names.
        """
        if isinstance(given, cls):
            return given
        if given is not None and not isinstance(given, Selection):
            raise UsageError(f"selection is {given!r}: expected a goodpix.Selection")
        return cls(given or Selection(), bit_names)

    def criteria(self, flags: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Return the criteria that fail for each of the flags, leaving `grow` and `border` aside; same shape."""
        failing = flags & np.int64(self.reject & CRITERIA_BITS)
        for criterion, left in self._bits_left.items():
            failing |= np.int64(criterion) * ((flags & np.int64(left)) != 0)
        return failing.astype(np.uint8)

    def good(self, flags: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return whether each of the flags is good; same shape.

        Raises
        ------
        UsageError
            If the selection has `grow` or `border`, which need a whole mask.
        """
        if not self.by_pixel:
            raise UsageError(f"selection {self}: grow and border need a whole mask, see goodpix.Mask.good")
        good: npt.NDArray[np.bool_] = (flags & np.int64(self.reject)) == 0
        return good

    def __str__(self) -> str:
        return str(self.selection)


AnySelection: TypeAlias = Selection | BoundSelection | None
"""A selection as passed by a caller; None is the default selection."""


def _bits_left(selection: Selection, bit_names: BitNames) -> dict[Criterion, int]:
    out = {}
    for plane, names in selection.ignore_bits.items():
        ignored = {bit_names.bit(plane, name) for name in names}
        criterion, shift = _BMASK_CRITERION[plane.lower()], BIT_SHIFT[plane.lower()]
        if ignored and criterion not in selection.ignore:
            out[criterion] = sum(1 << (shift + bit) for bit in range(N_BITS) if bit not in ignored)
    return out
