"""A few rows, made by hand, and what the views show of them."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from goodpix.ingest.database.migrate import migrate
from goodpix.ingest.database.summaries import fill_summaries
from goodpix.schema import tables
from goodpix.schema.masks.rle import encode
from goodpix.schema.rows import MaskRow
from goodpix.schema.views import VIEWS

from ...rows import TILE, coadd_row, epoch_row

__all__ = ["N_PIXELS", "Catalogue"]

SHAPE = (4, 10)
N_PIXELS = 40


class Catalogue:
    """A few rows, made by hand, and what the views show of them."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def coadd(self, tilename: str = TILE, *, n_good: int = 40) -> None:
        self._insert(tables.coadd, coadd_row(encode(image(n_good, 16)), tilename=tilename), generation=3, mask_file="a")

    def epoch(self, n_good: int, *, flags: int = 1, tilename: str = TILE, **given: Any) -> int:
        """Add an epoch whose other pixels have these flags."""
        row = epoch_row(encode(image(n_good, flags)), tilename=tilename, **given)
        return self._insert(tables.epoch, row, expnum=row.key.expnum, ccdnum=row.key.ccdnum)

    def bit(self, **values: Any) -> None:
        self._connection.execute(tables.bit_count.insert().values(values))

    def rows(self, view: str) -> list[dict[str, Any]]:
        shown = VIEWS[view].table
        fill_summaries(self._connection)
        return [dict(row) for row in self._connection.execute(sa.select(shown)).mappings()]

    def row(self, view: str) -> dict[str, Any]:
        (found,) = self.rows(view)
        return found

    def _insert(self, table: sa.Table, row: MaskRow, **values: Any) -> int:
        given = {"tilename": row.key.tilename, "band": row.key.band, "nx": row.nx, "ny": row.ny, "mask_row_group": 0}
        given |= asdict(row.counts) | asdict(row.facts) | values
        done = self._connection.execute(table.insert().values(given))
        key = done.inserted_primary_key
        assert key is not None
        return int(key[0])


def image(n_good: int, flags: int) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
    """Return flags of which the first `n_good` are good."""
    out = np.full(N_PIXELS, flags, np.int64)
    out[:n_good] = 0
    return out.reshape(SHAPE)


@pytest.fixture(scope="module")
def engine(module_database_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(module_database_url)
    with engine.begin() as connection:
        migrate(connection)
    yield engine
    engine.dispose()


@pytest.fixture
def catalogue(engine: sa.Engine) -> Iterator[Catalogue]:
    """Empty tables; what a test puts there is taken back."""
    with engine.connect() as connection:
        yield Catalogue(connection)
        connection.rollback()
