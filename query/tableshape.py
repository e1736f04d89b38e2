"""Order, number and columns of the rows of a table."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ..schema.errors import UnknownNameError, UsageError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EVERY", "Names", "TableShape"]

EVERY = "*"
"""Stands for every column, as in SQL."""

Names = str | Iterable[str] | None
"""One name, several in a list or joined by commas, or none."""


@dataclass(frozen=True, slots=True)
class TableShape:
    """Order, number and columns of the rows of a table.

    Parameters
    ----------
    sort : tuple of str
        Columns to sort by, the first one first; ``-`` before a name is descending order. Nulls come last. Rows that are
        equal in these columns keep the order of the table.
    limit : int, optional
        Maximum number of rows.
    columns : tuple of str
        Columns, in this order; by default all, as ``*`` is.

    Raises
    ------
    UsageError
        If the limit is no whole number from 0 to 2^63 - 1, or a name is no text.
    """

    sort: tuple[str, ...] = ()
    limit: int | None = None
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (*self.sort, *self.columns):
            if not isinstance(name, str):
                raise UsageError(f"column {name!r}: expected a name")
        if self.limit is None:
            return
        if isinstance(self.limit, bool) or not hasattr(self.limit, "__index__") or not 0 <= self.limit < 1 << 63:
            raise UsageError(f"limit is {self.limit!r}: expected a whole number of rows")

    @classmethod
    def of(cls, sort: Names = None, limit: int | None = None, columns: Names = None) -> "TableShape":
        """Return the shape that arguments of a method describe."""
        return cls(_names(sort), limit, _names(columns))

    @classmethod
    def taken_from(cls, arguments: Mapping[str, Any]) -> "tuple[TableShape, dict[str, Any]]":
        """Return the shape that keyword arguments describe, and the other arguments."""
        rest = dict(arguments)
        return cls.of(*(rest.pop(name, None) for name in ("sort", "limit", "columns"))), rest

    def of_query(self, query: "sa.Select[Any]", key: "Iterable[sa.ColumnElement[Any]]", where: str) -> "sa.Select[Any]":
        """Return a query for rows of this shape.

        Parameters
        ----------
        query : Select
            Query for all columns and rows.
        key : iterable of column
            Columns that give the order of the table.
        where : str
            Name of the table.

        Raises
        ------
        UnknownNameError
            If there is no such column.
        """
        known = dict(query.selected_columns.items())
        for name, descending in self.order(known, where):
            query = query.order_by((known[name].desc() if descending else known[name].asc()).nulls_last())
        query = query.order_by(*key).limit(self.limit)
        chosen = self.chosen(known, where)
        return query.with_only_columns(*(known[name] for name in chosen), maintain_column_froms=True)

    def of_frame(self, rows: "pd.DataFrame", where: str) -> "pd.DataFrame":
        """Return rows of this shape of a data frame; see `of_query`."""
        known = list(map(str, rows.columns))
        order = self.order(known, where)
        if order:
            names, descending = zip(*order, strict=True)
            ascending = [not each for each in descending]
            rows = rows.sort_values(list(names), ascending=ascending, kind="stable", ignore_index=True)
        if self.limit is not None:
            rows = rows.head(self.limit)
        if self.columns:
            rows = rows[self.chosen(known, where)]
            if "units" in rows.attrs:
                rows.attrs["units"] = {name: unit for name, unit in rows.attrs["units"].items() if name in rows}
        return rows

    def order(self, known: Collection[str], where: str) -> list[tuple[str, bool]]:
        """Return the columns to sort by, and whether each is in descending order."""
        order = [(name.removeprefix("-"), name.startswith("-")) for name in self.sort]
        _check([name for name, _ in order], known, where)
        return order

    def chosen(self, known: Collection[str], where: str) -> list[str]:
        """Return the columns in order, of those that a table has."""
        names = [every for name in self.columns for every in (known if name == EVERY else [name])]
        _check(names, known, where)
        return list(dict.fromkeys(names)) or list(known)


def _names(given: object) -> tuple[str, ...]:
    if isinstance(given, str):
        return tuple(name.strip() for name in given.split(","))
    if given is not None and not isinstance(given, Iterable):
        raise UsageError(f"column {given!r}: expected a name")
    return () if given is None else tuple(given)


def _check(names: Iterable[str], known: Collection[str], where: str) -> None:
    for name in names:
        if name in known:
            continue
        if not name:
            raise UsageError("empty column name: expected a name, or several with one comma between two")
        # tables of text have the unit in the heading
        heading, bracket, _ = name.partition("[")
        near = heading if bracket and heading in known else name
        raise UnknownNameError(f"{where} has no column {name!r}{did_you_mean(near, list(known))}")
