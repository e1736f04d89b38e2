"""Sums and means that are errors where SQLite would take text for 0."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

__all__ = ["NOT_A_NUMBER", "mean", "total"]

NOT_A_NUMBER = "integer overflow"
"""Message of SQLite's error where a term is no number; also that of a sum beyond 64 bits."""

# an error in any version of SQLite; not constant, so that it is raised only where its branch is taken
_RAISE = "abs(min(count(*), 0) - 9223372036854775807 - 1)"


class _Aggregate(FunctionElement[Any]):
    """Aggregate of the numbers in a column; on SQLite an error where one is no number, which SQLite takes for 0."""

    inherit_cache = True

    @property
    def of(self) -> Any:
        """The column."""
        return next(iter(self.clauses))


class _Sum(_Aggregate):
    inherit_cache = True
    name = "sum"


class _Mean(_Aggregate):
    inherit_cache = True
    name = "avg"


@compiles(_Aggregate)
def _plain(element: _Aggregate, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.of, **options)
    kind = compiler.dialect.type_compiler_instance.process(element.type)
    return f"CAST({element.name}({column}) AS {kind})"


@compiles(_Aggregate, "sqlite")
def _checked(element: _Aggregate, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.of, **options)
    value = f"{element.name}({column})"
    if isinstance(element.type, sa.Integer):
        # a sum is real once one term is anything but an integer
        return f"CASE WHEN typeof({value}) = 'real' THEN {_RAISE} ELSE {value} END"
    # text and bytes are greater than any number
    return f"CASE WHEN max({column}) >= '' THEN {_RAISE} ELSE {value} END"


def total(column: "sa.ColumnElement[Any]", name: str | None = None) -> "sa.Label[Any]":
    """Return the sum of a column, whole where the numbers are: Postgres adds bigints up to a numeric.

    On SQLite it is an error where a value is no number; see `goodpix.schema.sql.mistyped.naming_mistyped`.
    """
    summed = _Sum(column)
    summed.type = sa.Double() if isinstance(column.type, sa.Float) else sa.BigInteger()
    return summed.label(name)


def mean(column: "sa.ColumnElement[Any]") -> "sa.ColumnElement[Any]":
    """Return the mean of a column as a double; an error where `total` is one."""
    averaged = _Mean(column)
    averaged.type = sa.Double()
    return averaged
