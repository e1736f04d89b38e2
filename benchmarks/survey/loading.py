"""Bulk load of a synthetic survey into a new catalogue."""

import io
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import sqlalchemy as sa

from goodpix.ingest.database.engine import guide_planner
from goodpix.ingest.database.opening import open_for_writing
from goodpix.ingest.database.summaries import fill_summaries
from goodpix.schema import tables
from goodpix.schema.database import parse_url
from goodpix.schema.dialects import sqlite_path

from . import rows
from .coaddrows import coadds
from .maskfiles import write_mask_files
from .solutions import footprints
from .synthetic import Survey

__all__ = ["LoadTimes", "load"]

_AT_A_TIME = 40_000
_FOOTPRINTS_AT_A_TIME = 10_000

# Columns numbered by the database.
_NUMBERED = (
    tables.ingest_run.c.run_id,
    tables.coadd.c.coadd_id,
    tables.epoch.c.epoch_id,
    tables.bit_count.c.bit_count_id,
)

Copy = Callable[[sa.Table, pa.Table], None]


class Bulk(Protocol):
    """Bulk loader for one kind of database."""

    def loading(self) -> AbstractContextManager[Copy]:
        """Provide a function that copies rows into a table."""

    def engine(self) -> sa.Engine:
        """Return an engine for indexes and summaries."""

    def finish(self) -> None:
        """Do the maintenance that the database needs after the load."""


@dataclass(frozen=True, slots=True)
class LoadTimes:
    """Duration of each stage of a load, in seconds, by name."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time a stage; several of the same name add up."""
        started = time.monotonic()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - started


def load(survey: Survey, url: str, masks: Path, counts: Path | None = None) -> LoadTimes:
    """Make a catalogue of a survey.

    Parameters
    ----------
    survey : Survey
        The survey.
    url : str
        URL of a database without a catalogue.
    masks : Path
        Masks root.
    counts : Path, optional
        Folder to which the epochs' counts are also written as Parquet.
    """
    times = LoadTimes()
    with open_for_writing(url, masks=masks, campaign="synthetic", wcs_source="image") as database:
        root = database.root
    bulk: Bulk = Sqlite(url) if sqlite_path(parse_url(url)) else Postgres(url)
    late = [index for table in (tables.epoch, tables.footprint) for index in table.indexes]
    with bulk.engine().begin() as connection:
        for index in late:
            index.drop(connection)
    with times.part("mask files"):
        mask_files = write_mask_files(survey, root)
    with bulk.loading() as copy:
        copy(tables.ingest_run, rows.runs())
        copy(tables.coadd, coadds(survey, mask_files))
        _load_epochs(survey, copy, times, counts)
        with times.part("footprints made"):
            touched = rows.footprint_rows(survey, _footprints(survey))
        with times.part("footprints loaded"):
            for start in range(0, touched.num_rows, 10 * _AT_A_TIME):
                copy(tables.footprint, touched.slice(start, 10 * _AT_A_TIME))
    with times.part("summaries"), bulk.engine().begin() as connection:
        fill_summaries(connection)
    with times.part("indexes"), bulk.engine().begin() as connection:
        for index in late:
            index.create(connection)
    with times.part("statistics"):
        bulk.finish()
    return times


def _load_epochs(survey: Survey, copy: Copy, times: LoadTimes, counts: Path | None) -> None:
    written: pq.ParquetWriter | None = None
    for start in range(0, len(survey), _AT_A_TIME):
        stop = min(start + _AT_A_TIME, len(survey))
        with times.part("epochs made"):
            some, bits = rows.epochs(survey, start, stop), rows.bit_counts(survey, start, stop)
        with times.part("epochs loaded"):
            copy(tables.epoch, some)
        with times.part("bits loaded"):
            copy(tables.bit_count, bits)
        if counts is not None:
            with times.part("Parquet"):
                shown = some.drop_columns(["wcs", "planes", "image_path", "filename", "fingerprint"])
                written = written or pq.ParquetWriter(counts / "epoch.parquet", shown.schema, compression="zstd")
                written.write_table(shown)
    if counts is not None and written is not None:
        written.close()
        pq.write_table(rows.runs(), counts / "ingest_run.parquet")


def _footprints(survey: Survey) -> list[Any]:
    """Return the HEALPix pixels of each CCD image, computed on all cores."""
    parts = [
        survey.images.of(np.arange(start, min(start + _FOOTPRINTS_AT_A_TIME, len(survey.images))))
        for start in range(0, len(survey.images), _FOOTPRINTS_AT_A_TIME)
    ]
    if len(parts) < 4:
        return [each for part in parts for each in footprints(part)]
    with ProcessPoolExecutor(mp_context=get_context("forkserver")) as pool:
        return [each for found in pool.map(footprints, parts) for each in found]


@dataclass(frozen=True, slots=True)
class Sqlite:
    """SQLite without a journal: a load that crashes starts again."""

    url: str

    @contextmanager
    def loading(self) -> Iterator[Copy]:
        """Provide a function that copies rows into a table."""
        with self.engine().begin() as connection:
            cursor = connection.connection.cursor()

            def copy(table: sa.Table, values: pa.Table) -> None:
                places = ", ".join("?" * len(values.column_names))
                rows: Any = zip(*map(_plain, values), strict=True)  # sqlite3 takes any iterable
                cursor.executemany(f"INSERT INTO {table.name} VALUES ({places})", rows)

            yield copy

    def engine(self) -> sa.Engine:
        """Return an engine without a journal."""
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)

        def prepare(connection: sqlite3.Connection, _record: object) -> None:
            for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000", "temp_store = FILE"):
                connection.execute(f"PRAGMA {setting}")

        sa.event.listen(engine, "connect", prepare)
        return engine

    def finish(self) -> None:
        """Restore the planner's statistics, which SQLite deletes with a dropped index."""
        with self.engine().begin() as connection:
            guide_planner(connection)


def _plain(column: pa.ChunkedArray) -> list[Any]:
    """Return the values as Python objects."""
    if pa.types.is_string(column.type) or column.null_count:
        return list(column.to_pylist())
    return list(column.to_numpy().tolist())


@dataclass(frozen=True, slots=True)
class Postgres:
    """Postgres, by COPY of CSV without foreign-key checks."""

    url: str

    @contextmanager
    def loading(self) -> Iterator[Copy]:
        """Provide a function that copies rows into a table."""
        with self.engine().begin() as connection:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            cursor: Any = connection.connection.cursor()

            def copy(table: sa.Table, values: pa.Table) -> None:
                text = io.BytesIO()
                pyarrow.csv.write_csv(values, text, pyarrow.csv.WriteOptions(include_header=False))
                names = ", ".join(values.column_names)
                with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN (FORMAT csv)") as into:
                    into.write(text.getbuffer())

            yield copy

    def engine(self) -> sa.Engine:
        """Return an engine."""
        return sa.create_engine(self.url, poolclass=sa.NullPool)

    def finish(self) -> None:
        """Set the sequences, and update the planner's statistics and the visibility map."""
        engine = self.engine().execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for column in _NUMBERED:
                sequence = sa.func.pg_get_serial_sequence(column.table.name, column.name)
                connection.execute(sa.select(sa.func.setval(sequence, sa.func.max(column))))
            connection.exec_driver_sql("VACUUM (ANALYZE)")
            connection.exec_driver_sql("CHECKPOINT")
