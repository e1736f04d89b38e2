"""The reasons for which a pixel fails, as bits of its flags."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntFlag

import numpy as np
import numpy.typing as npt

from .bits import DES_Y6, N_BITS, OTHER_BIT, BitNames
from .errors import UnknownNameError

__all__ = [
    "BIT_SHIFT",
    "COADD_CRITERIA",
    "CRITERIA_BITS",
    "SE_CRITERIA",
    "Criterion",
    "Selection",
    "fold_bmask",
]


class Criterion(IntFlag):
    """One of the seven reasons for which a pixel fails; the low byte of flags."""

    SE_SEG = 1 << 0
    """In a detected object of the single-epoch image: seg != 0."""
    SE_WEIGHT = 1 << 1
    """Single-epoch weight not finite and positive."""
    SE_BMASK = 1 << 2
    """A single-epoch mask bit is set: bmask != 0."""
    OFF_COADD = 1 << 3
    """The nearest coadd pixel lies outside the coadd."""
    COADD_SEG = 1 << 4
    """In a detected object of the coadd: seg != 0 there."""
    COADD_WEIGHT = 1 << 5
    """Coadd weight not finite and positive there."""
    COADD_BMASK = 1 << 6
    """A coadd mask bit is set there: bmask != 0."""


CRITERIA_BITS = 0xFF
"""The part of flags that holds criteria."""

SE_CRITERIA = Criterion.SE_SEG | Criterion.SE_WEIGHT | Criterion.SE_BMASK
COADD_CRITERIA = Criterion.COADD_SEG | Criterion.COADD_WEIGHT | Criterion.COADD_BMASK

BIT_SHIFT: Mapping[str, int] = {"se": 8, "coadd": 32}
"""Where the 24 mask bits of each plane start in flags."""

_BMASK_CRITERION = {"se": Criterion.SE_BMASK, "coadd": Criterion.COADD_BMASK}


def fold_bmask(bmask: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Fold mask values to the 24 bits that flags hold.

    Parameters
    ----------
    bmask : ndarray of integers, any shape
        Mask values, taken as unsigned of their own width.

    Returns
    -------
    ndarray of int64, same shape
        Bits 0 to 22 as they are; bit 23 is set where any higher bit is.
    """
    unsigned = bmask.view(f"u{bmask.dtype.itemsize}").astype(np.uint64)
    low = unsigned & np.uint64((1 << OTHER_BIT) - 1)
    other = (unsigned >> np.uint64(OTHER_BIT)) != 0
    folded: npt.NDArray[np.int64] = low.astype(np.int64) | (other.astype(np.int64) << OTHER_BIT)
    return folded


@dataclass(frozen=True, slots=True)
class Selection:
    """A definition of good that differs from the default one.

    Parameters
    ----------
    ignore : sequence of str or Criterion
        Criteria that do not count.
    ignore_bits : mapping of str to sequence of str or int
        Per plane (``"SE"``, ``"COADD"``) the mask bits that do not count, by name or by value (one
        bit set; above ``1 << 22`` it means OTHER). The plane's bmask criterion then fails only for
        the bits that are left.

    Raises
    ------
    UnknownNameError
        If a criterion or plane does not exist; for bits, when the selection is used, because their
        names belong to the catalogue.
    """

    ignore: Sequence[str | Criterion] = ()
    ignore_bits: Mapping[str, Sequence[str | int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ignore = (self.ignore,) if isinstance(self.ignore, str | Criterion) else self.ignore
        # several criteria may come as one flag
        single = [one for each in ignore for one in _criterion(each)]
        object.__setattr__(self, "ignore", tuple(single))
        bits: dict[str, tuple[str | int, ...]] = {}
        for plane, names in self.ignore_bits.items():
            if plane.lower() not in BIT_SHIFT:
                raise UnknownNameError(f"ignore_bits: unknown plane {plane!r}: expected SE or COADD")
            many = (names,) if isinstance(names, str | int) else names
            bits[plane.upper()] = bits.get(plane.upper(), ()) + tuple(many)
        object.__setattr__(self, "ignore_bits", bits)

    def reject(self, bit_names: BitNames = DES_Y6) -> int:
        """Return the flags bits that make a pixel bad: it is good where ``flags & reject == 0``.

        Parameters
        ----------
        bit_names : BitNames
            The names that `ignore_bits` may use.

        Raises
        ------
        UnknownNameError
            If a bit name is unknown.
        UsageError
            If a bit value does not have exactly one bit set.
        """
        reject = sum(int(each) for each in Criterion if each not in self.ignore)
        for criterion, left in self._bits_left(bit_names).items():
            reject = (reject & ~int(criterion)) | left  # ~ of a flag knows its own bits alone
        return reject

    def criteria(self, flags: npt.NDArray[np.int64], bit_names: BitNames = DES_Y6) -> npt.NDArray[np.uint8]:
        """Return which criteria fail by this definition, as an array of the same shape."""
        reject = self.reject(bit_names)
        failing = flags & np.int64(reject & CRITERIA_BITS)
        for criterion, left in self._bits_left(bit_names).items():
            failing |= np.int64(criterion) * ((flags & np.int64(left)) != 0)
        return failing.astype(np.uint8)

    def _bits_left(self, bit_names: BitNames) -> dict[Criterion, int]:
        """Return the flags bits that still count, of the bmask criteria of which some are ignored."""
        out = {}
        for plane, names in self.ignore_bits.items():
            ignored = {bit_names.bit(plane, name) for name in names}
            criterion, shift = _BMASK_CRITERION[plane.lower()], BIT_SHIFT[plane.lower()]
            if ignored and criterion not in self.ignore:
                out[criterion] = sum(1 << (shift + bit) for bit in range(N_BITS) if bit not in ignored)
        return out

    def good(self, flags: npt.NDArray[np.int64], bit_names: BitNames = DES_Y6) -> npt.NDArray[np.bool_]:
        """Return which of the given flags are good, as an array of the same shape."""
        good: npt.NDArray[np.bool_] = (flags & np.int64(self.reject(bit_names))) == 0
        return good

    def __str__(self) -> str:
        parts = [f"ignore {each.name}" for each in self.ignore if isinstance(each, Criterion)]
        parts += [f"ignore {plane}:{name}" for plane, names in self.ignore_bits.items() for name in names]
        return ", ".join(parts) or "default"


def _criterion(name: str | Criterion) -> Criterion:
    """Return the criterion of that name."""
    if isinstance(name, Criterion):
        return name
    try:
        return Criterion[name.strip().upper()]
    except KeyError:
        known = [each.name or "" for each in Criterion]
        near = difflib.get_close_matches(name.upper(), known, n=1)
        hint = f", did you mean {near[0]}?" if near else "."
        raise UnknownNameError(f"unknown criterion {name!r}{hint} Known: {', '.join(known)}") from None
