"""Values that their columns cannot hold, as SQLite lets them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..dialects import limit_time, unlimit_time
from ..errors import CatalogueError, DamagedValueError, GoodpixError
from ..printable import printable
from ..tables import metadata
from .aggregates import NOT_A_NUMBER

__all__ = ["Mistyped", "mistyped", "naming_mistyped"]


@dataclass(frozen=True, slots=True)
class Mistyped:
    """A value that its column cannot hold, as SQLite lets it.

    Parameters
    ----------
    table : str
        Its table.
    key : str
        Its row, such as ``tilename DES0124-3332, band i``.
    column : str
        Its column.
    value : str
        The value as in SQL, cut after 60 characters.
    expected : str
        What the column holds.
    """

    table: str
    key: str
    column: str
    value: str
    expected: str

    @property
    def where(self) -> str:
        """Its table and row."""
        return f"table {self.table}, {self.key}"

    @property
    def message(self) -> str:
        """What is wrong."""
        return printable(f"{self.column} is {self.value}: expected {self.expected}")

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


_EXPECTED = {bool: "0 or 1", int: "a whole number", float: "a finite number", str: "text"}
_TYPES = {bool: ["integer"], int: ["integer"], float: ["real", "integer"], str: ["text"]}
_MOST = 1.7976931348623157e308
_SHOWN = 60
_KEY = ("tilename", "band", "expnum", "ccdnum")

# Seconds for which the cause of an error is looked for; of a survey's rows a part.
_PATIENCE = 20.0

_SYMPTOMS = (DamagedValueError, CatalogueError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError)


def mistyped(connection: sa.Connection, most: int = 20) -> Iterator[Mistyped]:
    """Yield the values in a SQLite database that do not have the types of their columns, of a table at most so many.

    Every row is read. Postgres holds no such values.
    """
    if connection.dialect.name != "sqlite":
        return
    inspector = sa.inspect(connection)
    for table in metadata.sorted_tables:
        if not inspector.has_table(table.name):
            continue
        stored = {each["name"] for each in inspector.get_columns(table.name)}
        columns = [column for column in table.c if column.name in stored]
        key = [column for column in columns if column.name in _KEY] or list(table.primary_key)
        shown = [sa.func.substr(sa.func.quote(column), 1, _SHOWN) for column in (*key, *columns)]
        wrong = [_is_wrong(column) for column in columns]
        query = sa.select(*shown, *wrong).select_from(table).where(sa.or_(*wrong)).limit(most)
        for row in connection.execute(query).all():
            where = ", ".join(f"{column.name} {value}" for column, value in zip(key, row, strict=False))
            values = row[len(key) : len(key) + len(columns)]
            for column, value, is_wrong in zip(columns, values, row[len(key) + len(columns) :], strict=True):
                if is_wrong:
                    yield Mistyped(table.name, where, column.name, value, _EXPECTED[column.type.python_type])


def _is_wrong(column: "sa.Column[Any]") -> "sa.ColumnElement[Any]":
    kind = column.type.python_type
    wrong: list[sa.ColumnElement[bool]] = [
        sa.func.typeof(column).not_in(_TYPES[kind] + ["null"] * bool(column.nullable))
    ]
    if kind is bool:
        wrong.append(sa.type_coerce(column, sa.Integer).not_in([0, 1]))
    if kind is float:
        wrong.append(sa.func.abs(column) > _MOST)
    return sa.func.coalesce(sa.or_(*wrong), sa.false())


@contextmanager
def naming_mistyped(engine: sa.Engine) -> Iterator[None]:
    """Replace an error in a block that a mistyped value in the database explains by one that names the value.

    Raises
    ------
    DamagedValueError
        If there is such a value.
    """
    try:
        yield
    except _SYMPTOMS as error:
        value = _cause(error, engine)
        if value is None:
            raise
        cure = "goodpix verify --repair, or else goodpix rebuild --force, mends it"
        raise DamagedValueError(f"{value} ({cure})") from error


def _cause(error: Exception, engine: sa.Engine) -> Mistyped | None:
    """Return a mistyped value that may be the cause of an error; None for an error with a cause of its own."""
    ours = isinstance(error, GoodpixError) and not isinstance(error, DamagedValueError)
    if engine.dialect.name != "sqlite" or (ours and NOT_A_NUMBER not in str(error)):
        return None
    with suppress(sa.exc.SQLAlchemyError, GoodpixError), engine.connect() as connection:
        limit_time(connection, _PATIENCE)
        try:
            return next(mistyped(connection, 1), None)
        finally:
            unlimit_time(connection)
    return None
