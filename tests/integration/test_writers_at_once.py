"""Writers that store tiles of the same CCD images and nights at the same time."""

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from goodpix.ingest.database.maskrows import insert_masks
from goodpix.ingest.database.opening import WritableDatabase, open_for_writing
from goodpix.ingest.database.summaries import summaries_following
from goodpix.ingest.database.writelocks import lock_masks, lock_tile
from goodpix.ingest.database.writer import Writer
from goodpix.ingest.tile import Receipt, StoredRow
from goodpix.ingest.upkeep.crosschecks import check_summaries
from goodpix.schema import tables
from goodpix.schema.bits import DES_Y6
from goodpix.schema.rows import MaskRow

from ..plainsums import assert_summaries_are_true
from ..rows import BAND, coadd_row, epoch_row, some_runs
from ..waiting import until

SHAPE = (12, 10)
TILES = ["DES0001-0001", "DES0002-0002", "DES0003-0003"]
NIGHTS = [20150101, 20150101, None]


def masks_of(tilename: str, images: list[tuple[int, int]], *, remade: int = 0) -> list[MaskRow]:
    """Return the rows of a tile that holds some CCD images; those that were remade have other counts."""
    epochs = [
        epoch_row(
            some_runs(100 * remade + 10 * expnum + ccdnum, SHAPE),
            tilename=tilename,
            expnum=expnum,
            ccdnum=ccdnum,
            nite=NIGHTS[expnum],
        )
        for expnum, ccdnum in images
    ]
    return [coadd_row(some_runs(99, SHAPE), tilename=tilename), *epochs]


@pytest.fixture
def database(postgres_database: str, tmp_path: Path) -> Iterator[WritableDatabase]:
    with writing(postgres_database, tmp_path) as database:
        yield database


def writing(url: str, folder: Path) -> AbstractContextManager[WritableDatabase]:
    return open_for_writing(url, masks=folder / "masks", campaign="test", wcs_source="image")


@contextmanager
def storing(engine: sa.Engine, rows: list[MaskRow]) -> Iterator[None]:
    """Store a tile: its rows before the block, the summaries after it."""
    with engine.begin() as connection, storing_in(connection, rows):
        yield


@contextmanager
def storing_in(connection: sa.Connection, rows: list[MaskRow]) -> Iterator[None]:
    """Store a tile in a transaction; see `storing`."""
    tilename = rows[0].key.tilename
    lock_tile(connection, tilename, BAND)
    with summaries_following(connection, tilename, BAND):
        for table in (tables.epoch, tables.coadd):
            connection.execute(table.delete().where(table.c.tilename == tilename))
        of_file = {"mask_file": f"{BAND}/{tilename}.parquet", "generation": 1}
        insert_masks(connection, [(row, number) for number, row in enumerate(rows)], of_file, DES_Y6)
        yield


class KilledError(Exception):
    """The writer was killed."""


def orders() -> list[str]:
    """Return the orders in which two writers may begin, in capitals, and end."""
    every = {"".join(order) for order in itertools.permutations("AaBb")}
    return sorted(each for each in every if each.index("A") < each.index("a") and each.index("B") < each.index("b"))


@pytest.mark.parametrize("killed", ["", "a", "b"])
def test_summaries_are_true_in_whatever_order_writers_begin_and_end(database: WritableDatabase, killed: str) -> None:
    for remade, order in enumerate(orders()):
        writers = {
            "a": storing(database.engine, masks_of(TILES[0], [(0, 1), (1, 1), (2, remade % 3)], remade=remade)),
            "b": storing(database.engine, masks_of(TILES[1], [(0, 1), (1, 1), (2, remade % 2)], remade=remade)),
        }
        for step in order:
            if step.isupper():
                writers[step.lower()].__enter__()
            elif step == killed:
                assert not writers[step].__exit__(KilledError, KilledError(), None)
            else:
                writers[step].__exit__(None, None, None)
        with database.engine.connect() as connection:
            assert_summaries_are_true(connection)


@dataclass(frozen=True, slots=True)
class Coordinator:
    """One of several that store receipts of the same tiles, and close the connections of others."""

    database: WritableDatabase
    seed: int
    n_receipts: int = 12

    def run(self) -> list[str]:
        """Store receipts; return the tiles of those that were stored."""
        rng, stored = random.Random(self.seed), []
        writer = Writer(self.database, {})
        for number in range(self.n_receipts):
            tilename = rng.choice(TILES)
            images = rng.sample([(expnum, ccdnum) for expnum in range(3) for ccdnum in range(3)], rng.randrange(7))
            rows = masks_of(tilename, images, remade=rng.randrange(2))
            generation = writer.generations().get((tilename, BAND), 0) + 1
            receipt = Receipt(
                tilename,
                *(tilename, BAND),
                whole=True,
                mask_file=f"{BAND}/{tilename}_{self.seed}_{number}.parquet",
                generation=generation,
                rows=tuple(StoredRow(row, k, made=True) for k, row in enumerate(rows)),
            )
            stored += [tilename] * writer.commit(receipt)
            if number % 4 == 3:
                self._close_connections()
        return stored

    def _close_connections(self) -> None:
        close = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        close += "WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.7"
        engine = sa.create_engine(self.database.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        with suppress(sa.exc.OperationalError), engine.connect() as connection:  # another may close this one
            connection.exec_driver_sql(close)


@pytest.mark.parametrize("seed", range(2))
def test_coordinators_whose_connections_are_closed_store_the_same_sums_as_one(
    postgres_database: str, tmp_path: Path, seed: int
) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(3) as threads:
        databases = [stack.enter_context(writing(postgres_database, tmp_path)) for _ in range(3)]
        runs = [threads.submit(Coordinator(each, 10 * seed + k).run) for k, each in enumerate(databases)]
        stored = Counter(tilename for run in runs for tilename in run.result())
        with databases[0].engine.connect() as connection:
            rows = connection.execute(sa.select(tables.coadd.c.tilename, tables.coadd.c.generation)).all()
            assert {row.tilename: row.generation for row in rows} == stored
            assert_summaries_are_true(connection)
            assert check_summaries(connection) == []


def until_waiting(engine: sa.Engine) -> None:
    """Wait until a writer waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        until(lambda: connection.exec_driver_sql(waiting).scalar() == 1, "the writer waits")


def test_writer_waits_until_the_images_of_another_are_committed(database: WritableDatabase) -> None:
    def store_the_other() -> None:
        with storing(database.engine, masks_of(TILES[1], [(0, 1), (1, 1)])):
            pass

    with ThreadPoolExecutor(1) as thread:
        with database.engine.begin() as connection:
            with storing_in(connection, masks_of(TILES[0], [(0, 1), (0, 2)])):
                pass
            other = thread.submit(store_the_other)
            until_waiting(database.engine)
        other.result()
    with database.engine.connect() as connection:
        assert_summaries_are_true(connection)


def test_writer_waits_for_who_has_all_masks_locked(database: WritableDatabase) -> None:
    with ThreadPoolExecutor(1) as thread, database.engine.connect() as connection:
        lock_masks(connection)
        stored = thread.submit(Coordinator(database, 1, 1).run)
        until_waiting(database.engine)
        connection.rollback()
        assert len(stored.result()) == 1
