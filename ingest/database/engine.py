"""Connections for writing to SQLite and Postgres databases."""

import logging
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import sqlalchemy as sa

from ...schema.dialects import server_engine, set_busy_timeout, sqlite_path, sqlite_url
from ...schema.errors import stop_request

__all__ = ["finish_writing", "guide_planner", "hurried", "network_filesystem", "writer"]

logger = logging.getLogger(__name__)

# Bytes, for a new database. An epoch's row is 2.7 kB; SQLite's default of 4096 would hold one and waste the rest.
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

# Statistics for SQLite's planner, by table and index: the rows of a whole survey, then the average number of rows with
# equal first column of the index, equal first two, and so on (https://www.sqlite.org/fileformat2.html#stat1tab).
# ANALYZE would count the first tile, and plans that suit one tile would remain in use for ten thousand.
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


# Seconds for which the last transactions wait for a lock once a command is to stop, which ends it soon in any case; and
# seconds for which a SQLite file waits for its readers when it is closed, by whether the command is to stop.
_HURRY = 2.0
_CLOSING = {False: 5.0, True: 0.5}

_HURRIED = "goodpix_hurried"


def writer(url: sa.URL) -> sa.Engine:
    """Return an engine for writing."""
    path = sqlite_path(url)
    if path is None:
        engine = server_engine(url)
        sa.event.listen(engine, "begin", _limit_locks)
        return engine
    engine = sa.create_engine(sqlite_url(path, "mode=rwc"))
    network = network_filesystem(path.parent)
    if network is not None:
        logger.warning(
            "%s is on %s: SQLite works there without its write-ahead log, one writer at a time", path, network
        )
    wal = network is None

    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        # sqlite3 would begin transactions itself, but too late: before INSERT and not before CREATE TABLE
        connection.isolation_level = None
        set_busy_timeout(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
        if wal:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")

    sa.event.listen(engine, "connect", prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def hurried(engine: sa.Engine) -> sa.Engine:
    """Return an engine whose transactions wait for a lock as briefly as those of a command that is to stop."""
    return engine.execution_options(**{_HURRIED: True})


def _is_hurried(connection: sa.Connection) -> bool:
    return stop_request.interrupt is not None or _HURRIED in connection.get_execution_options()


def _limit_locks(connection: sa.Connection) -> None:
    if _is_hurried(connection):
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(1000 * _HURRY)}")


def _begin(connection: sa.Connection) -> None:
    if _is_hurried(connection):
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(1000 * _HURRY)}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def guide_planner(connection: sa.Connection) -> None:
    """Tell SQLite's planner how large a catalogue's tables become; Postgres counts rows itself."""
    if connection.dialect.name != "sqlite":
        return
    connection.exec_driver_sql("ANALYZE sqlite_schema")
    connection.exec_driver_sql("DELETE FROM sqlite_stat1")
    rows = [(table, index, numbers) for (table, index), numbers in _ROWS.items()]
    connection.exec_driver_sql("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", rows)
    # so that this connection, possibly that of the first ingest, uses the statistics too
    connection.exec_driver_sql("ANALYZE sqlite_schema")


def finish_writing(engine: sa.Engine, url: sa.URL) -> None:
    """Leave a SQLite database as one plain file, readable by colleagues who cannot write to its folder."""
    path = sqlite_path(url)
    engine.dispose()
    if path is None or not path.is_file():
        return
    # while someone is reading the log stays, which slows some readers but is never wrong;
    # a file that is not a database has raised an error before
    timeout = _CLOSING[stop_request.interrupt is not None]
    with (
        suppress(sqlite3.DatabaseError),
        closing(sqlite3.connect(path, timeout=timeout, isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("PRAGMA journal_mode = DELETE").fetchall()


def network_filesystem(folder: Path) -> str | None:
    """Return the type of the network file system that holds a folder; None for a local one.

    SQLite's write-ahead log needs shared memory, which network file systems lack
    (https://www.sqlite.org/wal.html).
    """
    try:
        mounts = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return None
    best, found = "", ""
    target = str(folder.resolve())
    for line in mounts:
        mount_point, kind = line.split()[1:3]
        mount_point = mount_point.replace("\\040", " ")
        if (target == mount_point or target.startswith(mount_point.rstrip("/") + "/")) and len(mount_point) >= len(
            best
        ):
            best, found = mount_point, kind
    return found if found in _NETWORK else None
