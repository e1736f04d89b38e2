"""Filters on the rows of a view."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Any, SupportsIndex, TypedDict

import numpy as np
import sqlalchemy as sa
from sqlalchemy.sql import visitors

from ..schema.columns import key_number, key_text
from ..schema.database import recorded_revision
from ..schema.errors import UnknownNameError, UsageError, did_you_mean
from ..schema.sql.condition import parse_condition
from ..schema.tables import epoch
from .derivedcolumns import derived_columns
from .tableshape import Names

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Bounds", "FilterKeywords", "Filters", "TableKeywords", "Wanted", "is_numeric"]

Derived = Mapping[str, sa.ColumnElement[Any]]
One = str | bytes | SupportsIndex | slice
Wanted = One | Iterable[One] | None
"""One value, several, or inclusive ranges: ``"A:B"`` or ``slice(A, B)``; text may be padded bytes."""


class FilterKeywords(TypedDict, total=False):
    """Keyword arguments of methods that take filters, for type checkers: ``**filters: Unpack[FilterKeywords]``.

    `goodpix.query.filters.Filters` says what each means.

    Examples
    --------
    >>> wanted: FilterKeywords = {"band": "i", "min": {"fraction_good_se": 0.8}}
    >>> len(cat.epochs(**wanted)), len(cat.epochs(band="i"))
    (4, 5)
    """

    tilename: Wanted
    band: Wanted
    expnum: Wanted
    ccdnum: Wanted
    nite: Wanted
    min: Mapping[str, float]
    max: Mapping[str, float]
    where: "str | sa.ColumnElement[bool] | None"
    params: Mapping[str, Any] | None
    any_wcs: bool


class TableKeywords(FilterKeywords, total=False):
    """Filters, and the order, number and columns of the rows of a table; see `goodpix.Catalogue.tiles`.

    Examples
    --------
    >>> worst: TableKeywords = {"sort": "fraction_good_se", "limit": 1, "columns": ["band", "ccdnum"]}
    >>> cat.epochs(**worst)
      band  ccdnum
    0    i      20
    """

    sort: Names
    limit: int | None
    columns: Names


@dataclass(frozen=True, slots=True)
class Filters:
    """Filters on the rows of a view; None imposes no condition.

    Parameters
    ----------
    tilename, band : str or iterable of str, optional
        Tiles and bands; padded bytes, as tables of FITS files have them, are taken as text.
    expnum, ccdnum, nite : int, str, slice or iterable of those, optional
        Numbers, or inclusive ranges such as ``"1:10"`` or ``slice(1, 10)``; a missing end is open.
    min, max : mapping of str to number
        Inclusive bounds on any numeric columns, derived ones such as ``fwhm_arcsec`` too.
    where : str or SQLAlchemy expression, optional
        Any other condition on columns by name: as SQL, such as ``"fraction_good_se > :x AND band IN ('r', 'i')"`` (see
        `goodpix.schema.sql.condition.parse_condition`), or as ``sqlalchemy.column("airmass") < 1.2``.
    params : mapping of str to value, optional
        Values of the parameters, ``:name``, of a condition as SQL.
    any_wcs : bool
        Whether positions and maps take images whose WCS the pipeline does not vouch for (``wcs_ok`` is false) as well.
        Other answers have them always.
    """

    tilename: Wanted = None
    band: Wanted = None
    expnum: Wanted = None
    ccdnum: Wanted = None
    nite: Wanted = None
    min: Mapping[str, float] = field(default_factory=dict)
    max: Mapping[str, float] = field(default_factory=dict)
    where: "str | sa.ColumnElement[bool] | None" = None
    params: Mapping[str, Any] | None = field(default_factory=dict)
    any_wcs: bool = False

    def __post_init__(self) -> None:
        if self.params is None:
            object.__setattr__(self, "params", {})
        if not isinstance(self.params, Mapping):
            raise UsageError(f"params is {self.params!r}: expected a mapping of names to values, such as {{'x': 0.5}}")
        if self.params and not isinstance(self.where, str):
            raise UsageError("params has values, but where is no SQL with parameters: expected where='fwhm < :x'")
        if not isinstance(self.any_wcs, bool):
            raise UsageError(f"any_wcs is {self.any_wcs!r}: expected True or False")
        for name, bounds in (("min", self.min), ("max", self.max)):
            if not isinstance(bounds, Mapping):
                raise UsageError(
                    f"{name} is {bounds!r}: expected a mapping of columns to numbers, such as {{'fwhm': 4}}"
                )

    @classmethod
    def of(cls, **given: Any) -> "Filters":
        """Return the filters given as keywords.

        Raises
        ------
        UnknownNameError
            If a filter does not exist.
        UsageError
            If `min` or `max` is not a mapping.
        """
        known = [option.name for option in fields(cls)]
        for name in given:
            if name not in known:
                raise UnknownNameError(f"unknown filter {name!r}{did_you_mean(name, known)}")
        return cls(**given)

    def conditions(self, view: sa.TableClause, derived: "Derived | None" = None) -> list[sa.ColumnElement[bool]]:
        """Return the filters as SQL conditions on a view; values are bound parameters.

        Parameters
        ----------
        view : TableClause
            View or table.
        derived : mapping of str to column, optional
            Derived columns by name; by default those of the view.

        Raises
        ------
        UnknownNameError
            If the view lacks a column.
        UsageError
            If a value does not suit its column's type.
        """
        out = []
        column_of = partial(_column, view, derived_columns(view) if derived is None else derived)
        for name in _KEYS:
            wanted = getattr(self, name)
            if wanted is not None:
                if name not in view.c:
                    known = ", ".join([key for key in _KEYS if key in view.c])
                    raise UnknownNameError(f"{view.name} cannot be filtered by {name}: expected {known}, min or max")
                out.append(_matches(column_of(name), wanted))
        for bounds, compare in ((self.min, "__ge__"), (self.max, "__le__")):
            for name, value in bounds.items():
                column = column_of(name)
                if not is_numeric(column):
                    raise UsageError(f"column {name} is not numeric: expected a numeric column for min and max")
                out.append(getattr(column, compare)(_number(name, value)))
        if self.where is not None:
            if isinstance(self.where, str):
                out.append(parse_condition(self.where, self.params or {}, column_of))
            else:
                out.append(_over(self.where, column_of))
        return out

    def on_sky(self, connection: sa.Connection) -> list[sa.ColumnElement[bool]]:
        """Return the filters as SQL conditions on epochs whose place on the sky is known; see `conditions`."""
        out, wcs_ok = self.conditions(epoch), epoch.c.wcs_ok
        if not self.any_wcs and str(recorded_revision(connection)) >= wcs_ok.info["since"]:
            # a position from a WCS that the pipeline does not vouch for may be anywhere
            out.append(wcs_ok.is_not(False))
        return out

    def places(self, row: Mapping[str, Any]) -> bool:
        """Return whether the place on the sky of an epoch is known, by its row; see `on_sky`."""
        return self.any_wcs or row.get("wcs_ok") is not False


_KEYS = ("tilename", "band", "expnum", "ccdnum", "nite")

# Values of one filter; databases take some 32,000 parameters.
_MOST_VALUES = 30_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds on computed columns, which are not in the database.

    Parameters
    ----------
    min, max : mapping of str to number
        Inclusive bounds.
    """

    min: Mapping[str, float]
    max: Mapping[str, float]

    @classmethod
    def taken_from(cls, filters: Mapping[str, Any], names: Collection[str]) -> "tuple[Bounds, dict[str, Any]]":
        """Return the bounds on some columns, and the filters without them."""
        Filters.of(**filters)
        rest = dict(filters)
        taken = {}
        for which in ("min", "max"):
            given = dict(rest.get(which, {}))
            taken[which] = {name: _number(name, given.pop(name)) for name in list(given) if name in names}
            rest[which] = given
        return cls(**taken), rest

    def of_frame(self, frame: "pd.DataFrame") -> "pd.DataFrame":
        """Return the rows within the bounds; a null is outside any bounds."""
        for name, least in self.min.items():
            frame = frame[(frame[name] >= least).fillna(False).astype(bool)]
        for name, greatest in self.max.items():
            frame = frame[(frame[name] <= greatest).fillna(False).astype(bool)]
        return frame.reset_index(drop=True)


def _over(where: object, column_of: Callable[[str], sa.ColumnElement[Any]]) -> sa.ColumnElement[bool]:
    """Return a condition with its columns replaced by a view's columns of the same names."""
    if not isinstance(where, sa.ColumnElement):
        raise UsageError(f"where is {where!r}: expected SQL, such as 'airmass < 1.2', or a SQLAlchemy expression")

    def replace(element: object, **_: Any) -> sa.ColumnElement[Any] | None:
        if isinstance(element, sa.ColumnClause) and not element.is_literal:
            return column_of(element.name)
        return None

    replaced: sa.ColumnElement[bool] = visitors.replacement_traverse(where, {}, replace)
    return replaced


def _column(view: sa.TableClause, derived: Derived, name: Any) -> sa.ColumnElement[Any]:
    # a collection of columns takes a number for a position
    if not isinstance(name, str) or (name not in view.c and name not in derived):
        known = [*view.c.keys(), *derived]
        raise UnknownNameError(f"{view.name} has no column {name!r}{did_you_mean(str(name), known)}")
    return view.c[name] if name in view.c else derived[name]


def _matches(column: sa.ColumnElement[Any], wanted: Wanted) -> sa.ColumnElement[bool]:
    """Return the condition that a column equals one of the values or lies in one of the ranges."""
    values = words_of(wanted)
    # a column of a table names the same few things again and again
    exact = list(dict.fromkeys(_value(column, value) for value in values if not _is_range(value, column)))
    terms = [_in_range(column, value) for value in values if _is_range(value, column)]
    if len(exact) > _MOST_VALUES:
        name, hint = getattr(column, "name", ""), ", or a range A:B" if is_numeric(column) else ""
        raise UsageError(f"{name} lists {len(exact):,} different values: expected at most {_MOST_VALUES:,}{hint}")
    if exact or not terms:
        terms.append(column.in_(sa.bindparam(None, exact, _type(column), expanding=True, unique=True)))
    return sa.or_(*terms)


def _type(column: sa.ColumnElement[Any]) -> "sa.types.TypeEngine[Any]":
    # numbers of a narrower column may be wider
    return sa.BigInteger() if is_numeric(column) else column.type


def words_of(wanted: Wanted) -> list[Any]:
    """Return the values and ranges that a filter lists; one that is none of a list is the only one."""
    single = isinstance(wanted, str | bytes | slice | Mapping) or (isinstance(wanted, np.ndarray) and not wanted.ndim)
    return [wanted] if single or not isinstance(wanted, Iterable) else list(wanted)


def _is_range(value: object, column: sa.ColumnElement[Any]) -> bool:
    if not is_numeric(column):
        return False
    return isinstance(value, slice) or (isinstance(value, str | bytes) and ":" in key_text("range", value))


def range_ends(value: object) -> tuple[Any, Any]:
    """Return the first and last number of a range, as given; None for an open end."""
    if isinstance(value, slice):
        if value.step not in (None, 1):
            raise UsageError(f"range is {value}: expected no step")
        return value.start, value.stop
    first, _, last = key_text("range", value).partition(":")
    return first.strip() or None, last.strip() or None


def _in_range(column: sa.ColumnElement[Any], wanted: object) -> sa.ColumnElement[bool]:
    first, last = range_ends(wanted)
    terms = []
    if first is not None:
        terms.append(column >= _bound(column, first))
    if last is not None:
        terms.append(column <= _bound(column, last))
    return sa.and_(sa.true(), *terms)


def _bound(column: sa.ColumnElement[Any], end: object) -> sa.ColumnElement[Any]:
    return sa.literal(_value(column, end), _type(column))


def _value(column: sa.ColumnElement[Any], value: object) -> str | int:
    """Return a value as text or a number, as its column has it."""
    name = getattr(column, "name", "")
    if not is_numeric(column):
        return key_text(name, value)
    # database drivers do not accept numpy's integers
    number = key_number(name, value, "a whole number, or a range A:B")
    if abs(number) >= 1 << 63:
        raise UsageError(f"{name} is {number}: expected a 64-bit integer")
    return number


def _number(name: str, value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise UsageError(f"{name} is {value!r}: expected a number")
    return number


def is_numeric(column: sa.ColumnElement[Any]) -> bool:
    """Return whether the values of a column are numbers."""
    return isinstance(column.type, sa.Integer | sa.Numeric | sa.Float)
