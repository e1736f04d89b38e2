"""State of a page as the query parameters of its URL."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from ...schema.criteria import Selection, SelectionWords
from ...schema.errors import GoodpixError, UsageError
from ...schema.selection.terms import check_name
from ..plots.reasons import REASONS

__all__ = ["REASON_NAMES", "Pixel", "SkyBox", "Span", "TableView", "UrlQuery", "View"]

REASON_NAMES = tuple(reason.name for reason in REASONS)
"""Names of the reasons in a URL."""

_LONGEST = 100
_MOST_PARAMETERS = 100
_TABLE_PARAMETER = re.compile(r"([a-z]+)\.(sort|page|where)")


@dataclass(frozen=True, slots=True)
class Span:
    """A closed range of integers, written ``A:B``; a missing end is open."""

    first: int | None
    last: int | None

    @classmethod
    def parse(cls, text: str) -> "Span":
        """Parse a number or a range ``A:B``.

        Raises
        ------
        UsageError
            If the text is neither.
        """
        match = re.fullmatch(r"\s*(\d{0,18})\s*(:?)\s*(\d{0,18})\s*", text)
        if match is None or not (match[1] or match[3]) or (match[3] and not match[2]):
            raise UsageError(f"{text!r}: expected a number, or a range A:B")
        first, last = (int(match[number]) if match[number] else None for number in (1, 3))
        return cls(first, last if match[2] else first)

    def __str__(self) -> str:
        if self.first is not None and self.first == self.last:
            return str(self.first)
        return f"{'' if self.first is None else self.first}:{'' if self.last is None else self.last}"


@dataclass(frozen=True, slots=True)
class SkyBox:
    """A box on the sky in degrees, from `ra0` eastwards to `ra1`; it crosses RA = 0 if `ra1` is less than `ra0`.

    The full circle is 0 to 360.
    """

    ra0: float
    ra1: float
    dec0: float
    dec1: float

    @classmethod
    def parse(cls, text: str) -> "SkyBox":
        """Parse ``RA0:RA1,DEC0:DEC1``.

        Raises
        ------
        UsageError
            If the text is not a box.
        """
        try:
            ra, dec = text.split(",")
            numbers = [float(limit) for limit in (*ra.split(":"), *dec.split(":"))]
            ra0, ra1, dec0, dec1 = numbers
        except ValueError:
            raise UsageError(f"{text!r}: expected RA0:RA1,DEC0:DEC1 in degrees") from None
        if not np.isfinite(numbers).all() or not -90 <= dec0 <= dec1 <= 90:
            raise UsageError(f"{text!r}: expected RA0:RA1,DEC0:DEC1 in degrees, DEC0 below DEC1")
        if abs(ra1 - ra0) >= 360:
            return cls(0.0, 360.0, dec0, dec1)
        return cls(ra0 % 360.0, ra1 % 360.0, dec0, dec1)

    @property
    def width(self) -> float:
        """Extent in right ascension, degrees."""
        return 360.0 if self.ra1 == 360 else (self.ra1 - self.ra0) % 360.0

    def holds(self, ra: npt.NDArray[np.float64], dec: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Return whether each position, in degrees, lies in the box."""
        in_dec = (dec >= self.dec0) & (dec <= self.dec1)
        inside: npt.NDArray[np.bool_] = ((ra - self.ra0) % 360.0 <= self.width) & in_dec
        return inside

    def __str__(self) -> str:
        return "{}:{},{}:{}".format(*map(_exact, (self.ra0, self.ra1, self.dec0, self.dec1)))


@dataclass(frozen=True, slots=True)
class Pixel:
    """A pixel, zero-based."""

    x: int
    y: int

    @classmethod
    def parse(cls, text: str) -> "Pixel":
        """Parse ``X,Y``.

        Raises
        ------
        UsageError
            If the text is not a pixel.
        """
        match = re.fullmatch(r"(\d{1,9}),(\d{1,9})", text)
        if match is None:
            raise UsageError(f"{text!r}: expected X,Y in pixels")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.x},{self.y}"


@dataclass(frozen=True, slots=True)
class TableView:
    """Sorting, limits and page of a table.

    Parameters
    ----------
    sort : str
        Column to sort by, with a leading minus sign for descending order; empty for the table's default order.
    page : int
        Page number, from 1.
    column, least, greatest : str, float, float
        Column with limits, and its limits, inclusive; empty and None for no limit.
    """

    sort: str = ""
    page: int = 1
    column: str = ""
    least: float | None = None
    greatest: float | None = None

    @property
    def where(self) -> str:
        """The limits as ``COLUMN:LEAST:GREATEST``."""
        if not self.column:
            return ""
        limits = ("" if limit is None else _exact(limit) for limit in (self.least, self.greatest))
        return ":".join([self.column, *limits])

    def changed(self, name: str, text: str) -> "TableView":
        """Return a copy with ``sort``, ``page`` or ``where`` set from its text.

        Raises
        ------
        UsageError
            If the text is invalid.
        """
        if name == "sort":
            return replace(self, sort=_matched(text, r"-?\w{1,64}", "a column, or -column"), page=1)
        if name == "page":
            return replace(self, page=int(_matched(text, r"[1-9]\d{0,6}", "a number from 1")))
        if not text:
            return replace(self, page=1, column="", least=None, greatest=None)
        column, least, greatest = [*text.split(":"), "", ""][:3]
        try:
            limits = [_limit(number) if number.strip() else None for number in (least, greatest)]
        except ValueError:
            raise UsageError(f"{text!r}: expected COLUMN:LEAST:GREATEST with numbers") from None
        column = _matched(column, r"\w{1,64}", "a column")
        return replace(self, page=1, column=column, least=limits[0], greatest=limits[1])


@dataclass(frozen=True, slots=True)
class View:
    """State of a page: filters and display settings; empty or None where unset.

    Parameters
    ----------
    band, tile : str
        Band; tile name or part of it.
    expnum, ccdnum : int
        Exposure and CCD number.
    nite : Span
        Nights, YYYYMMDD.
    box : SkyBox
        Box that contains the centres of the tiles.
    statistic : str
        Statistic to plot.
    by : str
        ``"night"`` or ``"exposure"``.
    widths : bool
        Whether to measure the width of masks.
    tables : mapping of str to TableView
        State of the tables that differ from their default.
    selection : Selection
        Definition of good on the mask page.
    hide : tuple of str
        Reasons whose pixels are not coloured.
    image : bool
        Whether to show the image behind the mask.
    window : Region
        Visible pixels.
    pixel : Pixel
        Pinned pixel.
    """

    band: str = ""
    tile: str = ""
    expnum: int | None = None
    ccdnum: int | None = None
    nite: Span | None = None
    box: SkyBox | None = None
    statistic: str = ""
    by: str = ""
    widths: bool = False
    tables: Mapping[str, TableView] = field(default_factory=dict)
    selection: Selection = field(default_factory=Selection)
    hide: tuple[str, ...] = ()
    image: bool = False
    window: Region | None = None
    pixel: Pixel | None = None

    def table(self, name: str) -> TableView:
        """Return the state of a table."""
        return self.tables.get(name, TableView())

    def with_table(self, name: str, table: TableView) -> "View":
        """Return a copy with another state of a table."""
        return replace(self, tables={**self.tables, name: table})

    def query(self) -> str:
        """Return the query string of the URL."""
        pairs: list[tuple[str, object]] = []
        for item in fields(self):
            value = getattr(self, item.name)
            if value != getattr(_DEFAULT, item.name) or getattr(value, "name", ""):
                write = _WRITERS.get(item.name)
                pairs += write(item.name, value) if write else [(item.name, value)]
        return "&".join(f"{name}={quote(str(value), safe=':,=-')}" for name, value in pairs)


@dataclass(frozen=True, slots=True)
class UrlQuery:
    """Parsed query parameters of a URL.

    Parameters
    ----------
    view : View
        State of the page.
    problems : tuple of str
        Errors in parameters, which are ignored.
    """

    view: View
    problems: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, Sequence[str]], named: Callable[[str], Selection] | None = None) -> "UrlQuery":
        """Parse parameters, given as lists of values by name; `named` returns a named selection of the catalogue."""
        if sum(map(len, given.values())) > _MOST_PARAMETERS:
            return cls(View(), (f"the URL has more than {_MOST_PARAMETERS} parameters: all are ignored",))
        values: dict[str, Any] = {}
        tables: dict[str, TableView] = {}
        problems = []
        for name in sorted(given, key=lambda name: name.endswith(".page")):  # sorting resets the page, so pages go last
            try:
                _take(name, given[name], values, tables)
            except UsageError as error:
                problems.append(f"{name}: {error}")
        try:
            name, words = values.pop("named", ""), {key: values.pop(key) for key in _SELECTION if key in values}
            if name and words:
                problems.append(f"selection: {name} replaces the other parameters of a selection")
            values["selection"] = named(name) if named and name else SelectionWords(**words).selection()
        except GoodpixError as error:
            problems.append(str(error))
        return cls(View(**values, tables=tables), tuple(problems))


def _take(name: str, texts: Sequence[str], values: dict[str, Any], tables: dict[str, TableView]) -> None:
    """Parse one parameter into `values` or `tables`."""
    longest = _LONGEST if name != "exclude" else 2 * _LONGEST
    if any(len(text) > longest for text in texts):
        raise UsageError(f"expected at most {longest} characters")
    match = _TABLE_PARAMETER.fullmatch(name)
    if match:
        tables[match[1]] = tables.get(match[1], TableView()).changed(match[2], texts[-1])
    elif name in _READERS:
        key, read = _READERS[name]
        values[key] = read(texts)
    elif not name.startswith("bokeh-") and name != "every":  # parameters of the server and of page.js
        raise UsageError("unknown parameter")


def _matched(text: str, pattern: str, expected: str) -> str:
    if not re.fullmatch(pattern, text):
        raise UsageError(f"{text!r}: expected {expected}")
    return text


def _limit(text: str) -> float:
    """Parse a number or a percentage."""
    number = float(text.strip().removesuffix("%")) / (100 if text.strip().endswith("%") else 1)
    if not np.isfinite(number):
        raise ValueError(text)
    return number


def _exact(number: float) -> str:
    """Return the shortest text that parses to the same number."""
    return repr(float(number)).removesuffix(".0")


def _number(text: str) -> int:
    return int(_matched(text, r"\d{1,18}", "a number"))


def _yes(text: str) -> bool:
    return _matched(text, "0|1", "0 or 1") == "1"


def _window(text: str) -> Region:
    match = re.fullmatch(r"(\d{1,9}):(\d{1,9}),(\d{1,9}):(\d{1,9})", text)
    box = Region(*map(int, match.groups())) if match else None
    if box is None or box.x1 <= box.x0 or box.y1 <= box.y0:
        raise UsageError(f"{text!r}: expected X0:X1,Y0:Y1 in pixels")
    return box


def _reasons(texts: Sequence[str]) -> tuple[str, ...]:
    """Return reasons without duplicates, in the order of `REASON_NAMES`."""
    for text in texts:
        _matched(text, "|".join(REASON_NAMES), f"one of {', '.join(REASON_NAMES)}")
    return tuple(name for name in REASON_NAMES if name in texts)


def _last(read: Callable[[str], Any]) -> Callable[[Sequence[str]], Any]:
    return lambda texts: read(texts[-1])


_SELECTION = ("ignore", "ignore_bits", "grow", "border", "exclude")

_READERS: Mapping[str, tuple[str, Callable[[Sequence[str]], Any]]] = {
    "band": ("band", _last(lambda text: text)),
    "tile": ("tile", _last(lambda text: text.strip())),
    "expnum": ("expnum", _last(_number)),
    "ccdnum": ("ccdnum", _last(_number)),
    "nite": ("nite", _last(Span.parse)),
    "box": ("box", _last(SkyBox.parse)),
    "statistic": ("statistic", _last(lambda text: _matched(text, r"\w[\w:. +/-]{0,63}", "the name of a statistic"))),
    "by": ("by", _last(lambda text: _matched(text, "night|exposure", "night or exposure"))),
    "widths": ("widths", _last(_yes)),
    "ignore": ("ignore", tuple),
    "ignore-bit": ("ignore_bits", tuple),
    "grow": ("grow", tuple),
    "border": ("border", _last(_number)),
    "exclude": ("exclude", tuple),
    "selection": ("named", _last(check_name)),
    "hide": ("hide", _reasons),
    "image": ("image", _last(_yes)),
    "window": ("window", _last(_window)),
    "pixel": ("pixel", _last(Pixel.parse)),
}
"""Field of the view and parser for each parameter."""


def _write_selection(_name: str, selection: Selection) -> list[tuple[str, object]]:
    if selection.name:
        return [("selection", selection.name)]
    words = SelectionWords.of(selection)
    repeated = {"ignore": words.ignore, "ignore-bit": words.ignore_bits, "grow": words.grow, "exclude": words.exclude}
    pairs: list[tuple[str, object]] = [(name, text) for name, texts in repeated.items() for text in texts]
    return [*pairs, ("border", words.border)] if words.border else pairs


def _write_tables(_name: str, tables: Mapping[str, TableView]) -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = []
    for name, table in tables.items():
        pairs += [(f"{name}.{key}", text) for key, text in (("where", table.where), ("sort", table.sort)) if text]
        pairs += [(f"{name}.page", table.page)] if table.page > 1 else []
    return pairs


_WRITERS: Mapping[str, Callable[[str, Any], list[tuple[str, object]]]] = {
    "selection": _write_selection,
    "tables": _write_tables,
    "hide": lambda name, values: [(name, value) for value in values],
    "image": lambda name, value: [(name, int(value))],
    "widths": lambda name, value: [(name, int(value))],
    "window": lambda name, box: [(name, f"{box.x0}:{box.x1},{box.y0}:{box.y1}")],
}

_DEFAULT = View()
