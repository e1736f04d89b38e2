"""Bits of flags: criteria, and mask bits with their names."""

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntFlag
from types import MappingProxyType
from typing import Literal, SupportsIndex, get_args

import numpy as np
import numpy.typing as npt

from .columns import key_text
from .errors import UnknownNameError, UsageError, did_you_mean

__all__ = [
    "BIT_SHIFT",
    "COADD_CRITERIA",
    "CRITERIA_BITS",
    "DES_Y6",
    "EXCLUDED",
    "N_BITS",
    "OTHER_BIT",
    "OWN_CUT",
    "SE_CRITERIA",
    "BitNames",
    "Bits",
    "Criterion",
    "CriterionName",
    "Plane",
    "bit_of_value",
    "fold_bmask",
]


class Criterion(IntFlag):
    """The seven reasons for a pixel to fail, in the low byte of flags.

    Examples
    --------
    >>> Criterion.SE_SEG | Criterion.COADD_SEG
    <Criterion.SE_SEG|COADD_SEG: 17>
    >>> [criterion.name for criterion in Criterion(5)]
    ['SE_SEG', 'SE_BMASK']
    """

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


CriterionName = Literal["SE_SEG", "SE_WEIGHT", "SE_BMASK", "OFF_COADD", "COADD_SEG", "COADD_WEIGHT", "COADD_BMASK"]
"""Names of criteria, for type checkers."""

CRITERIA_BITS = 0xFF
"""The bits of flags that hold criteria."""

OWN_CUT = 0x80
"""The bit of flags for pixels excluded by a user's own cut, such as a border or a list of stars; never stored."""

EXCLUDED = 1 << 56
"""The bit of flags, set beside `OWN_CUT`, for pixels excluded by a selection's `exclude`; never stored."""

SE_CRITERIA = Criterion.SE_SEG | Criterion.SE_WEIGHT | Criterion.SE_BMASK
COADD_CRITERIA = Criterion.COADD_SEG | Criterion.COADD_WEIGHT | Criterion.COADD_BMASK

Plane = Literal["se", "coadd"]
"""Planes of mask bits, for type checkers."""

Bits = str | bytes | SupportsIndex | Iterable[str | bytes | SupportsIndex] | None
"""One mask bit by number or name, several, or no wish."""

BIT_SHIFT: Mapping[str, int] = {"se": 8, "coadd": 32}
"""The first of each plane's 24 mask bits in flags."""

N_BITS = 24
"""Mask bits that flags hold per plane: 0 to 22 unchanged, all higher bits folded into bit 23."""

OTHER_BIT = N_BITS - 1
"""The bit that stands for all mask bits above 22."""

_LONGEST_VALUE = 40  # digits, more than any mask value has


def fold_bmask(bmask: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Fold mask values to the 24 bits that flags hold.

    Parameters
    ----------
    bmask : ndarray of integers, any shape
        Mask values, read as unsigned integers of the same width.

    Returns
    -------
    ndarray of int64, same shape
        Bits 0 to 22 unchanged; bit 23 is set where any bit above 22 is.
    """
    unsigned = bmask.view(f"u{bmask.dtype.itemsize}").astype(np.uint64)
    low = unsigned & np.uint64((1 << OTHER_BIT) - 1)
    other = (unsigned >> np.uint64(OTHER_BIT)) != 0
    folded: npt.NDArray[np.int64] = low.astype(np.int64) | (other.astype(np.int64) << OTHER_BIT)
    return folded


@dataclass(frozen=True, slots=True)
class BitNames:
    """Names of a survey's mask bits, separate for single-epoch and coadd masks.

    Parameters
    ----------
    se, coadd : mapping of str to int
        Value (one bit set) of each named bit of the single-epoch and the coadd ``bmask``.

    Raises
    ------
    UsageError
        If a value does not have exactly one bit set.

    Examples
    --------
    >>> names = BitNames({"STAR": 32}, {"NO_DATA": 1})
    >>> names.name("se", 5), names.name("coadd", 5)
    ('STAR', 'BIT_5')
    """

    se: Mapping[str, int]
    coadd: Mapping[str, int]

    def __post_init__(self) -> None:
        for plane in ("se", "coadd"):
            values = dict(getattr(self, plane))
            for name, value in values.items():
                bit_of_value(value, f"bit {name} of plane {plane}")
            object.__setattr__(self, plane, MappingProxyType(values))

    def __hash__(self) -> int:
        return hash((frozenset(self.se.items()), frozenset(self.coadd.items())))

    def __reduce__(self) -> tuple[type["BitNames"], tuple[dict[str, int], dict[str, int]]]:
        # a mapping proxy cannot be pickled, and names are sent to worker processes
        return (BitNames, (dict(self.se), dict(self.coadd)))

    def of_plane(self, plane: str) -> Mapping[str, int]:
        """Return the names of one plane.

        Parameters
        ----------
        plane : str
            ``"se"`` or ``"coadd"``, in upper or lower case.

        Raises
        ------
        UnknownNameError
            If there is no such plane.

        Examples
        --------
        >>> cat.database.identity.bit_names.of_plane("coadd")
        mappingproxy({'NO_DATA': 1})
        """
        planes = {"se": self.se, "coadd": self.coadd}
        if str(plane).lower() not in planes:
            raise UnknownNameError(f"unknown plane {plane!r}: expected SE or COADD")
        return planes[plane.lower()]

    def name(self, plane: str, bit: int) -> str:
        """Return the name of a bit: ``OTHER`` for bit 23, ``BIT_<n>`` if the survey has no name for it.

        Examples
        --------
        >>> cat.database.identity.bit_names.name("se", 5)
        'STAR'
        """
        if bit == OTHER_BIT:
            return "OTHER"
        for name, value in self.of_plane(plane).items():
            if value == 1 << bit:
                return name
        return f"BIT_{bit}"

    def bit(self, plane: str, name_or_value: str | int) -> int:
        """Return the number, 0 to 23, of a bit given by name or value.

        Parameters
        ----------
        plane : str
            ``"se"`` or ``"coadd"``.
        name_or_value : str or int
            A name, ``BIT_<n>``, ``OTHER``, or a value with one bit set (a number or its digits).

        Raises
        ------
        UnknownNameError
            If the plane has no bit of that name.
        UsageError
            If the value does not have exactly one bit set.

        Examples
        --------
        >>> names = cat.database.identity.bit_names
        >>> names.bit("se", "STAR"), names.bit("se", 2048)
        (5, 11)
        """
        names = self.of_plane(plane)
        if not isinstance(name_or_value, str):
            return bit_of_value(name_or_value, f"{plane.upper()} bit value")
        text = name_or_value.strip().upper()
        upper = {name.upper(): value for name, value in names.items()}
        if text.isdecimal() and len(text) < _LONGEST_VALUE:
            return bit_of_value(int(text), f"{plane.upper()} bit value")
        if text in upper:
            return bit_of_value(upper[text], text)
        if text == "OTHER":
            return OTHER_BIT
        number = text.removeprefix("BIT_")
        if number != text and number.isdecimal() and int(number) < N_BITS:
            return int(number)
        hint = did_you_mean(text, [*upper, "OTHER"], show=str, otherwise=".")
        raise UnknownNameError(
            f"unknown {plane.upper()} bit {name_or_value!r}{hint} Known: {', '.join([*names, 'OTHER'])}"
        )

    def find(self, bits: Bits, plane: str | None = None) -> list[tuple[str, int]]:
        """Return the plane and number of each bit that is given by number or name.

        Parameters
        ----------
        bits : int, str, bytes or iterable of those
            Numbers, 0 to 23, or names, with or without their plane: ``"STREAK"``, ``"SE:STREAK"``. Without one, a
            number stands for a bit of either plane, and a name for those bits that have it.
        plane : str, optional
            ``"se"`` or ``"coadd"``: the only plane to look in.

        Raises
        ------
        UnknownNameError
            If there is no such plane, or no bit of that name in it.
        UsageError
            If a number is not that of a bit.

        Examples
        --------
        >>> names = cat.database.identity.bit_names
        >>> names.find(["STREAK", "NO_DATA", 5])
        [('se', 10), ('coadd', 0), ('se', 5), ('coadd', 5)]
        """
        if plane is not None:
            self.of_plane(plane)
        planes = get_args(Plane) if plane is None else (plane.lower(),)
        several = [bits] if isinstance(bits, str | bytes) or not isinstance(bits, Iterable) else bits
        return [found for bit in several for found in self._found(bit, planes)]

    def _found(self, bit: object, planes: tuple[str, ...]) -> list[tuple[str, int]]:
        """Return the bits that one number or name stands for in some planes."""
        text = key_text("bit", bit) if isinstance(bit, str | bytes) else str(_number_of(bit))
        if text.removeprefix("-").isdecimal():
            return [(plane, _checked_number(text)) for plane in planes]
        before, colon, after = (part.strip() for part in text.partition(":"))
        name = after if colon else text
        if colon:
            self.of_plane(before)
            if before.lower() not in planes:
                raise UsageError(f"bit {text}: its plane is not {planes[0].upper()}")
            if name.isdecimal():
                raise UsageError(f"bit {text}: expected a name after the plane, or a plane and a number apart")
            planes = (before.lower(),)
        out: list[tuple[str, int]] = []
        for plane in planes:
            try:
                out.append((plane, self.bit(plane, name)))
            except UnknownNameError:
                if len(planes) == 1:
                    raise
        if not out:
            by_plane = {each: [*self.of_plane(each), "OTHER"] for each in planes}
            hint = did_you_mean(
                name.upper(), [one for names in by_plane.values() for one in names], show=str, otherwise="."
            )
            known = "; ".join(f"{each.upper()}: {', '.join(names)}" for each, names in by_plane.items())
            raise UnknownNameError(f"unknown bit {name!r}{hint} Known: {known}")
        return out


def bit_of_value(value: int, what: str) -> int:
    """Return the flags bit, 0 to 23, of a mask value with one bit set.

    Raises
    ------
    UsageError
        If `value` does not have exactly one bit set; the message calls it `what`.
    """
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)  # numpy's integers are not int
    except TypeError:
        number = 0
    if number <= 0 or number & (number - 1):
        raise UsageError(f"{what}: {value!r} is not a power of two (expected a value with one bit set)")
    return min(number.bit_length() - 1, OTHER_BIT)


def _number_of(bit: object) -> int:
    """Return a number as Python's int."""
    try:
        if not isinstance(bit, bool):
            return operator.index(bit)  # type: ignore[arg-type]  # a TypeError where it is no integer
    except TypeError:
        pass
    raise UsageError(f"bit is {bit!r}: expected a number or a name")


def _checked_number(text: str) -> int:
    """Return the number of a bit, from its digits."""
    number = int(text) if len(text) < _LONGEST_VALUE else N_BITS
    if not 0 <= number < N_BITS:
        of_value = (
            f" (a value of {text} is bit {bit_of_value(number, 'bit')})" if number.bit_count() == 1 < number else ""
        )
        raise UsageError(f"bit is {text}: expected a number from 0 to {OTHER_BIT}, or a name{of_value}")
    return number


DES_Y6 = BitNames(
    se={
        "BPM": 1,  # bad pixel mask: hot, dead or uncorrectable
        "SATURATE": 2,
        "INTERP": 4,  # value interpolated
        "BADAMP": 8,
        "CRAY": 16,
        "STAR": 32,  # halo of a bright star
        "TRAIL": 64,  # bleed trail
        "EDGEBLEED": 128,
        "SSXTALK": 256,  # crosstalk from a super-saturated source
        "EDGE": 512,
        "STREAK": 1024,  # satellite or meteor
        "SUSPECT": 2048,
        "FIXED": 4096,  # bad pixel that was corrected
        "NEAREDGE": 8192,
        "TAPEBUMP": 16384,
    },
    coadd={"NO_DATA": 1},  # no input epoch had weight there, grown by 3 pixels
)
"""The mask bits of Dark Energy Survey Year 6."""
