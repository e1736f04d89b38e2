"""Data frames of query results."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ..schema.columns import Column

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["frame", "joined", "read_frame", "typed_frame"]


def frame(columns: Iterable[sa.ColumnElement[Any]], rows: Iterable[Sequence[Any]]) -> "pd.DataFrame":
    """Return rows as a data frame with the types of the SQL columns, even if there are no rows.

    Integer and boolean columns keep their type if some values are null (pandas' ``Int64`` and ``boolean``): a null
    never becomes a zero, nor a count a float.
    """
    return typed_frame([Column(getattr(column, "name", ""), _kind(column), True, "") for column in columns], rows)


def typed_frame(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> "pd.DataFrame":
    """Return rows as a data frame with the types of the columns; see `frame`."""
    import pandas as pd  # slow to import, and the command line starts without it

    by_column = list(zip(*rows, strict=True)) or [()] * len(columns)
    series = {}
    for column, values in zip(columns, by_column, strict=True):
        series[column.name] = pd.Series(list(values), dtype=_dtype(column.kind, None in values))
    return pd.DataFrame(series)


def read_frame(engine: sa.Engine, query: "sa.Select[Any]") -> "pd.DataFrame":
    """Return the result of a query; see `frame`."""
    with engine.connect() as connection:
        return frame(query.selected_columns, connection.execute(query))


def joined(frames: "Iterable[pd.DataFrame]") -> "pd.DataFrame":
    """Return the rows of one or more data frames with the same columns."""
    import pandas as pd  # slow to import

    first, *others = frames
    return pd.concat([first, *others], ignore_index=True) if others else first


def _kind(column: sa.ColumnElement[Any]) -> type:
    if isinstance(column.type, sa.Boolean):
        return bool
    if isinstance(column.type, sa.Integer):
        return int
    return float if isinstance(column.type, sa.Numeric | sa.Float) else str


def _dtype(kind: type, has_null: bool) -> str:
    if kind is bool:
        return "boolean" if has_null else "bool"
    if kind is int:
        return "Int64" if has_null else "int64"
    return "float64" if kind is float else "str"
