"""What differs between SQLite and Postgres when a database is opened."""

import logging
import os
import platform
import re
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

__all__ = [
    "finish_writing",
    "guide_planner",
    "network_filesystem",
    "reader",
    "side_effects",
    "sqlite_path",
    "writer",
]

logger = logging.getLogger(__name__)

_BUSY_MS = 30_000

# What the URL may say otherwise: a server that is gone without a word is noticed within two minutes.
_CONNECTION = {"connect_timeout": "10", "keepalives_idle": "60", "keepalives_interval": "10", "keepalives_count": "6"}

# The longest application_name that Postgres keeps.
_NAME_BYTES = 63

# Bytes; of a new database. An epoch's row is 2.7 kB, of which SQLite's own 4096 would hold one and waste the rest.
_PAGE_SIZE = 16_384
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

# What SQLite's planner is told, by table and index: the rows of a whole survey, then the rows that agree in the
# index's first column, in its first two, and so on (https://www.sqlite.org/fileformat2.html#stat1tab). ANALYZE would
# count the first tile, and the plans that suit one would stay those for ten thousand.
_ROWS = {
    ("epoch", "sqlite_autoindex_epoch_1"): "8000000 800 160 7 1",
    ("epoch", "ix_epoch_ccd"): "8000000 1600000 110 2",
    ("bit_count", "sqlite_autoindex_bit_count_1"): "96000000 12 6 1",
    ("bit_count", "sqlite_autoindex_bit_count_2"): "96000000 2 2 1",
    ("footprint", "footprint"): "45000000 400 1",
    ("footprint", "ix_footprint_epoch_id"): "45000000 6",
    ("coadd", "sqlite_autoindex_coadd_1"): "50000 5 1",
    ("tile_summary", "tile_summary"): "50000 5 1",
    ("tile_run", "tile_run"): "60000 6 1 1",
    ("ccd_image", "ccd_image"): "4500000 60 60 1",
    ("ccd_image", "ix_ccd_image_fraction"): "4500000 900000 15000 1",
    ("ccd_image", "ix_ccd_image_nite"): "4500000 6000 1500 25",
    ("ccd_image", "ix_ccd_image_disagree"): "10 10 1 1",
    ("exposure_summary", "exposure_summary"): "75000 1 1",
    ("exposure_summary", "ix_exposure_summary_nite"): "75000 100",
    ("ccd_night", "ix_ccd_night_ccd"): "230000 46000 760 1",
    ("ccd_bit_night", "ix_ccd_bit_night_bit"): "2800000 560000 43000 43000 750 1 1 1",
    ("ccd_bit_night", "ix_ccd_bit_night_ccd"): "2800000 560000 9000 12",
    ("ccd_median", "ccd_median"): "305 61 1",
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
_FORBIDDEN_FUNCTIONS = {"load_extension", "fts3_tokenizer", "icu_load_collation", "readfile", "writefile", "edit"}

# Postgres' read-only transaction lets functions kill other sessions, write files and large objects, or keep locks.
# Whatever does more than compute is volatile; so are these, which do not.
_HARMLESS = {"random", "random_normal", "setseed", "clock_timestamp", "timeofday", "gen_random_uuid"}
_HARMLESS |= {f"pg_{what}_size" for what in ("relation", "total_relation", "table", "indexes", "database")}


def sqlite_path(url: sa.URL) -> Path | None:
    """Return the file of a SQLite URL, absolute; None for another database or one in memory."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database).expanduser().absolute()


def reader(url: sa.URL) -> sa.Engine:
    """Return an engine whose connections cannot write, attach or create anything."""
    path = sqlite_path(url)
    if path is None:
        engine = _server(url)
        sa.event.listen(engine, "connect", _never_write)
        # a pooler in between may forget what a connection was told, but not what each transaction begins with
        return engine.execution_options(postgresql_readonly=True, isolation_level="REPEATABLE READ")
    mode = "mode=ro"
    if not os.access(path.parent, os.W_OK) and not path.with_name(path.name + "-wal").exists():
        # SQLite would make files beside the database to coordinate with writers, of which there are none
        mode = "immutable=1"
    _roll_back(path)
    engine = sa.create_engine(_sqlite_url(path, mode))
    sa.event.listen(engine, "connect", _prepare_reader)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _roll_back(path: Path) -> None:
    """Have SQLite take back what a killed process had half written, as when it made the file: a reader cannot."""
    if path.with_name(path.name + "-journal").exists():
        # it leaves the journal of a process that lives alone; what may not be written, or is no database, is told later
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def side_effects(connection: sa.Connection, query: str) -> list[str]:
    """Return the functions in a query that may do more than compute, as far as names tell.

    Any word counts, in a string or a comment too: some functions run what a string says. SQLite, whose
    authorizer sees each call, needs no such look.
    """
    if connection.dialect.name == "sqlite":
        return []
    if 'u&"' in query.lower():
        return ['U&"..."']  # a name in disguise
    words = sorted(set(re.findall(r"[\w$]+", query.lower())) - _HARMLESS)
    found = sa.text("SELECT DISTINCT proname FROM pg_catalog.pg_proc WHERE provolatile = 'v' AND proname = ANY(:words)")
    return sorted(connection.execute(found, {"words": words}).scalars())


def writer(url: sa.URL) -> sa.Engine:
    """Return an engine for a process that writes."""
    path = sqlite_path(url)
    if path is None:
        return _server(url)
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
        connection.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
        if wal:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")

    sa.event.listen(engine, "connect", prepare)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _server(url: sa.URL) -> sa.Engine:
    """Return an engine for Postgres, whose connections are tried before use: the server may have closed them."""
    process = {"application_name": f"goodpix, process {os.getpid()} on {platform.node()}"[:_NAME_BYTES]}
    asked = {name: value for name, value in (_CONNECTION | process).items() if name not in url.query}
    return sa.create_engine(url, connect_args=asked, pool_pre_ping=True)


def _never_write(connection: Any, _record: object) -> None:
    # not among the options of the connection: those of a service file or of PGOPTIONS, such as the schema that
    # holds the catalogue, would count no more
    connection.autocommit = True
    connection.execute("SET default_transaction_read_only = on")
    connection.autocommit = False


def guide_planner(connection: sa.Connection) -> None:
    """Tell SQLite how large a catalogue's tables become; Postgres counts by itself."""
    if connection.dialect.name != "sqlite":
        return
    connection.exec_driver_sql("ANALYZE sqlite_schema")
    connection.exec_driver_sql("DELETE FROM sqlite_stat1")
    rows = [(table, index, numbers) for (table, index), numbers in _ROWS.items()]
    connection.exec_driver_sql("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", rows)
    # this connection plans by it, too, which may be that of the first ingest
    connection.exec_driver_sql("ANALYZE sqlite_schema")


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
    connection.isolation_level = None  # transactions begin where SQLAlchemy says
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    connection.set_authorizer(_authorize)


def _authorize(action: int, first: Any, second: Any, _database: Any, _trigger: Any) -> int:
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if str(second).lower() in _FORBIDDEN_FUNCTIONS else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA:
        return sqlite3.SQLITE_OK if str(first).lower() in _READ_PRAGMAS else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY
