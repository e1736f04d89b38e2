"""Many rows in one statement.

Rows are inserted by COPY on Postgres and by one prepared statement on SQLite, and given to a statement as arrays or as
JSON.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import ARRAY

__all__ = ["given_rows", "insert_rows", "matching", "new_ids", "upsert_rows"]

Row = Mapping[str, Any]


def new_ids(connection: sa.Connection, column: "sa.Column[Any]", n: int) -> list[int]:
    """Return numbers for new rows that no other writer uses.

    Parameters
    ----------
    connection : Connection
        In a transaction; on SQLite no one else can write until it ends.
    column : Column
        The column that numbers the rows of its table.
    n : int
        How many numbers to return.
    """
    if connection.dialect.name == "sqlite":
        last = connection.execute(sa.select(sa.func.coalesce(sa.func.max(column), 0))).scalar_one()
        return list(range(last + 1, last + n + 1))
    sequence = sa.func.pg_get_serial_sequence(column.table.name, column.name)
    numbers = sa.select(sa.func.nextval(sequence)).select_from(sa.func.generate_series(1, n))
    return list(connection.execute(numbers).scalars())


def insert_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Insert any number of rows with the same columns in one statement.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    table : Table
        Table to insert into.
    rows : sequence of mapping
        Values by column, in types that the driver accepts.
    """
    if not rows:
        return
    names = list(rows[0])
    preparer = connection.dialect.identifier_preparer
    into = f"{preparer.format_table(table)} ({', '.join(map(preparer.quote, names))})"
    # itemgetter of a single name returns the value itself
    values = map(itemgetter(*names), rows) if len(names) > 1 else ((row[names[0]],) for row in rows)
    if connection.dialect.name == "sqlite":
        placeholders = ", ".join("?" * len(names))
        connection.exec_driver_sql(f"INSERT INTO {into} VALUES ({placeholders})", list(values))
    else:
        _copy(connection, f"COPY {into} FROM STDIN", values)


def upsert_rows(connection: sa.Connection, table: sa.Table, rows: Iterable[Row], *, counter: str) -> None:
    """Insert rows, atomically replacing any with the same primary key.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    table : Table
        Table to insert into.
    rows : iterable of mapping
        Values by column.
    counter : str
        A column to which a replacing row adds the value of the row it replaces.
    """
    make: Any = sqlite.insert
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # slow to import, and loaded already where it is used

        make = postgresql.insert
    key = table.primary_key.columns.keys()
    for row in rows:
        insert = make(table).values(row)
        new: dict[str, sa.ColumnElement[Any]] = {
            c.name: c for c in insert.excluded if c.name in row and c.name not in key
        }
        new[counter] = table.c[counter] + new[counter]
        connection.execute(insert.on_conflict_do_update(index_elements=key, set_=new))


def _copy(connection: sa.Connection, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    """Send rows through COPY, which SQLAlchemy lacks; errors are raised as by its own statements."""
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except connection.dialect.loaded_dbapi.Error as error:
        lost = connection.dialect.is_disconnect(error, driver, None)
        if lost:
            connection.invalidate(error)
        raise sa.exc.DBAPIError(statement, None, error, connection_invalidated=lost) from error


def given_rows(
    connection: sa.Connection, columns: "Sequence[sa.Column[Any]]", rows: Collection[Sequence[Any]]
) -> sa.FromClause:
    """Return a table of given rows, to join in a statement whose text does not depend on them.

    Each value as a parameter of its own would make another statement for every number of rows, which takes the driver
    longer to parse than the database to execute.

    Parameters
    ----------
    connection : Connection
        Connection that the statement is for.
    columns : sequence of Column
        Columns of numbers or text whose names and types the rows have.
    rows : collection of sequence
        Values in the order of the columns; any may be null.
    """
    if connection.dialect.name == "sqlite":
        text: sa.BindParameter[str] = sa.bindparam(None, json.dumps([list(row) for row in rows]), sa.Text)
        value = sa.func.json_each(text).table_valued("value", name="json").c.value
        taken = [sa.func.json_extract(value, f"$[{k}]", type_=c.type).label(c.name) for k, c in enumerate(columns)]
        return sa.select(*taken).subquery("given")
    # as text, since the driver takes as long to send a thousand numbers as the server to look them up
    texts = [sa.bindparam(None, _array_text([row[k] for row in rows]), sa.Text) for k in range(len(columns))]
    arrays = [sa.cast(text, ARRAY(c.type)) for text, c in zip(texts, columns, strict=True)]
    named = [sa.column(c.name, c.type) for c in columns]
    return sa.func.unnest(*arrays).table_valued(*named, name="given").render_derived()


def _array_text(values: Iterable[Any]) -> str:
    """Return the text that Postgres reads as an array."""
    return "{" + ",".join("NULL" if value is None else _element_text(value) for value in values) + "}"


def _element_text(value: Any) -> str:
    if not isinstance(value, str):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def matching(
    connection: sa.Connection, columns: "Sequence[sa.Column[Any]]", keys: Collection[Sequence[Any]]
) -> "sa.ColumnElement[bool]":
    """Return the condition that a row's columns, none of them null, equal one of some different keys."""
    given = given_rows(connection, columns, keys)
    names = [given.c[c.name] for c in columns]
    if connection.dialect.name == "sqlite":
        # SQLite deletes from one table only, and groups the rows of one table by an index
        return sa.tuple_(*columns).in_(sa.select(*names))
    # Postgres would sort and compare the keys of a subquery first
    return sa.and_(*(c == value for c, value in zip(columns, names, strict=True)))
