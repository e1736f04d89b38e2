"""Facts about upgrades of tables and the copies made before."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from goodpix.ingest.database.migrate import migrate
from goodpix.ingest.upkeep.report import UpgradeReport
from goodpix.ingest.upkeep.upgrade import upgrade
from goodpix.schema.database import REVISION
from goodpix.schema.errors import CatalogueError

from ..conftest import SmallCatalogue

OLD = "0003"


@pytest.fixture
def old(catalogue: SmallCatalogue) -> SmallCatalogue:
    """A catalogue with the tables of an earlier revision."""
    with catalogue.writing() as database, database.engine.begin() as connection:
        migrate(connection, OLD)
    return catalogue


def revision(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def test_newest_tables_are_left_alone_without_a_copy(catalogue: SmallCatalogue) -> None:
    before = {path.name for path in catalogue.folder.iterdir()}
    assert upgrade(catalogue.path) == UpgradeReport(REVISION, REVISION, None)
    assert {path.name for path in catalogue.folder.iterdir()} == before


def test_old_tables_are_copied_and_then_upgraded(old: SmallCatalogue) -> None:
    backup = old.path.with_name("goodpix.db.bak-0003")
    assert upgrade(old.path) == UpgradeReport(OLD, REVISION, backup)
    assert (revision(backup), revision(old.path)) == (OLD, REVISION)
    assert old.count("epoch") == 3
    assert {path.name for path in old.folder.iterdir()} == {"goodpix.db", backup.name, "masks"}


def test_earlier_copy_is_not_written_over(old: SmallCatalogue) -> None:
    names = [old.path.with_name(f"goodpix.db.bak-0003{end}") for end in ("", "-2", "-3")]
    for path in names[:2]:
        path.write_text("earlier")
    assert upgrade(old.path).backup == names[2]
    assert [path.read_text() for path in names[:2]] == ["earlier"] * 2


def test_database_that_cannot_be_copied_is_not_upgraded(old: SmallCatalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(
        CatalogueError, match=r"goodpix\.db cannot be copied to .*bak-0003 and is unchanged: .*No space"
    ):
        upgrade(old.path)
    assert revision(old.path) == OLD


def test_place_without_a_catalogue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no catalogue at"):
        upgrade(tmp_path / "none.db")
