"""Definitions of good."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from .bits import BIT_SHIFT, Criterion, bit_of_value
from .errors import UnknownNameError, UsageError, did_you_mean

__all__ = ["Criterion", "Selection", "SelectionWords"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Selection:
    """A definition of good that differs from the default one.

    Selections that say the same, in whatever order, are equal and can be keys of a dictionary.

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
        object.__setattr__(self, "ignore_bits", MappingProxyType(bits))
        grow = dict(_grown(name, radius) for name, radius in self.grow.items())
        object.__setattr__(self, "grow", MappingProxyType(grow))
        border: Any = self.border
        if isinstance(border, bool) or not isinstance(border, int | np.integer) or border < 0:
            raise UsageError(f"border is {self.border!r}: expected a number of pixels, 0 or more")

    def _meaning(self) -> tuple[object, ...]:
        """Return what it says, whatever the order; names of bits mean something in a catalogue alone."""
        bits = {(plane, str(name).strip().upper()) for plane, names in self.ignore_bits.items() for name in names}
        return frozenset(self.ignore), frozenset(bits), frozenset(self.grow.items()), int(self.border)

    def __eq__(self, other: object) -> bool:
        return self._meaning() == other._meaning() if isinstance(other, Selection) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._meaning())

    def _given(self) -> tuple[Sequence[str | Criterion], dict[str, Sequence[str | int]], dict[str, float], int]:
        return self.ignore, dict(self.ignore_bits), dict(self.grow), self.border

    def __reduce__(self) -> tuple[type["Selection"], tuple[object, ...]]:
        # a mapping proxy cannot be pickled, and selections travel to worker processes
        return Selection, self._given()

    def __repr__(self) -> str:
        return "Selection(ignore={!r}, ignore_bits={!r}, grow={!r}, border={!r})".format(*self._given())

    def __str__(self) -> str:
        parts = [f"ignore {each.name}" for each in self.ignore if isinstance(each, Criterion)]
        parts += [f"ignore {plane}:{name}" for plane, names in self.ignore_bits.items() for name in names]
        parts += [f"grow {name} by {radius:g}" for name, radius in self.grow.items()]
        parts += [f"border {self.border}"] if self.border else []
        return ", ".join(parts) or "default"


@dataclass(frozen=True, slots=True)
class SelectionWords:
    """A selection as the command line and the dashboard's addresses write it.

    Parameters
    ----------
    ignore : sequence of str
        Criteria.
    ignore_bits : sequence of str
        Mask bits as ``PLANE:BIT``.
    grow : sequence of str
        ``WHAT=PIXELS``.
    border : int
        Pixels.
    """

    ignore: Sequence[str] = ()
    ignore_bits: Sequence[str] = ()
    grow: Sequence[str] = ()
    border: int = 0

    @classmethod
    def of(cls, selection: Selection) -> "SelectionWords":
        """Return the words for a selection."""
        return cls(
            [str(each.name) for each in selection.ignore if isinstance(each, Criterion)],
            [f"{plane}:{bit}" for plane, bits in selection.ignore_bits.items() for bit in bits],
            [f"{what}={radius:g}" for what, radius in selection.grow.items()],
            selection.border,
        )

    def selection(self, prefix: str = "") -> Selection:
        """Return the selection that the words mean.

        Parameters
        ----------
        prefix : str
            What the names of the options begin with in messages.

        Raises
        ------
        UnknownNameError
            If a criterion or plane does not exist.
        UsageError
            If a word has not the form that it should have.
        """
        by_plane: dict[str, list[str | int]] = {}
        for plane, bit in _split(self.ignore_bits, ":", f"{prefix}ignore-bit", "PLANE:BIT, such as SE:STAR"):
            by_plane.setdefault(plane.upper(), []).append(bit)
        radii = dict(_split(self.grow, "=", f"{prefix}grow", "WHAT=PIXELS, such as COADD_SEG=8"))
        # a Selection takes a radius in digits, too
        return Selection(self.ignore, by_plane, radii, self.border)  # type: ignore[arg-type]


def _split(texts: Iterable[str], mark: str, option: str, expected: str) -> list[tuple[str, str]]:
    """Return what stands before and after the mark in each text."""
    out = []
    for text in texts:
        before, found, after = text.partition(mark)
        if not found:
            raise UsageError(f"{option} {text}: expected {expected}")
        out.append((before, after))
    return out


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
        hint = did_you_mean(str(name).upper(), known, show=str, otherwise=".")
        raise UnknownNameError(f"unknown criterion {name!r}{hint} Known: {', '.join(known)}") from None
