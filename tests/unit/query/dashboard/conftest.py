"""The cache of a catalogue, and its rows."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.numbers.scope import TileScope
from goodpix.query.source import open_source

from ....rowcatalogue import TILES, Row
from ..conftest import RowCatalogue

ALL = TileScope()
EAST = TileScope(names=(TILES[0],))

Ask = Callable[[Callable[[sa.Connection], Any]], Any]


@pytest.fixture(scope="module")
def cache(row_catalogue: RowCatalogue) -> Iterator[CatalogueCache]:
    with open_source(row_catalogue.url) as source:
        cache = CatalogueCache(source)
        yield cache
        cache.close()


@pytest.fixture
def ask(cache: CatalogueCache) -> Iterator[Ask]:
    """Call a function with a connection."""
    with cache.source.database.engine.connect() as connection:
        yield lambda read: read(connection)


@pytest.fixture(scope="module")
def epochs(row_catalogue: RowCatalogue) -> list[Row]:
    """The epochs that count."""
    return row_catalogue.epochs


@pytest.fixture(scope="module")
def ccds(row_catalogue: RowCatalogue) -> list[Row]:
    """The CCD images, each once."""
    return row_catalogue.ccd_images


def total(rows: list[Row], name: str) -> Any:
    return sum(row[name] for row in rows)


def in_scope(rows: list[Row], scope: TileScope) -> list[Row]:
    return [
        row
        for row in rows
        if scope.band in ("", row["band"]) and (scope.names is None or row["tilename"] in scope.names)
    ]
