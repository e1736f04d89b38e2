"""Data frames of query results."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["frame", "read_frame"]


def frame(columns: Iterable[sa.ColumnElement[Any]], rows: Iterable[Sequence[Any]]) -> "pd.DataFrame":
    """Return rows as a data frame whose types are those of the SQL columns, empty or not.

    Whole numbers and truth values stay what they are where some are null (pandas' ``Int64`` and
    ``boolean``): a null never turns into a zero, nor a count into a float.
    """
    import pandas as pd  # slow to import, and the command line starts without it

    listed = list(columns)
    values = list(zip(*rows, strict=True)) or [()] * len(listed)
    series = {}
    for column, each in zip(listed, values, strict=True):
        series[getattr(column, "name", "")] = pd.Series(list(each), dtype=_dtype(column, None in each))
    return pd.DataFrame(series)


def read_frame(engine: sa.Engine, query: "sa.Select[Any]") -> "pd.DataFrame":
    """Return what a query finds; see `frame`."""
    with engine.connect() as connection:
        return frame(query.selected_columns, connection.execute(query))


def _dtype(column: sa.ColumnElement[Any], has_null: bool) -> str:
    if isinstance(column.type, sa.Boolean):
        return "boolean" if has_null else "bool"
    if isinstance(column.type, sa.Integer):
        return "Int64" if has_null else "int64"
    if isinstance(column.type, sa.Numeric | sa.Float):
        return "float64"
    return "str"
