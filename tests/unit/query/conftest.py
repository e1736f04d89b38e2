"""Catalogues that tests of queries share and leave unchanged."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from goodpix.query.source import Source, open_source
from goodpix.schema import tables

from ...conftest import new_database
from ...maskcatalogue import MaskCatalogue
from ...rowcatalogue import TILES, Row, make_catalogue


@dataclass(frozen=True, slots=True)
class RowCatalogue:
    """A catalogue with failures, and its epochs."""

    url: str
    rows: list[Row]

    @property
    def epochs(self) -> list[Row]:
        """The epochs that count."""
        return [row for row in self.rows if row["se_seg_used"]]

    @property
    def ccd_images(self) -> list[Row]:
        """The CCD images of those, each once."""
        return list({(row["expnum"], row["ccdnum"]): row for row in self.epochs}.values())


@pytest.fixture(scope="session")
def sqlite_rows(tmp_path_factory: pytest.TempPathFactory) -> RowCatalogue:
    folder = tmp_path_factory.mktemp("rows")
    return _made(f"sqlite:///{folder / 'catalogue.db'}", folder)


@pytest.fixture(scope="session")
def postgres_rows(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RowCatalogue]:
    for url in new_database(postgres_url):
        yield _made(url, tmp_path_factory.mktemp("rows"))


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def row_catalogue(request: pytest.FixtureRequest) -> RowCatalogue:
    """The catalogue in either database engine."""
    made: RowCatalogue = request.getfixturevalue(f"{request.param}_rows")
    return made


@pytest.fixture(scope="module")
def source(mask_catalogue: MaskCatalogue) -> Iterator[Source]:
    """The catalogue of a few masks, open for reading."""
    with open_source(mask_catalogue.url) as opened:
        yield opened


def _made(url: str, folder: Path) -> RowCatalogue:
    rows = make_catalogue(url, folder / "masks")
    _add_failures(url)
    return RowCatalogue(url, rows)


def _add_failures(url: str) -> None:
    """Record failures, whose texts are as bad as texts can be."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for number in range(13):
            values = {"failure_key": f"info#{number}/1", "path": "info", "tilename": TILES[0] if number % 2 else None}
            said = {"error_type": "FitsFileError", "message": f"<b>'{number}'; --", "attempts": 1 + number % 3}
            connection.execute(tables.failure.insert().values(**values, **said, failed_at=f"2025-01-{number + 1:02d}"))
    engine.dispose()
