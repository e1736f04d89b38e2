"""Selections: definitions of a good pixel."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from .bits import BIT_SHIFT, CRITERIA_BITS, DES_Y6, N_BITS, OWN_CUT, BitNames, Criterion, bit_of_value
from .errors import UnknownNameError, UsageError, did_you_mean

__all__ = ["AnySelection", "BoundSelection", "Criterion", "Growth", "Selection", "SelectionWords"]


_BMASK_CRITERION = {"se": Criterion.SE_BMASK, "coadd": Criterion.COADD_BMASK}


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """A definition of good pixels other than the default.

    Selections with the same content are equal whatever its order, and can be dictionary keys.

    Parameters
    ----------
    ignore : sequence of str or Criterion
        Criteria to ignore.
    ignore_bits : mapping of str to sequence of str or int
        Mask bits to ignore in each plane (``"SE"``, ``"COADD"``), by name or by value (one bit set;
        values above ``1 << 22`` mean OTHER). The plane's bmask criterion then fails only for the
        remaining bits.
    grow : mapping of str or Criterion to float
        Radii, in image pixels, by which to dilate the pixels of criteria (``"COADD_SEG"``) and mask
        bits (``"SE:TRAIL"``): the wings of objects reach beyond their isophotes. Pixels within the
        radius fail the same criterion.
    border : int
        Width in pixels of the border to exclude along the edges of the image; 48 is usual for shear.

    Raises
    ------
    UnknownNameError
        If a criterion or plane does not exist. Bit names belong to a catalogue and are checked when the
        selection is used.
    UsageError
        If `ignore_bits` or `grow` is not a mapping, a bit is neither a name nor a value with one bit set, or a
        radius or the border is not a number of pixels.

    Examples
    --------
    >>> Selection(ignore=["COADD_SEG"], ignore_bits={"SE": ["STAR"]}, border=48)
    Selection(ignore=(<Criterion.COADD_SEG: 16>,), ignore_bits={'SE': ('STAR',)}, grow={}, border=48)
    """

    ignore: Sequence[str | Criterion] = ()
    ignore_bits: Mapping[str, Sequence[str | int]] = field(default_factory=dict)
    grow: Mapping[Any, float] = field(default_factory=dict)
    border: int = 0

    def __post_init__(self) -> None:
        # one flag may combine several criteria
        ignore = [criterion for given in _as_iterable(self.ignore) for criterion in _criterion(given)]
        object.__setattr__(self, "ignore", tuple(ignore))
        _check_mapping("ignore_bits", self.ignore_bits, "planes to bits, such as {'SE': ['STAR']}")
        _check_mapping("grow", self.grow, "criteria or bits to radii in pixels, such as {'COADD_SEG': 8}")
        bits: dict[str, tuple[str | int, ...]] = {}
        for plane, names in self.ignore_bits.items():
            if str(plane).lower() not in BIT_SHIFT:
                raise UnknownNameError(f"ignore_bits: unknown plane {plane!r}: expected SE or COADD")
            of_plane = tuple(_as_iterable(names))
            for bit in of_plane:
                if not isinstance(bit, str):
                    bit_of_value(bit, f"ignore_bits {plane}")
            bits[plane.upper()] = bits.get(plane.upper(), ()) + of_plane
        object.__setattr__(self, "ignore_bits", _FrozenDict(bits))
        grow = dict(_checked_growth(name, radius) for name, radius in self.grow.items())
        object.__setattr__(self, "grow", _FrozenDict(grow))
        border: Any = self.border
        if isinstance(border, bool) or not isinstance(border, int | np.integer) or border < 0:
            raise UsageError(f"border is {self.border!r}: expected a number of pixels, 0 or more")

    def _meaning(self) -> tuple[object, ...]:
        """Return the content regardless of order. Bits are compared as written: only a catalogue knows their names."""
        bits = {(plane, str(name).strip().upper()) for plane, names in self.ignore_bits.items() for name in names}
        return frozenset(self.ignore), frozenset(bits), frozenset(self.grow.items()), int(self.border)

    def __eq__(self, other: object) -> bool:
        return self._meaning() == other._meaning() if isinstance(other, Selection) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._meaning())

    @property
    def by_pixel(self) -> bool:
        """True if a pixel's own flags decide; with `grow` or `border` its position matters as well."""
        return not self.border and not any(self.grow.values())

    def good(self, flags: npt.NDArray[np.int64], bit_names: BitNames = DES_Y6) -> npt.NDArray[np.bool_]:
        """Return whether each of the flags is good; same shape. Raises like `BoundSelection.good`."""
        return BoundSelection(self, bit_names).good(flags)

    def criteria(self, flags: npt.NDArray[np.int64], bit_names: BitNames = DES_Y6) -> npt.NDArray[np.uint8]:
        """Return the criteria that fail for each of the flags, leaving `grow` and `border` aside; same shape."""
        return BoundSelection(self, bit_names).criteria(flags)

    def __str__(self) -> str:
        terms = [f"ignore {criterion.name}" for criterion in self.ignore if isinstance(criterion, Criterion)]
        terms += [f"ignore {plane}:{name}" for plane, names in self.ignore_bits.items() for name in names]
        terms += [f"grow {name} by {_shortest(radius)}" for name, radius in self.grow.items()]
        terms += [f"border {self.border}"] if self.border else []
        return ", ".join(terms) or "default"


class _FrozenDict(dict[Any, Any]):
    """A dictionary that cannot be changed, since the selection that holds it can be a key."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a Selection cannot be changed: make another, as by dataclasses.replace")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[Self], tuple[dict[Any, Any]]]:
        return type(self), (dict(self),)


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
    _bits_left: dict[Criterion, int] = field(init=False, repr=False, compare=False)
    """The remaining flags bits of each bmask criterion with ignored bits."""

    def __post_init__(self) -> None:
        left = _bits_left(self.selection, self.bit_names)
        reject = OWN_CUT + sum(int(each) for each in Criterion if each not in self.selection.ignore)
        for criterion, bits in left.items():
            reject = (reject & ~int(criterion)) | bits  # ~ of an IntFlag covers only its defined bits
        growths = tuple(self._growth(name, radius, left) for name, radius in self.selection.grow.items())
        values = {"reject": reject, "growths": growths, "_bits_left": left}
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def by_pixel(self) -> bool:
        """True if a pixel's own flags decide; with `grow` or `border` its position matters as well."""
        return self.selection.by_pixel

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
            If it is not a selection, or is not valid for these names or bound to others.
        """
        if isinstance(given, cls):
            if given.bit_names != bit_names:
                raise UsageError(f"selection {given}: it is bound to the bit names of another catalogue")
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


@dataclass(frozen=True, slots=True)
class SelectionWords:
    """A selection in text, as on the command line and in the dashboard's URLs.

    Parameters
    ----------
    ignore : sequence of str
        Criteria.
    ignore_bits : sequence of str
        Mask bits, each ``PLANE:BIT``.
    grow : sequence of str
        Growths, each ``WHAT=PIXELS``.
    border : int
        Border in pixels.
    """

    ignore: Sequence[str] = ()
    ignore_bits: Sequence[str] = ()
    grow: Sequence[str] = ()
    border: int = 0

    @classmethod
    def of(cls, selection: Selection) -> "SelectionWords":
        """Return the text of a selection."""
        return cls(
            [str(criterion.name) for criterion in selection.ignore if isinstance(criterion, Criterion)],
            [f"{plane}:{bit}" for plane, bits in selection.ignore_bits.items() for bit in bits],
            [f"{what}={_shortest(radius)}" for what, radius in selection.grow.items()],
            selection.border,
        )

    def selection(self, prefix: str = "") -> Selection:
        """Return the selection that the text describes.

        Parameters
        ----------
        prefix : str
            Prefix of option names in messages, such as ``"--"``.

        Raises
        ------
        UnknownNameError
            If a criterion or plane does not exist.
        UsageError
            If a bit or growth is malformed.
        """
        by_plane: dict[str, list[str | int]] = {}
        for plane, bit in _split(self.ignore_bits, ":", f"{prefix}ignore-bit", "PLANE:BIT, such as SE:STAR"):
            by_plane.setdefault(plane.upper(), []).append(bit)
        radii = dict(_split(self.grow, "=", f"{prefix}grow", "WHAT=PIXELS, such as COADD_SEG=8"))
        # a Selection also accepts a radius as text
        return Selection(self.ignore, by_plane, radii, self.border)  # type: ignore[arg-type]


def _shortest(radius: float) -> str:
    """Return a radius as the shortest text from which it can be read back."""
    return repr(float(radius)).removesuffix(".0")


def _split(texts: Iterable[str], separator: str, option: str, expected: str) -> list[tuple[str, str]]:
    """Split each text at its first separator."""
    out = []
    for text in texts:
        before, present, after = text.partition(separator)
        if not present:
            raise UsageError(f"{option} {text}: expected {expected}")
        out.append((before, after))
    return out


def _checked_growth(name: str | Criterion, radius: float) -> tuple[str, float]:
    """Return the canonical name of a criterion or bit to grow, and its radius."""
    text = str(name.name if isinstance(name, Criterion) else name)
    plane, colon, bit = (token.strip() for token in text.partition(":"))
    if colon and plane.lower() not in BIT_SHIFT:
        raise UnknownNameError(f"grow: unknown plane {plane!r}: expected SE or COADD")
    canonical = f"{plane.upper()}:{bit.upper()}" if colon else str(_criterion(text).name)
    try:
        pixels = float(radius)
    except (TypeError, ValueError):
        pixels = math.nan
    if isinstance(radius, bool) or not 0 <= pixels < math.inf:
        raise UsageError(f"grow {canonical} by {radius!r}: expected a radius in pixels, 0 or more")
    return canonical, pixels


def _check_mapping(name: str, value: object, expected: str) -> None:
    if not isinstance(value, Mapping):
        raise UsageError(f"{name} is {value!r}: expected a mapping of {expected}")


def _as_iterable(given: object) -> Iterable[Any]:
    """Return a collection unchanged and a single item as a tuple."""
    return given if isinstance(given, Iterable) and not isinstance(given, str | Criterion) else (given,)


def _criterion(name: str | Criterion) -> Criterion:
    """Return the criterion with a given name."""
    if isinstance(name, Criterion):
        return name
    try:
        return Criterion[str(name).strip().upper()]
    except KeyError:
        known = [each.name or "" for each in Criterion]
        hint = did_you_mean(str(name).upper(), known, show=str, otherwise=".")
        raise UnknownNameError(f"unknown criterion {name!r}{hint} Known: {', '.join(known)}") from None
