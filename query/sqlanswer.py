"""Read-only SQL, answered part by part."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from sys import getsizeof
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from ..schema import tables
from ..schema.database import REVISION, recorded_revision
from ..schema.dialects import interrupted, limit_time, unlimit_time
from ..schema.errors import CatalogueError, UsageError, did_you_mean
from ..schema.views import RENAMED, VIEWS
from .sqlfunctions import refused_functions
from .tableshape import TableShape

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SqlAnswer", "sql_answer"]

PART = 20_000
"""Rows of a part at most."""

# Bytes after which a part ends, and rows fetched at a time, whose width is known afterwards; a server is farther away.
_PART_BYTES = 1 << 26
_AT_A_TIME = {"sqlite": 16, "postgresql": 256}

_QUERY = re.compile(r"(\s|--[^\n]*\n|/\*.*?\*/)*(select|with|values)\b", re.IGNORECASE | re.DOTALL)

# Strings, quoted names, comments and dollar-quoted strings, in which a colon is a colon; then a parameter.
_PARAMETER = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|(\$\w*\$).*?\1|(?<![:\w]):(?P<name>[A-Za-z_]\w*)""", re.DOTALL
)

_NO_COLUMN = re.compile(r"no such column: (?:\w+\.)?(\w+)|column \"?(?:\w+\.)?(\w+)\"? does not exist")

_NO_TABLE = re.compile(r"no such table: (?:\w+\.)?(\w+)|relation \"(?:\w+\.)?(\w+)\" does not exist")

# Types of Postgres by their numbers; the columns of SQLite have none.
_KINDS = {16: "boolean", 20: "Int64", 21: "Int64", 23: "Int64", 26: "Int64", 700: "float64", 701: "float64", 25: "str"}


class SqlAnswer:
    """The answer to a query, read once from its beginning.

    Parameters
    ----------
    result : CursorResult
        Rows.
    deadline : Deadline
        When it has to end.
    shape : TableShape
        Number of rows to return at most, and their columns; their order is that of the result.

    Raises
    ------
    UnknownNameError
        If there is no such column.
    """

    def __init__(self, result: "sa.CursorResult[Any]", deadline: "Deadline", shape: TableShape) -> None:
        self._result = result
        self._names = list(result.keys())
        self._types: list[Any] = [column[1] for column in result.cursor.description]
        self._deadline = deadline
        self._left = shape.limit
        self._chosen = shape.chosen(self._names, "the answer") if shape.columns else None
        self._ended = False
        self._at_a_time = _AT_A_TIME[result.dialect.name]
        self.cut = False
        """Whether there are more rows than `limit`; known once all parts are read."""

    def parts(self, n_rows: int = PART) -> "Iterator[pd.DataFrame]":
        """Yield data frames of at most so many rows, fewer of wide ones; at least one, with the columns.

        Raises
        ------
        UsageError
            If the query fails, or does not end in time.

        Examples
        --------
        >>> with cat.sql_answer("SELECT expnum FROM epoch WHERE band = 'r' ORDER BY expnum") as answer:
        ...     [len(frame) for frame in answer.parts(2)]
        [2, 1]
        """
        first = True
        while not (self.cut or self._ended):
            rows = self._fetch(n_rows if self._left is None else min(n_rows, self._left + 1))
            if self._left is not None:
                self.cut = len(rows) > self._left
                rows = rows[: self._left]
                self._left -= len(rows)
            if rows or first:
                yield self._frame(rows)
            first = False

    def _fetch(self, n_rows: int) -> list[Any]:
        """Return the next rows, so many or as many as make up the bytes of a part."""
        rows: list[Any] = []
        n_bytes = 0
        while len(rows) < n_rows and n_bytes < _PART_BYTES:
            wanted = min(self._at_a_time, n_rows - len(rows))
            with _reported(self._deadline):
                self._deadline.renew()
                fetched = self._result.fetchmany(wanted)
            rows += fetched
            if len(fetched) < wanted:
                self._ended = True
                break
            n_bytes += sum(getsizeof(value) for row in fetched for value in row)
        return rows

    def _frame(self, rows: Sequence[Any]) -> "pd.DataFrame":
        """Return rows as a data frame; two columns may have the same name."""
        import pandas as pd  # slow to import

        by_column = list(zip(*rows, strict=True)) or [()] * len(self._names)
        series = [_series(list(values), _KINDS.get(kind)) for values, kind in zip(by_column, self._types, strict=True)]
        frame = pd.concat(series, axis=1, ignore_index=True)
        frame.columns = pd.Index(self._names)
        return frame if self._chosen is None else frame[self._chosen]


class Deadline:
    """The time at which a query has to end.

    Parameters
    ----------
    connection : Connection
        Connection that runs the query.
    timeout : float, optional
        Seconds from now.
    """

    def __init__(self, connection: sa.Connection, timeout: float | None) -> None:
        self._connection = connection
        self.timeout = timeout
        self._end = None if timeout is None else time.monotonic() + timeout

    def renew(self) -> None:
        """Give the next statement what is left of the time."""
        if self._end is not None:
            limit_time(self._connection, max(self._end - time.monotonic(), 0.001))


@contextmanager
def sql_answer(
    engine: sa.Engine,
    query: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    timeout: float | None = None,
    shape: TableShape,
) -> Iterator[SqlAnswer]:
    """Run a query; see `goodpix.Catalogue.sql`. Rows are fetched as they are read.

    The connection is read-only: SQLite's authorizer or Postgres' read-only transaction denies writes not refused here.
    """
    values = _checked(query, parameters, timeout)
    text = query.strip().rstrip(";")
    with engine.connect() as connection:
        refused = refused_functions(connection, query)
        if refused:
            raise UsageError(f"the query may not call {', '.join(refused)}: expected functions that only compute")
        deadline = Deadline(connection, timeout)
        revision = str(recorded_revision(connection))
        try:
            with _reported(deadline, revision):
                deadline.renew()
                result = _execute(connection, _sorted(connection, text, values, shape), values)
            try:
                yield SqlAnswer(result, deadline, shape)
            finally:
                result.close()
        finally:
            unlimit_time(connection)


def _sorted(connection: sa.Connection, text: str, values: dict[str, Any], shape: TableShape) -> str:
    """Return a query for the rows of another, in the order of the shape."""
    if not shape.sort:
        return text
    rows = f"SELECT * FROM ({text}\n) AS unsorted"
    nothing = _execute(connection, f"{rows} LIMIT 0", values)
    names = list(nothing.keys())
    nothing.close()
    order = shape.order(names, "the answer")
    # by position, since a name may be any text
    terms = [f"{names.index(name) + 1} {'DESC' if descending else 'ASC'} NULLS LAST" for name, descending in order]
    limit = "" if shape.limit is None else f" LIMIT {shape.limit + 1}"  # one more tells whether there are more
    return f"{rows} ORDER BY {', '.join(terms)}{limit}"


def _checked(query: Any, parameters: Any, timeout: float | None) -> dict[str, Any]:
    """Return the values of parameters in Python's types, after a check of all arguments."""
    if not isinstance(query, str):
        raise UsageError(f"the query is {query!r}: expected the text of a single SELECT")
    if not _QUERY.match(query):
        words = query.split()
        begins = f"starts with {words[0][:40]!r}" if words else "is empty"
        raise UsageError(f"the query {begins}: expected a single SELECT")
    strange = [letter for letter in query if "\ud800" <= letter <= "\udfff"]
    if strange:
        raise UsageError(f"the query holds {strange[0]!r}: expected text in UTF-8")
    if timeout is not None and not 0 < timeout < 1e9:
        raise UsageError(f"timeout is {timeout}: expected a number of seconds, more than 0")
    if parameters is not None and not isinstance(parameters, Mapping):
        raise UsageError(
            f"parameters is {parameters!r}: expected a mapping of names to values, such as {{'band': 'i'}}"
        )
    given = parameters or {}
    return {name: each.item() if isinstance(each, np.generic) else each for name, each in given.items()}


def _execute(connection: sa.Connection, text: str, values: dict[str, Any]) -> "sa.CursorResult[Any]":
    """Run a query as it is written, but for its parameters."""
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql(text, values)
    # a query without parameters could contain several statements, even COMMIT; with a parameter it is sent by the
    # extended protocol, which accepts only one
    text = f"SELECT * FROM ({_placeholders(text, values)}\n) AS answer WHERE %(goodpix_one)s = 1"
    # the planner takes a cursor for one of which a tenth of the rows are read
    connection.exec_driver_sql("SET LOCAL cursor_tuple_fraction = 1.0")
    streaming = {"stream_results": True, "max_row_buffer": PART}
    return connection.exec_driver_sql(text, {**values, "goodpix_one": 1}, execution_options=streaming)


def _placeholders(text: str, values: Mapping[str, Any]) -> str:
    """Return a query with the placeholders of psycopg for the parameters that have values."""

    def placed(found: "re.Match[str]") -> str:
        name = found["name"]
        return f"%({name})s" if name in values else found[0]

    return _PARAMETER.sub(placed, text.replace("%", "%%"))


@contextmanager
def _reported(deadline: Deadline, revision: str = REVISION) -> Iterator[None]:
    """Turn errors of a query into a `UsageError` of one line, with what a catalogue of that revision lacks."""
    try:
        yield
    except (sa.exc.StatementError, CatalogueError, OverflowError, UnicodeError) as error:
        # SQLAlchemy's message would add the statement and a link
        reason = error.__cause__ or error
        if deadline.timeout is not None and interrupted(reason):
            raise UsageError(f"the query did not end within {deadline.timeout:g} s, its timeout") from error
        text = " ".join(str(reason.args[0] if reason.args else reason).split())
        raise UsageError(f"the query cannot be run: {text}{_views(text)}{_newer(text, revision)}") from error


def _views(text: str) -> str:
    """Return the end of a message about a table that does not exist: what there is."""
    found = _NO_TABLE.search(text)
    if not found:
        return ""
    wanted = found[1] or found[2]
    if wanted in VIEWS or wanted in tables.metadata.tables:
        return ": goodpix db upgrade adds it"
    near = did_you_mean(wanted, [*VIEWS, *tables.metadata.tables], otherwise="")
    return f"{near} (views: {', '.join(VIEWS)})"


def _newer(text: str, revision: str) -> str:
    """Return the end of a message about a column that is newer than a catalogue's revision: how to have it."""
    found = _NO_COLUMN.search(text)
    columns = [column for table in tables.metadata.tables.values() for column in table.c]
    since = {column.name: column.info.get("since", "") for column in columns}
    since |= {name: renamed for name, (renamed, _) in RENAMED.items()}
    is_newer = found is not None and since.get(found[1] or found[2], "") > revision
    return ": goodpix db upgrade adds it" if is_newer else ""


def _series(values: list[Any], kind: str | None) -> "pd.Series[Any]":
    """Return a column in the type of its values, or of `kind` if all are null: a null makes no integer a float."""
    import pandas as pd  # slow to import

    types = {type(value) for value in values} - {type(None)}
    if types == {Decimal}:
        values = [_number(value) for value in values]
        types = {type(value) for value in values} - {type(None)}
    has_null = None in values
    if types == {bool} or (not types and kind == "boolean"):
        return pd.Series(values, dtype="boolean" if has_null else "bool")
    if (types == {int} or (not types and kind == "Int64")) and all(_fits(value) for value in values):
        return pd.Series(values, dtype="Int64" if has_null else "int64")
    if types == {float} or types == {int, float} or (not types and kind == "float64"):
        if all(not isinstance(value, int) or abs(value) <= 1 << 53 for value in values):
            return pd.Series(values, dtype="float64")
        return pd.Series(values, dtype=object)
    if types == {str} or (not types and kind == "str"):
        return pd.Series(values, dtype="str")
    return pd.Series(values, dtype=None if types and int not in types else object)


def _number(value: Decimal | None) -> int | float | None:
    """Return a number of Postgres' type numeric as SQLite has it: whole sums are integers."""
    if value is None or not value.is_finite():
        return None if value is None else float(value)
    return int(value) if value.as_tuple().exponent == 0 else float(value)


def _fits(value: int | None) -> bool:
    return value is None or -(1 << 63) <= value < 1 << 63
