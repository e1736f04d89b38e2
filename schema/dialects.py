"""What differs between SQLite and Postgres when a database is opened."""

import logging
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

__all__ = ["finish_writing", "network_filesystem", "reader", "sqlite_path", "writer"]

logger = logging.getLogger(__name__)

_BUSY_MS = 30_000
_NETWORK = {
    "nfs",
    "nfs4",
    "lustre",
    "cifs",
    "smb3",
    "smbfs",
    "afs",
    "gpfs",
    "beegfs",
    "ceph",
    "fuse.sshfs",
    "9p",
}

# What a read-only connection may do: look at rows, call functions (but not load code) and read how
# tables are made. mode=ro alone would still let a query ATTACH, and so create, another file.
_ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_TRANSACTION,
}
_READ_PRAGMAS = {"table_info", "table_xinfo", "index_list", "index_info", "foreign_key_list", "database_list"}
_FORBIDDEN_FUNCTIONS = {"load_extension", "fts3_tokenizer"}


def sqlite_path(url: sa.URL) -> Path | None:
    """Return the file of a SQLite URL, absolute; None for another database or one in memory."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database).expanduser().absolute()


def reader(url: sa.URL) -> sa.Engine:
    """Return an engine whose connections cannot write, attach or create anything."""
    path = sqlite_path(url)
    if path is None:
        # the URL may have options of its own, such as the schema that holds the catalogue
        given = url.query.get("options", ())
        options = " ".join([*([given] if isinstance(given, str) else given), "-c default_transaction_read_only=on"])
        return sa.create_engine(url.difference_update_query(["options"]), connect_args={"options": options})
    mode = "mode=ro"
    if not os.access(path.parent, os.W_OK) and not path.with_name(path.name + "-wal").exists():
        # SQLite would make files beside the database to coordinate with writers, of which there are none
        mode = "immutable=1"
    engine = sa.create_engine(_sqlite_url(path, mode))
    sa.event.listen(engine, "connect", _prepare_reader)
    return engine


def writer(url: sa.URL) -> sa.Engine:
    """Return an engine for a process that writes."""
    path = sqlite_path(url)
    if path is None:
        return sa.create_engine(url)
    engine = sa.create_engine(_sqlite_url(path, "mode=rwc"))
    network = network_filesystem(path.parent)
    if network is not None:
        logger.warning(
            "%s is on %s: SQLite works there without its write-ahead log, one writer at a time", path, network
        )
    wal = network is None

    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        # sqlite3 would begin transactions itself, and late: before INSERT but not before CREATE TABLE
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        connection.execute("PRAGMA foreign_keys = ON")
        if wal:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")

    sa.event.listen(engine, "connect", prepare)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def finish_writing(engine: sa.Engine, url: sa.URL) -> None:
    """Leave a SQLite database as one plain file, which a colleague can read in a folder not theirs."""
    path = sqlite_path(url)
    engine.dispose()
    if path is None or not path.is_file():
        return
    # where someone reads just now the log stays, which is slower for some readers and never wrong;
    # a file that is no database has said so before
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("PRAGMA journal_mode = DELETE").fetchall()


def network_filesystem(folder: Path) -> str | None:
    """Return the type of the network file system that holds a folder; None on a local one.

    SQLite's write-ahead log needs shared memory, which such file systems do not have
    (https://www.sqlite.org/wal.html).
    """
    try:
        mounts = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return None
    best, found = "", ""
    target = str(folder.resolve())
    for line in mounts:
        place, kind = line.split()[1:3]
        place = place.replace("\\040", " ")
        if (target == place or target.startswith(place.rstrip("/") + "/")) and len(place) >= len(best):
            best, found = place, kind
    return found if found in _NETWORK else None


def _sqlite_url(path: Path, mode: str) -> sa.URL:
    # SQLAlchemy hands a database that starts with file: on as a URI
    quoted = str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return sa.URL.create("sqlite", database=f"file:{quoted}", query={**dict([mode.split("=")]), "uri": "true"})


def _prepare_reader(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    connection.set_authorizer(_authorize)


def _authorize(action: int, first: Any, second: Any, _database: Any, _trigger: Any) -> int:
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if str(second).lower() in _FORBIDDEN_FUNCTIONS else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA:
        return sqlite3.SQLITE_OK if str(first).lower() in _READ_PRAGMAS else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY
