"""Definitions of a good pixel."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..bits import BIT_SHIFT, CRITERIA_BITS, DES_Y6, N_BITS, OWN_CUT, BitNames, Criterion, CriterionName, bit_of_value
from ..errors import UnknownNameError, UsageError
from .exclusion import Exclusion
from .terms import FrozenDict, as_iterable, check_mapping, check_name, checked_growth, criterion_of, shortest, terms_of

__all__ = ["AnySelection", "BoundSelection", "Growth", "Selection"]

# Digits of a hash that stand beside a name.
_SHOWN = 12

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
    exclude : sequence of mapping, str or Exclusion
        CCD images, CCDs, amplifiers, nights, exposures, boxes of a CCD and places on the sky whose pixels are bad:
        each entry has some of the keys of `goodpix.schema.criteria.Exclusion`, as a mapping or as text such as
        ``"ccdnum=31,amplifier=A,nite=20131115:"``, or a name such as ``"decam-s7"``. All keys of an entry have to
        hold; any entry excludes. Of the mask of a whole CCD image, merged over its tiles (``cat.ccd_mask``,
        ``by="ccd"``), an excluded tile is taken out: where another tile covers the pixel, that one says whether it is
        good; elsewhere the pixel is bad. Of what counts by unique regions (`sky_area`, maps), the region of an
        excluded tile is left out.
    named : str
        ``NAME HASH`` if the selection is a named one of a catalogue, see `goodpix.Catalogue.selection`; dropped if
        the hash is not that of the content.

    Raises
    ------
    UnknownNameError
        If a criterion, a plane or a key of an exclusion does not exist. Bit names belong to a catalogue and are
        checked when the selection is used.
    UsageError
        If `ignore_bits` or `grow` is not a mapping, a bit is neither a name nor a value with one bit set, or a
        radius, the border or an exclusion is malformed.

    Examples
    --------
    >>> Selection(ignore=["COADD_SEG"], ignore_bits={"SE": ["STAR"]}, border=48)
    Selection(ignore=(<Criterion.COADD_SEG: 16>,), ignore_bits={'SE': ('STAR',)}, grow={}, border=48, exclude=())
    """

    ignore: Sequence[CriterionName | Criterion] = ()
    ignore_bits: Mapping[str, Sequence[str | int]] = field(default_factory=dict)
    grow: Mapping[Any, float] = field(default_factory=dict)
    border: int = 0
    exclude: Sequence[Any] = ()
    named: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        # one flag may combine several criteria
        ignore = [each for given in as_iterable(self.ignore) for each in criterion_of(given)]
        object.__setattr__(self, "ignore", tuple(ignore))
        check_mapping("ignore_bits", self.ignore_bits, "planes to bits, such as {'SE': ['STAR']}")
        check_mapping("grow", self.grow, "criteria or bits to radii in pixels, such as {'COADD_SEG': 8}")
        bits: dict[str, tuple[str | int, ...]] = {}
        for plane, names in self.ignore_bits.items():
            if str(plane).lower() not in BIT_SHIFT:
                raise UnknownNameError(f"ignore_bits: unknown plane {plane!r}: expected SE or COADD")
            of_plane = tuple(as_iterable(names))
            for bit in of_plane:
                if not isinstance(bit, str):
                    bit_of_value(bit, f"ignore_bits {plane}")
            bits[plane.upper()] = bits.get(plane.upper(), ()) + of_plane
        object.__setattr__(self, "ignore_bits", FrozenDict(bits))
        grow = dict(checked_growth(name, radius) for name, radius in self.grow.items())
        object.__setattr__(self, "grow", FrozenDict(grow))
        border: Any = self.border
        if isinstance(border, bool) or not isinstance(border, int | np.integer) or border < 0:
            raise UsageError(f"border is {self.border!r}: expected a number of pixels, 0 or more")
        exclude = [each for given in as_iterable(self.exclude) for each in Exclusion.many(given)]
        object.__setattr__(self, "exclude", tuple(dict.fromkeys(exclude)))
        if self.named and self.named.partition(" ")[2] != self.hash[:_SHOWN]:
            object.__setattr__(self, "named", "")

    @classmethod
    def parse(cls, text: str) -> "Selection":
        """Return the selection that a text stands for, as ``str(selection)`` and the files of goodpix give it.

        Parameters
        ----------
        text : str
            Terms such as ``"ignore COADD_SEG, grow SE:STAR by 5, border 48, exclude ccdnum=31"``, or ``"default"``.

        Raises
        ------
        UnknownNameError
            If a criterion, plane or key does not exist.
        UsageError
            If the text is none of a selection, or the hash beside a name is not that of the content.

        Examples
        --------
        >>> Selection.parse("ignore COADD_SEG, border 48") == Selection(ignore=["COADD_SEG"], border=48)
        True
        """
        if not isinstance(text, str):
            raise UsageError(f"selection is {text!r}: expected text, such as 'ignore COADD_SEG, border 48'")
        given: dict[str, Any] = {"ignore": [], "ignore_bits": {}, "grow": {}, "exclude": []}
        for verb, what in terms_of(text):
            plane, colon, bit = what.partition(":")
            if verb == "ignore" and colon:
                given["ignore_bits"].setdefault(plane.strip().upper(), []).append(bit.strip())
            elif verb == "grow":
                name, by, radius = what.rpartition(" by ")
                if not by:
                    raise UsageError(f"selection {text!r}: grow {what}: expected 'grow WHAT by PIXELS'")
                given["grow"][name] = radius
            elif verb in ("ignore", "exclude"):
                given[verb].append(what)
            else:
                given[verb] = int(what) if verb == "border" and what.isdecimal() else what
        parsed = cls(**given)
        if given.get("named") and not parsed.named:
            raise UsageError(f"selection {text!r}: its hash is {parsed.hash[:_SHOWN]}, expected {given['named']}")
        return parsed

    @property
    def hash(self) -> str:
        """SHA-256 of the content regardless of order and name, hexadecimal; bits count as they are written."""
        ignore, bits, grow, border, exclude = self._meaning()
        content = {
            "ignore": sorted(str(each.name) for each in ignore),
            "ignore_bits": sorted(f"{plane}:{bit}" for plane, bit in bits),
            "grow": sorted(f"{name}={shortest(radius)}" for name, radius in grow),
            "border": border,
            "exclude": sorted(map(str, exclude)),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def name(self) -> str:
        """Name in the catalogue; empty if it has none."""
        return self.named.partition(" ")[0]

    def with_name(self, name: str) -> "Selection":
        """Return the selection as a named one.

        Raises
        ------
        UsageError
            If it cannot be a name.

        Examples
        --------
        >>> Selection(border=48).with_name("shear-v1").name
        'shear-v1'
        """
        return replace(self, named=f"{check_name(name)} {self.hash[:_SHOWN]}")

    def _meaning(self) -> tuple[Any, ...]:
        """Return the content regardless of order. Bits are compared as written: only a catalogue knows their names."""
        bits = {(plane, str(name).strip().upper()) for plane, names in self.ignore_bits.items() for name in names}
        parts = map(frozenset, (self.ignore, bits, self.grow.items()))
        return *parts, int(self.border), frozenset(self.exclude)

    def __eq__(self, other: object) -> bool:
        return self._meaning() == other._meaning() if isinstance(other, Selection) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._meaning())

    @property
    def by_pixel(self) -> bool:
        """True if a pixel's own flags decide; with `grow`, `border` or `exclude` its position matters as well."""
        return not (self.exclude or self.shapes_mask)

    @property
    def shapes_mask(self) -> bool:
        """True if `grow` or `border` applies, which depend on the pixels and edges around."""
        return bool(self.border) or any(self.grow.values())

    def good(self, flags: npt.NDArray[np.int64], bit_names: BitNames = DES_Y6) -> npt.NDArray[np.bool_]:
        """Return whether each of the flags is good; same shape. Raises like `BoundSelection.good`.

        Examples
        --------
        >>> Selection(ignore=["SE_SEG"]).good(np.array([0, 1, 2]))
        array([ True,  True, False])
        """
        return BoundSelection(self, bit_names).good(flags)

    def criteria(self, flags: npt.NDArray[np.int64], bit_names: BitNames = DES_Y6) -> npt.NDArray[np.uint8]:
        """Return the criteria that fail for each of the flags, by the flags alone; same shape.

        Examples
        --------
        >>> Selection(ignore=["SE_SEG"]).criteria(np.array([0, 1, 3]))
        array([0, 0, 2], dtype=uint8)
        """
        return BoundSelection(self, bit_names).criteria(flags)

    def __str__(self) -> str:
        terms = [f"named {self.named}"] if self.named else []
        terms += [f"ignore {each.name}" for each in self.ignore if isinstance(each, Criterion)]
        terms += [f"ignore {plane}:{name}" for plane, names in self.ignore_bits.items() for name in names]
        terms += [f"grow {name} by {shortest(radius)}" for name, radius in self.grow.items()]
        terms += [f"border {self.border}"] if self.border else []
        terms += [f"exclude {each}" for each in self.exclude]
        return ", ".join(terms) or "default"


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
        Flags bits that make a pixel bad: it is good if ``flags & reject == 0``, leaving `grow`, `border` and
        `exclude` aside.
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
        """True if a pixel's own flags decide; see `Selection.by_pixel`."""
        return self.selection.by_pixel

    @property
    def bits_left(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The bmask criteria with ignored bits, and the flags bits for which each still fails; shape (n,)."""
        return np.array([*self._bits_left], np.int64), np.array([*self._bits_left.values()], np.int64)

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
        """Return the criteria that fail for each of the flags, by the flags alone; same shape."""
        failing = flags & np.int64(self.reject & CRITERIA_BITS)
        for criterion, left in self._bits_left.items():
            failing |= np.int64(criterion) * ((flags & np.int64(left)) != 0)
        return failing.astype(np.uint8)

    def good(self, flags: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return whether each of the flags is good; same shape.

        Raises
        ------
        UsageError
            If the selection has `grow`, `border` or `exclude`, which need a whole mask.
        """
        if not self.by_pixel:
            what = "grow and border need" if self.selection.shapes_mask else "exclude needs"
            raise UsageError(f"selection {self}: {what} a whole mask, see goodpix.Mask.good")
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
