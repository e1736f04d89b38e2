"""Facts about the locks of transactions that write masks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from goodpix.ingest.database.migrate import migrate
from goodpix.ingest.database.writelocks import lock_band, lock_masks, lock_tile
from goodpix.schema import tables

Lock = Callable[[sa.Connection], None]

TILE, OTHER_TILE = (lambda c, name=name: lock_tile(c, name, "i") for name in "ab")
BAND, OTHER_BAND = (lambda c, name=name: lock_band(c, name) for name in "ri")


@pytest.fixture(scope="module")
def engine(module_database_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(module_database_url)
    text = dict.fromkeys(("uuid", "masks_root", "campaign", "wcs_source", "bits"), "")
    with engine.begin() as connection:
        migrate(connection)
        identity = {"catalogue_id": 1, "format_version": 1, "footprint_nside": 256}
        connection.execute(tables.catalogue.insert().values(**identity, **text))
    yield engine
    engine.dispose()


@contextmanager
def holding(engine: sa.Engine, lock: Lock) -> Iterator[sa.Connection]:
    """Hold a lock for a block; provide another connection, which waits briefly."""
    with engine.connect() as one, engine.connect() as other:
        lock(one)
        other.exec_driver_sql("SET lock_timeout = '20ms'")
        yield other
        for each in (one, other):
            each.rollback()


@pytest.mark.engine("postgres")  # SQLite lets one write at a time
@pytest.mark.parametrize(
    ("first", "second"), [(TILE, TILE), (BAND, BAND), (lock_masks, TILE), (TILE, lock_masks), (lock_masks, lock_masks)]
)
def test_second_writer_waits_for_the_first(engine: sa.Engine, first: Lock, second: Lock) -> None:
    with holding(engine, first) as other, pytest.raises(sa.exc.OperationalError, match="lock timeout"):
        second(other)


@pytest.mark.engine("postgres")
@pytest.mark.parametrize(("first", "second"), [(TILE, OTHER_TILE), (BAND, OTHER_BAND), (TILE, BAND)])
def test_writers_of_different_things_do_not_wait(engine: sa.Engine, first: Lock, second: Lock) -> None:
    with holding(engine, first) as other:
        second(other)


@pytest.mark.parametrize("lock", [TILE, BAND, lock_masks])
def test_lock_ends_with_its_transaction(engine: sa.Engine, lock: Lock) -> None:
    for _ in range(2):
        with engine.begin() as connection:
            lock(connection)
