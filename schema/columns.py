"""Columns of rows, with their meanings, for SQL and Arrow alike."""

import types
import typing
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Any

__all__ = ["Column", "column", "columns", "values_of"]


@dataclass(frozen=True, slots=True)
class Column:
    """One stored column.

    Parameters
    ----------
    name : str
        Name, the same in Python, SQL and Parquet.
    kind : type
        int, float, str or bool.
    nullable : bool
        Whether it may be null, which never means zero.
    doc : str
        Meaning, with the unit.
    since : str
        Revision of the database that added it; empty for the first.
    """

    name: str
    kind: type
    nullable: bool
    doc: str
    since: str = ""


def column(doc: str, default: Any = MISSING, *, since: str = "") -> Any:
    """Return a dataclass field for a column, with its meaning."""
    return field(default=default, metadata={"doc": doc, "since": since})


def columns(row: type) -> tuple[Column, ...]:
    """Return the columns of a dataclass whose fields were made by `column`."""
    hints = typing.get_type_hints(row)
    out = []
    for each in fields(row):
        kind, nullable = hints[each.name], False
        if isinstance(kind, types.UnionType):
            kind, nullable = typing.get_args(kind)[0], True
        out.append(Column(each.name, kind, nullable, each.metadata["doc"], each.metadata["since"]))
    return tuple(out)


def values_of(row: Any) -> dict[str, Any]:
    """Return the values of a dataclass by name, without the copies that `dataclasses.asdict` makes."""
    kind: Any = type(row)
    return {name: getattr(row, name) for name in _names(kind)}


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))
