"""Definitions of good."""

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .bits import BIT_SHIFT, CRITERIA_BITS, DES_Y6, N_BITS, OWN_CUT, BitNames, Criterion, bit_of_value
from .errors import UnknownNameError, UsageError

__all__ = ["Criterion", "Growth", "Selection"]


_BMASK_CRITERION = {"se": Criterion.SE_BMASK, "coadd": Criterion.COADD_BMASK}


@dataclass(frozen=True, slots=True)
class Growth:
    """What a selection makes larger.

    Parameters
    ----------
    criterion : Criterion
        What fails for the pixels around.
    bits : int
        The flags bits of which a pixel needs one to be grown.
    radius : float
        Pixels.
    """

    criterion: Criterion
    bits: int
    radius: float


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
    grow : mapping of str or Criterion to float
        Criteria (``"COADD_SEG"``) and mask bits (``"SE:TRAIL"``) whose pixels are dilated by a disc of
        that radius, in pixels of the image: the wings of objects reach beyond their isophotes. The
        pixels around fail the same criterion.
    border : int
        Pixels along the edges of the image that are left out; 48 is usual for shear.

    Raises
    ------
    UnknownNameError
        If a criterion or plane does not exist; for bits, when the selection is used, because their
        names belong to the catalogue.
    UsageError
        If `ignore_bits` or `grow` is no mapping, a bit neither a name nor a value with one bit set, or a radius
        or the border no number of pixels.
    """

    ignore: Sequence[str | Criterion] = ()
    ignore_bits: Mapping[str, Sequence[str | int]] = field(default_factory=dict)
    grow: Mapping[Any, float] = field(default_factory=dict)
    border: int = 0

    def __post_init__(self) -> None:
        # several criteria may come as one flag
        single = [one for each in _many(self.ignore) for one in _criterion(each)]
        object.__setattr__(self, "ignore", tuple(single))
        _check_mapping("ignore_bits", self.ignore_bits, "planes to bits, such as {'SE': ['STAR']}")
        _check_mapping("grow", self.grow, "what grows to pixels, such as {'COADD_SEG': 8}")
        bits: dict[str, tuple[str | int, ...]] = {}
        for plane, names in self.ignore_bits.items():
            if str(plane).lower() not in BIT_SHIFT:
                raise UnknownNameError(f"ignore_bits: unknown plane {plane!r}: expected SE or COADD")
            many = tuple(_many(names))
            for each in many:
                if not isinstance(each, str):
                    bit_of_value(each, f"ignore_bits {plane}")
            bits[plane.upper()] = bits.get(plane.upper(), ()) + many
        object.__setattr__(self, "ignore_bits", bits)
        object.__setattr__(self, "grow", dict(_grown(name, radius) for name, radius in self.grow.items()))
        border: Any = self.border
        if isinstance(border, bool) or not isinstance(border, int | np.integer) or border < 0:
            raise UsageError(f"border is {self.border!r}: expected a number of pixels, 0 or more")

    @classmethod
    def of(cls, given: "Selection | None") -> "Selection":
        """Return a definition of good as it was given, the default one for None.

        Raises
        ------
        UsageError
            If it is no selection.
        """
        if given is not None and not isinstance(given, cls):
            raise UsageError(f"selection is {given!r}: expected a goodpix.Selection")
        return given or cls()

    @property
    def by_pixel(self) -> bool:
        """Whether each pixel can be judged by its own flags; with `grow` and `border` its place matters too."""
        return not self.border and not any(self.grow.values())

    def growths(self, bit_names: BitNames = DES_Y6) -> tuple[Growth, ...]:
        """Return what is made larger.

        Raises
        ------
        UnknownNameError
            If a bit name is unknown.
        UsageError
            If what is to grow is ignored.
        """
        left = self._bits_left(bit_names)
        out = []
        for name, radius in self.grow.items():
            plane, colon, bit = name.partition(":")
            if colon:
                criterion = _BMASK_CRITERION[plane.lower()]
                bits = 1 << (BIT_SHIFT[plane.lower()] + bit_names.bit(plane, bit))
            else:
                criterion = Criterion[name]
                bits = left.get(criterion, int(criterion))
            if criterion in self.ignore or (criterion in left and not bits & left[criterion]):
                raise UsageError(f"grow {name}: the selection ignores it, so that there is nothing to grow")
            out.append(Growth(criterion, bits, radius))
        return tuple(out)

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
        reject = OWN_CUT + sum(int(each) for each in Criterion if each not in self.ignore)
        for criterion, left in self._bits_left(bit_names).items():
            reject = (reject & ~int(criterion)) | left  # ~ of a flag knows its own bits alone
        return reject

    def criteria(self, flags: npt.NDArray[np.int64], bit_names: BitNames = DES_Y6) -> npt.NDArray[np.uint8]:
        """Return which criteria fail by this definition, as an array of the same shape; `grow` and `border` apart."""
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
        """Return which of the given flags are good, as an array of the same shape.

        Raises
        ------
        UsageError
            If the selection has `grow` or `border`: those need a whole mask.
        """
        if not self.by_pixel:
            raise UsageError(f"selection {self}: grow and border need a whole mask, see goodpix.Mask.good")
        good: npt.NDArray[np.bool_] = (flags & np.int64(self.reject(bit_names))) == 0
        return good

    def __str__(self) -> str:
        parts = [f"ignore {each.name}" for each in self.ignore if isinstance(each, Criterion)]
        parts += [f"ignore {plane}:{name}" for plane, names in self.ignore_bits.items() for name in names]
        parts += [f"grow {name} by {radius:g}" for name, radius in self.grow.items()]
        parts += [f"border {self.border}"] if self.border else []
        return ", ".join(parts) or "default"


def _grown(name: str | Criterion, radius: float) -> tuple[str, float]:
    """Return what is to grow, spelt one way, and its radius."""
    text = str(name.name if isinstance(name, Criterion) else name)
    plane, colon, bit = (part.strip() for part in text.partition(":"))
    if colon and plane.lower() not in BIT_SHIFT:
        raise UnknownNameError(f"grow: unknown plane {plane!r}: expected SE or COADD")
    spelt = f"{plane.upper()}:{bit.upper()}" if colon else str(_criterion(text).name)
    try:
        pixels = float(radius)
    except (TypeError, ValueError):
        pixels = math.nan
    if isinstance(radius, bool) or not 0 <= pixels < math.inf:
        raise UsageError(f"grow {spelt} by {radius!r}: expected a radius in pixels, 0 or more")
    return spelt, pixels


def _check_mapping(name: str, value: object, expected: str) -> None:
    if not isinstance(value, Mapping):
        raise UsageError(f"{name} is {value!r}: expected a mapping of {expected}")


def _many(given: object) -> Iterable[Any]:
    """Return several as they are given, and one as several."""
    return given if isinstance(given, Iterable) and not isinstance(given, str | Criterion) else (given,)


def _criterion(name: str | Criterion) -> Criterion:
    """Return the criterion of that name."""
    if isinstance(name, Criterion):
        return name
    try:
        return Criterion[str(name).strip().upper()]
    except KeyError:
        known = [each.name or "" for each in Criterion]
        near = difflib.get_close_matches(str(name).upper(), known, n=1)
        hint = f", did you mean {near[0]}?" if near else "."
        raise UnknownNameError(f"unknown criterion {name!r}{hint} Known: {', '.join(known)}") from None
