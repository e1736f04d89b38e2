"""Facts about the table of CCD images."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from goodpix.ingest.database.ccdimages import ImageChange, refresh_ccd_images
from goodpix.ingest.database.maskrows import insert_masks
from goodpix.ingest.database.migrate import migrate
from goodpix.schema import tables
from goodpix.schema.bits import DES_Y6

from ....rows import BAND, coadd_row, epoch_row, some_runs

SHAPE = (12, 10)
OTHER, TILE = "DES0001-0001", "DES0002-0002"


@pytest.fixture(scope="module")
def engine(module_database_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(module_database_url)
    with engine.begin() as connection:
        migrate(connection)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def insert(connection: sa.Connection, tilename: str, seeds: dict[int, int]) -> None:
    """Insert a tile with an epoch of each exposure, and a mask by each seed."""
    epochs = [epoch_row(some_runs(seed, SHAPE), tilename=tilename, expnum=expnum) for expnum, seed in seeds.items()]
    rows = [coadd_row(some_runs(99, SHAPE), tilename=tilename), *epochs]
    insert_masks(connection, [(row, k) for k, row in enumerate(rows)], {"mask_file": "a", "generation": 1}, DES_Y6)


def refresh(connection: sa.Connection, *expnums: int) -> dict[int, ImageChange]:
    changes = refresh_ccd_images(connection, BAND, {(expnum, 11) for expnum in expnums})
    return {each.key[0]: each for each in changes}


def test_new_image_is_a_change(connection: sa.Connection) -> None:
    insert(connection, TILE, {1: 1})
    change = refresh(connection, 1, 2)
    assert (change[1].before, change[1].in_sums, change[2].in_sums) == (None, True, False)
    (row,) = connection.execute(sa.select(tables.ccd_image)).mappings()
    assert dict(row) == change[1].after


def test_image_of_another_tile_changes_no_sum(connection: sa.Connection) -> None:
    insert(connection, OTHER, {1: 1})
    refresh(connection, 1)
    insert(connection, TILE, {1: 1})
    change = refresh(connection, 1)[1]
    assert change.before is not None
    assert change.after is not None
    assert (change.before["n_tiles"], change.after["n_tiles"], change.in_sums) == (1, 2, False)
    assert not refresh(connection, 1)[1].in_sums


def test_image_without_epochs_that_count_has_no_row(connection: sa.Connection) -> None:
    insert(connection, TILE, {1: 1})
    refresh(connection, 1)
    connection.execute(tables.epoch.update().values(se_seg_used=False))
    change = refresh(connection, 1)[1]
    assert (change.after, change.in_sums) == (None, True)
    assert connection.execute(sa.select(tables.ccd_image)).all() == []


def test_other_counts_are_a_change(connection: sa.Connection) -> None:
    insert(connection, TILE, {1: 1, 2: 2})
    refresh(connection, 1, 2)
    connection.execute(tables.epoch.update().where(tables.epoch.c.expnum == 2).values(n_good_se=7))
    assert {expnum: each.in_sums for expnum, each in refresh(connection, 1, 2).items()} == {1: False, 2: True}
