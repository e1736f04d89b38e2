"""Differences between SQLite and Postgres in reading a database."""

import os
import platform
import re
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

__all__ = [
    "driver_text",
    "reader",
    "server_engine",
    "set_busy_timeout",
    "side_effects",
    "sqlite_path",
    "sqlite_url",
    "total",
]

_BUSY_MS = 30_000

# Defaults that the URL may override; with them, a server that vanishes is noticed within two minutes.
_CONNECTION = {"connect_timeout": "10", "keepalives_idle": "60", "keepalives_interval": "10", "keepalives_count": "6"}

# The longest application_name that Postgres keeps.
_NAME_BYTES = 63


# A read-only connection may read rows, call functions (but not load code) and inspect the schema.
# mode=ro alone would still let a query ATTACH, and so create, another file.
_ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_TRANSACTION,
}
_READ_PRAGMAS = {"table_info", "table_xinfo", "index_list", "index_info", "foreign_key_list", "database_list"}
_FORBIDDEN_FUNCTIONS = {"load_extension", "fts3_tokenizer", "icu_load_collation", "readfile", "writefile", "edit"}

# Postgres' read-only transaction lets functions kill other sessions, write files and large objects, or keep locks.
# All such functions are volatile, but so are these harmless ones.
_HARMLESS = {"random", "random_normal", "setseed", "clock_timestamp", "timeofday", "gen_random_uuid"}
_HARMLESS |= {f"pg_{what}_size" for what in ("relation", "total_relation", "table", "indexes", "database")}


def sqlite_path(url: sa.URL) -> Path | None:
    """Return the absolute path of a SQLite URL's file; None for another database or one in memory."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database).expanduser().absolute()


def reader(url: sa.URL) -> sa.Engine:
    """Return an engine whose connections cannot write, attach or create anything."""
    path = sqlite_path(url)
    if path is None:
        engine = server_engine(url)
        sa.event.listen(engine, "connect", _never_write)
        # a connection pooler may forget the settings of a session, but not how each transaction begins
        return engine.execution_options(postgresql_readonly=True, isolation_level="REPEATABLE READ")
    mode = "mode=ro"
    if not os.access(path.parent, os.W_OK) and not path.with_name(path.name + "-wal").exists():
        # SQLite would create files beside the database to coordinate with writers, but there are none
        mode = "immutable=1"
    _roll_back(path)
    engine = sa.create_engine(sqlite_url(path, mode))
    sa.event.listen(engine, "connect", _prepare_reader)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _roll_back(path: Path) -> None:
    """Make SQLite roll back the unfinished transaction of a killed process, which a reader cannot do."""
    if path.with_name(path.name + "-journal").exists():
        # SQLite leaves a live process's journal alone; a read-only or invalid file is reported later
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def side_effects(connection: sa.Connection, query: str) -> list[str]:
    """Return the functions in a query that may do more than compute, judged by name.

    Every word counts, even in a string or a comment, because some functions execute strings. SQLite needs no such
    check: its authorizer sees each call.
    """
    if connection.dialect.name == "sqlite":
        return []
    if 'u&"' in query.lower():
        return ['U&"..."']  # an escaped name
    words = sorted(set(re.findall(r"[\w$]+", query.lower())) - _HARMLESS)
    found = sa.text("SELECT DISTINCT proname FROM pg_catalog.pg_proc WHERE provolatile = 'v' AND proname = ANY(:words)")
    return sorted(connection.execute(found, {"words": words}).scalars())


def server_engine(url: sa.URL) -> sa.Engine:
    """Return an engine for Postgres that tests connections before use, since the server may have closed them."""
    process = {"application_name": f"goodpix, process {os.getpid()} on {platform.node()}"[:_NAME_BYTES]}
    asked = {name: value for name, value in (_CONNECTION | process).items() if name not in url.query}
    # whatever the database or the environment says: with SQL_ASCII, the default of old servers, text would be bytes
    asked["client_encoding"] = "utf8"
    return sa.create_engine(url, connect_args=asked, pool_pre_ping=True)


def _never_write(connection: Any, _record: object) -> None:
    # not as an option of the connection, which would override those of a service file or of PGOPTIONS, such as the
    # schema that holds the catalogue
    connection.autocommit = True
    connection.execute("SET default_transaction_read_only = on")
    connection.autocommit = False


def sqlite_url(path: Path, mode: str) -> sa.URL:
    """Return the URL of a SQLite file opened in a mode, such as ``mode=ro``."""
    # SQLAlchemy passes on a database name that starts with file: as a URI
    quoted = str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return sa.URL.create("sqlite", database=f"file:{quoted}", query={**dict([mode.split("=")]), "uri": "true"})


def _prepare_reader(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy begins the transactions
    set_busy_timeout(connection)
    connection.set_authorizer(_authorize)


def _authorize(action: int, first: Any, second: Any, _database: Any, _trigger: Any) -> int:
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if str(second).lower() in _FORBIDDEN_FUNCTIONS else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA:
        return sqlite3.SQLITE_OK if str(first).lower() in _READ_PRAGMAS else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


def set_busy_timeout(connection: sqlite3.Connection) -> None:
    """Make SQLite wait for a while if another process holds the database."""
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")


def total(column: "sa.ColumnElement[Any]", name: str | None = None) -> "sa.Label[Any]":
    """Return the sum of a column, whole where the numbers are: Postgres adds bigints up to a numeric."""
    kind = sa.Double if isinstance(column.type, sa.Float) else sa.BigInteger
    return sa.cast(sa.func.sum(column), kind).label(name)


def driver_text(error: sa.exc.DBAPIError) -> str:
    """Return the driver's message in one line, without the statement and link that SQLAlchemy adds."""
    return " ".join(str(error.orig).split())
