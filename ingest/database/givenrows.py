"""Rows given to one statement, in any number: arrays on Postgres, JSON on SQLite."""

import json
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

__all__ = ["given_rows", "matching"]


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
    arrays = [sa.bindparam(None, [row[k] for row in rows], ARRAY(c.type)) for k, c in enumerate(columns)]
    named = [sa.column(c.name, c.type) for c in columns]
    return sa.func.unnest(*arrays).table_valued(*named, name="given").render_derived()


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
