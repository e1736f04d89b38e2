"""Differences between SQLite and Postgres in reading a database."""

import math
import os
import platform
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from .errors import DamagedValueError
from .extras import optional

__all__ = [
    "OUT_OF_TIME",
    "driver_text",
    "interrupted",
    "limit_time",
    "reader",
    "server_engine",
    "set_busy_timeout",
    "sqlite_path",
    "sqlite_url",
    "suits_column",
    "unlimit_time",
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

# Steps of SQLite's machine between two looks at signals and at the clock; some milliseconds.
_STEPS = 100_000

OUT_OF_TIME = "goodpix_out_of_time"
"""Key of a connection's ``info``: whether `limit_time` has interrupted its query."""

# A value of SQLite, such as of zeroblob(), may have so many bytes; the longest stored have some thousands.
_MOST_BYTES = 1 << 26


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
    engine.dialect.colspecs = {**engine.dialect.colspecs, sa.Boolean: _StoredBoolean}
    sa.event.listen(engine, "connect", _prepare_reader)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


class _StoredBoolean(sa.Boolean):
    """A boolean of SQLite that is 0 or 1; SQLAlchemy takes any text for true."""

    def result_processor(self, dialect: Any, coltype: object) -> Any:  # noqa: ARG002  # as SQLAlchemy calls it
        return _boolean


_BOOLEANS = {None: None, 0: False, 1: True}


def _boolean(value: Any) -> bool | None:
    try:
        return _BOOLEANS[value]
    except KeyError:
        raise DamagedValueError(f"{value!r} stands in the database where 0 or 1 is expected") from None


def _roll_back(path: Path) -> None:
    """Make SQLite roll back the unfinished transaction of a killed process, which a reader cannot do."""
    if path.with_name(path.name + "-journal").exists():
        # SQLite leaves a live process's journal alone; a read-only or invalid file is reported later
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def server_engine(url: sa.URL) -> sa.Engine:
    """Return an engine for Postgres that tests connections before use, since the server may have closed them."""
    process = {"application_name": f"goodpix, process {os.getpid()} on {platform.node()}"[:_NAME_BYTES]}
    asked = {name: value for name, value in (_CONNECTION | process).items() if name not in url.query}
    # whatever the database or the environment says: with SQL_ASCII, the default of old servers, text would be bytes
    asked["client_encoding"] = "utf8"
    with optional("psycopg"):
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
    _add_root(connection)
    connection.set_authorizer(_authorize)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES)
    _heed_signals(connection)


def _add_root(connection: sqlite3.Connection) -> None:
    """Add the square root, which SQLite has only where it was built with mathematical functions."""
    try:
        connection.execute("SELECT sqrt(1)")
    except sqlite3.OperationalError:
        connection.create_function(
            "sqrt", 1, lambda x: None if x is None or x < 0 else math.sqrt(x), deterministic=True
        )


def _heed_signals(connection: sqlite3.Connection) -> None:
    """Let Ctrl-C end a query: Python handles signals only when its own code runs."""
    connection.set_progress_handler(lambda: 0, _STEPS)


def limit_time(connection: sa.Connection, seconds: float) -> None:
    """Let the next statement fail that takes longer; see `interrupted`."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {max(round(1000 * seconds), 1)}")
        return
    end, info = time.monotonic() + seconds, connection.info

    def look_at_the_clock() -> int:
        info[OUT_OF_TIME] = time.monotonic() > end
        return int(info[OUT_OF_TIME])

    _driver(connection).set_progress_handler(look_at_the_clock, _STEPS)


def unlimit_time(connection: sa.Connection) -> None:
    """Take back `limit_time`; on Postgres it ends with the transaction."""
    if connection.dialect.name == "sqlite":
        connection.info.pop(OUT_OF_TIME, None)
        _heed_signals(_driver(connection))


def interrupted(error: BaseException) -> bool:
    """Tell whether a driver's error is of a query that was interrupted, by `limit_time` or a signal."""
    code = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None)
    return code in ("SQLITE_INTERRUPT", "57014")


def _driver(connection: sa.Connection) -> Any:
    return connection.connection.driver_connection


def _authorize(action: int, first: Any, second: Any, _database: Any, _trigger: Any) -> int:
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if str(second).lower() in _FORBIDDEN_FUNCTIONS else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA:
        return sqlite3.SQLITE_OK if str(first).lower() in _READ_PRAGMAS else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


def set_busy_timeout(connection: sqlite3.Connection) -> None:
    """Make SQLite wait for a while if another process holds the database."""
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")


def driver_text(error: sa.exc.DBAPIError) -> str:
    """Return the driver's message in one line, without the statement and link that SQLAlchemy adds."""
    return " ".join(str(error.orig).split())


def suits_column(value: object, column: "sa.Column[Any]") -> bool:
    """Tell whether a value has its column's type, which SQLite does not enforce."""
    return bool(column.nullable) if value is None else isinstance(value, column.type.python_type)
