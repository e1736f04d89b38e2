"""Fixtures of ingest's unit tests: a small catalogue with its mask files."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from goodpix.ingest.database.opening import WritableDatabase, open_for_writing
from goodpix.ingest.database.writer import Writer
from goodpix.ingest.tile import Receipt, StoredRow
from goodpix.schema.database import open_for_reading
from goodpix.schema.masks.rle import Runs
from goodpix.schema.rows import MaskRow
from goodpix.schema.store.masksroot import MasksRoot

from ...rows import BAND, TILE, coadd_and_epochs, write_masks

Mask = tuple[MaskRow, Runs]


@dataclass(frozen=True, slots=True)
class SmallCatalogue:
    """A catalogue on SQLite in a folder of the test's own."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "goodpix.db"

    @property
    def root(self) -> MasksRoot:
        return MasksRoot.of(self.folder / "masks")

    def writing(self) -> AbstractContextManager[WritableDatabase]:
        return open_for_writing(self.path, masks=self.folder / "masks", campaign="test", wcs_source="image")

    @contextmanager
    def connected(self) -> Iterator[sa.Connection]:
        """Connect as a reader."""
        with open_for_reading(self.path) as database, database.engine.connect() as connection:
            yield connection

    def change(self, *statements: str) -> None:
        """Run SQL without foreign keys, as a careless user may."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def count(self, what: str) -> int:
        """Return the number of rows of a table, or of those that meet a condition: ``epoch WHERE stale``."""
        with closing(sqlite3.connect(self.path)) as connection:
            (n,) = connection.execute(f"SELECT count(*) FROM {what}").fetchone()
            return int(n)

    def mask_file(self) -> str:
        """Return the name of the tile's mask file, as its row has it."""
        with closing(sqlite3.connect(self.path)) as connection:
            (name,) = connection.execute("SELECT mask_file FROM coadd").fetchone()
            return str(name)


def receipt(name: str, masks: list[Mask], *, tilename: str = TILE, generation: int = 1) -> Receipt:
    """Return what a job hands back that has made all masks of a file."""
    rows = tuple(StoredRow(row, number, made=True) for number, (row, _) in enumerate(masks))
    return Receipt("info.yaml", tilename, BAND, whole=True, mask_file=name, generation=generation, rows=rows)


@pytest.fixture(scope="session")
def masks() -> list[Mask]:
    """A coadd's own mask and those of three epochs."""
    return coadd_and_epochs(3)


@pytest.fixture(scope="session")
def kept_catalogue(tmp_path_factory: pytest.TempPathFactory, masks: list[Mask]) -> SmallCatalogue:
    """A catalogue of one tile with three epochs, which every test leaves as it is."""
    made = SmallCatalogue(tmp_path_factory.mktemp("kept"))
    with made.writing() as database:
        Writer(database, {}).commit(receipt(write_masks(database.root, masks), masks))
    return made


@pytest.fixture
def catalogue(kept_catalogue: SmallCatalogue, tmp_path: Path) -> SmallCatalogue:
    """A copy of it to change."""
    return SmallCatalogue(Path(shutil.copytree(kept_catalogue.folder, tmp_path / "catalogue")))
