"""Exclusions: images, amplifiers, boxes and places on the sky whose pixels a selection takes as bad."""

import itertools
import math
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any

from ..amplifiers import Region
from ..cameras.exclusions import SHIPPED_EXCLUSIONS
from ..errors import UnknownNameError, UsageError, did_you_mean
from .terms import shortest

__all__ = ["Exclusion", "Range"]

_EXPECTED = "a number, or a range A:B"
_SAMPLE = "such as ccdnum=31,amplifier=A"


@dataclass(frozen=True, slots=True)
class Range:
    """A closed range of whole numbers, written ``A:B``; a missing end is open.

    Parameters
    ----------
    first, last : int, optional
        The ends, which belong to the range.
    """

    first: int | None
    last: int | None

    @classmethod
    def of(cls, name: str, given: object) -> "Range":
        """Return the range that a number, a text or a slice stands for.

        Raises
        ------
        UsageError
            If it is none, both ends are open, or the range is empty.
        """
        if isinstance(given, Range):
            return given
        if isinstance(given, slice):
            ends: tuple[object, ...] = (given.start, given.stop)
        elif isinstance(given, str) and ":" in given:
            ends = tuple(end.strip() or None for end in given.split(":"))
        else:
            ends = (given, given)
        if len(ends) != 2 or ends == (None, None):
            raise UsageError(f"exclude {name}={given}: expected {_EXPECTED}")
        first, last = (None if end is None else _whole(name, end) for end in ends)
        if first is not None and last is not None and first > last:
            raise UsageError(f"exclude {name}={given}: the range is empty, expected A:B with A not greater than B")
        return cls(first, last)

    def holds(self, number: int | None) -> bool:
        """Return whether a number lies in the range; an unknown one does not."""
        if number is None:
            return False
        return (self.first is None or self.first <= number) and (self.last is None or number <= self.last)

    def __str__(self) -> str:
        if self.first == self.last:
            return str(self.first)
        return f"{'' if self.first is None else self.first}:{'' if self.last is None else self.last}"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Pixels that a selection takes as bad. All of the keys have to hold; None holds for every pixel.

    Parameters
    ----------
    band, tilename : str, optional
        Band and tile.
    expnum, ccdnum, nite, image_flags : int, str, slice or Range, optional
        Exposure, CCD and night (YYYYMMDD), or inclusive ranges such as ``"20131115:"``; and the flags that a CCD image
        as a whole was given by its info file or a table of CCD images, so that ``"1:"`` holds where any is set.
    amplifier : str, optional
        ``"A"`` or ``"B"``: that half of a CCD image.
    box : sequence of int, str or Region, optional
        ``x0, x1, y0, y1``: the pixels ``x0 <= x < x1``, ``y0 <= y < y1`` of a CCD image.
    ra, dec, radius_arcsec : float, optional
        A disc on the sky: centre in degrees and radius in arcseconds; a pixel is excluded if its centre lies in it.

    Raises
    ------
    UsageError
        If a value is not of its kind, no key is given, or only part of a disc.
    """

    band: str | None = None
    tilename: str | None = None
    expnum: Any = None
    ccdnum: Any = None
    nite: Any = None
    image_flags: Any = None
    amplifier: str | None = None
    box: Any = None
    ra: float | None = None
    dec: float | None = None
    radius_arcsec: float | None = None

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in _NAMES if getattr(self, name) is not None}
        if not given:
            raise UsageError(f"exclude: an entry without keys would exclude every pixel: expected one {_SAMPLE}")
        for name, value in given.items():
            object.__setattr__(self, name, _READERS[name](name, value))
        disc = [name for name in _DISC if name in given]
        if disc and len(disc) < len(_DISC):
            raise UsageError(f"exclude {self}: expected ra, dec and radius_arcsec together")

    @classmethod
    def many(cls, given: object) -> "Iterator[Exclusion]":
        """Yield the exclusions that an entry stands for: one for each combination of values where some are lists.

        Parameters
        ----------
        given : Exclusion, mapping or str
            An entry; as text ``KEY=VALUE,KEY=VALUE``, or a name in
            `goodpix.schema.cameras.exclusions.SHIPPED_EXCLUSIONS`.

        Raises
        ------
        UnknownNameError
            If a key does not exist.
        UsageError
            If the entry is malformed.
        """
        if isinstance(given, cls):
            yield given
            return
        if isinstance(given, str) and (shipped := SHIPPED_EXCLUSIONS.get(given.strip())):
            given = shipped.entry
        keys = _keys_of_text(given) if isinstance(given, str) else given
        if not isinstance(keys, Mapping):
            raise UsageError(f"exclude {given!r}: expected KEY=VALUE,KEY=VALUE or a mapping, {_SAMPLE}")
        for name in keys:
            if name not in _NAMES:
                raise UnknownNameError(f"exclude: unknown key {name!r}{did_you_mean(str(name), list(_NAMES))}")
        # an empty cell of a table is no value
        values = {name: _plain(name, value) for name, value in keys.items() if not _is_missing(value)}
        lists = [value if _is_list(name, value) else [value] for name, value in values.items()]
        for combination in itertools.product(*lists):
            yield cls(**dict(zip(values, combination, strict=True)))

    @property
    def disc(self) -> tuple[float, float, float] | None:
        """Right ascension and declination of the disc and its radius, all in degrees; None without one."""
        if self.ra is None or self.dec is None or self.radius_arcsec is None:
            return None
        return self.ra, self.dec, self.radius_arcsec / 3600

    def __str__(self) -> str:
        pairs = [(name, getattr(self, name)) for name in _NAMES]
        return ",".join(f"{name}={_text(value)}" for name, value in pairs if value is not None)


_NAMES = tuple(each.name for each in fields(Exclusion))
_DISC = ("ra", "dec", "radius_arcsec")


def _keys_of_text(text: str) -> dict[str, str]:
    keys: dict[str, str] = {}
    for pair in text.split(","):
        name, equals, value = (token.strip() for token in pair.partition("="))
        if not equals or not name or not value:
            shipped = f", or one of {', '.join(SHIPPED_EXCLUSIONS)}" if pair == text else ""
            raise UsageError(
                f"exclude {text}: cannot read {pair.strip()!r}: expected KEY=VALUE,KEY=VALUE, {_SAMPLE}{shipped}"
            )
        if name in keys:
            raise UsageError(f"exclude {text}: {name} is given twice: expected it once, as a range or in two entries")
        keys[name] = value
    return keys


def _is_missing(value: object) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))


def _is_list(name: str, value: object) -> bool:
    if isinstance(value, str | bytes | slice | Range | Region | Mapping) or not isinstance(value, Iterable):
        return False
    if getattr(value, "shape", None) == ():
        return False  # an array without dimensions
    # one box is a list itself, of numbers or of their texts
    return name != "box" or all(isinstance(each, Region | Sequence) and not _is_limit(each) for each in value)


def _is_limit(value: object) -> bool:
    """Return whether a text is one limit of a box, as YAML files have them."""
    return isinstance(value, str) and ":" not in value


def _plain(name: str, value: Any) -> Any:
    """Return a quantity, or a column of a table with a unit, as numbers of degrees, or arcseconds for a radius."""
    unit = getattr(value, "unit", None)
    if not hasattr(unit, "is_equivalent"):
        return value
    from astropy import units  # slow to import

    wanted = units.arcsec if name == "radius_arcsec" else units.deg
    try:
        if name in _DISC:
            return units.Quantity(value, unit).to_value(wanted)
    except (TypeError, ValueError):
        pass
    raise UsageError(f"exclude {name}={value}: expected {f'an angle, as {wanted}' if name in _DISC else 'no unit'}")


def _text(value: object) -> str:
    if isinstance(value, Region):
        return f"{value.x0}:{value.x1}:{value.y0}:{value.y1}"
    return shortest(value) if isinstance(value, float) else str(value)


def _whole(name: str, given: Any) -> int:
    number = None
    with suppress(TypeError, ValueError, OverflowError):
        if isinstance(given, str) or (isinstance(given, float) and given == int(given)):
            number = int(given)
        elif not isinstance(given, bool):
            number = operator.index(given)
    if number is not None and abs(number) < 1 << 63:
        return number
    raise UsageError(f"exclude {name}={given}: expected {_EXPECTED}")


def _name(name: str, given: Any) -> str:
    text = given
    if isinstance(given, bytes):  # padded, as in tables of FITS files
        text = given.decode(errors="replace")
    text = text.strip(" \t\r\n\0") if isinstance(text, str) else ""
    if not text or "," in text or "=" in text:
        raise UsageError(f"exclude {name}={given}: expected a name, without commas or =")
    return text


def _amplifier(name: str, given: Any) -> str:
    text = str(given).strip().upper()
    if text not in ("A", "B"):
        raise UsageError(f"exclude {name}={given}: expected A or B")
    return text


def _box(name: str, given: Any) -> Region:
    if isinstance(given, Region):
        limits: Sequence[object] = (given.x0, given.x1, given.y0, given.y1)
    else:
        limits = given.split(":") if isinstance(given, str) else tuple(given) if isinstance(given, Iterable) else ()
    shown = _text(given) if isinstance(given, str | Region) else ":".join(map(str, limits))
    try:
        x0, x1, y0, y1 = (_whole(name, limit) for limit in limits)
    except (UsageError, ValueError):
        x0 = x1 = y0 = y1 = 0
    if not (0 <= x0 < x1 and 0 <= y0 < y1):
        raise UsageError(f"exclude {name}={shown}: expected pixels X0:X1:Y0:Y1, X0 less than X1 and Y0 less than Y1")
    return Region(x0, x1, y0, y1)


def _degrees(name: str, given: Any) -> float:
    limits = {"ra": (-math.inf, math.inf), "dec": (-90, 90), "radius_arcsec": (0, 180 * 3600)}[name]
    expected = {"ra": "degrees", "dec": "degrees from -90 to 90", "radius_arcsec": "arcseconds, more than 0"}[name]
    try:
        number = math.nan if isinstance(given, bool) else float(_plain(name, given))
    except (TypeError, ValueError):
        number = math.nan
    good = math.isfinite(number) and limits[0] <= number <= limits[1] and not (name == "radius_arcsec" and number == 0)
    if not good:
        raise UsageError(f"exclude {name}={given}: expected {expected}")
    return number % 360 if name == "ra" else number


_READERS = {
    "band": _name,
    "tilename": _name,
    "expnum": Range.of,
    "ccdnum": Range.of,
    "nite": Range.of,
    "image_flags": Range.of,
    "amplifier": _amplifier,
    "box": _box,
    **dict.fromkeys(_DISC, _degrees),
}
