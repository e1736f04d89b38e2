"""Facts about the replacement of a catalogue's database."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from goodpix.ingest.database import replace as replace_module
from goodpix.ingest.database.locks import holding
from goodpix.ingest.database.replace import new_database
from goodpix.schema import tables
from goodpix.schema.bits import DES_Y6
from goodpix.schema.database import Identity, open_for_reading, parse_url
from goodpix.schema.errors import CatalogueBusyError, CatalogueError
from goodpix.schema.views import VIEWS

from ..conftest import SmallCatalogue

NEW = Identity("new", "masks", "test", "image", DES_Y6)
FAILURE = {"failure_key": "a", "path": "a", "error_type": "b", "message": "c", "attempts": 1, "failed_at": "d"}


@pytest.fixture
def old(catalogue: SmallCatalogue) -> Path:
    """The database to be replaced, which is alone in its folder but for the masks."""
    return catalogue.path


def fill(path: Path, *, meanwhile: Callable[[], object] = lambda: None) -> None:
    with new_database(parse_url(path), NEW) as begin:
        with begin() as connection:
            connection.execute(tables.failure.insert().values(FAILURE))
        meanwhile()


def names(path: Path) -> set[str]:
    return {each.name for each in path.parent.iterdir()}


def uuid(path: Path) -> str:
    with open_for_reading(path) as database:
        return database.identity.uuid


def test_new_database_has_the_identity_and_the_rows_it_was_given(old: Path) -> None:
    fill(old)
    with open_for_reading(old) as database, database.engine.connect() as connection:
        assert database.identity == NEW
        assert connection.scalars(sa.select(tables.failure.c.failure_key)).all() == ["a"]
        assert connection.scalars(sa.select(tables.epoch.c.epoch_id)).all() == []
        assert set(sa.inspect(connection).get_view_names()) == set(VIEWS)


def test_database_may_be_made_where_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "new.db-wal").write_bytes(b"of a database that is gone")
    fill(tmp_path / "new.db")
    assert (uuid(tmp_path / "new.db"), names(tmp_path / "new.db")) == ("new", {"new.db"})


def test_old_database_is_read_until_the_end(old: Path) -> None:
    seen: list[str] = []
    fill(old, meanwhile=lambda: seen.append(uuid(old)))
    assert seen != ["new"] == [uuid(old)]


def test_interrupted_block_leaves_the_old_database_and_nothing_beside(old: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    before, content = names(old), old.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        fill(old, meanwhile=stop)
    assert (names(old), old.read_bytes()) == (before, content)


def test_files_beside_the_old_database_go_with_it(old: Path) -> None:
    user = sqlite3.connect(old)
    user.execute("PRAGMA journal_mode = WAL")
    user.execute("UPDATE catalogue SET campaign = 'x'")
    user.commit()
    leftover = old.with_name(old.name + "-wal").read_bytes()
    user.close()
    old.with_name(old.name + "-wal").write_bytes(leftover)
    fill(old)
    assert (uuid(old), names(old)) == ("new", {"goodpix.db", "masks"})


def test_file_that_is_no_database_is_replaced(old: Path) -> None:
    for end in ("", "-wal", "-shm"):
        old.with_name(old.name + end).write_bytes(b"this is no database, and longer than the header of one is " * 40)
    fill(old)
    assert (uuid(old), names(old)) == ("new", {"goodpix.db", "masks"})


def test_database_in_use_is_refused_and_stays(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replace_module, "PATIENCE", 0.0)
    before = uuid(old)
    with closing(sqlite3.connect(old, isolation_level=None)) as user:
        user.execute("BEGIN IMMEDIATE")
        with pytest.raises(CatalogueError, match=r"goodpix\.db is in use \(database is locked\): close what uses it"):
            fill(old)
    assert uuid(old) == before


def test_database_that_an_ingest_writes_is_refused(old: Path) -> None:
    lock = old.resolve().with_name(old.name + ".lock")
    with holding(lock, "it"), pytest.raises(CatalogueBusyError, match="SQLite allows one ingest at a time"):
        fill(old)


def test_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"no/a\.db.* cannot be written"):
        fill(tmp_path / "no" / "a.db")


def test_link_keeps_pointing_at_the_database(old: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(old)
    fill(link)
    assert link.is_symlink()
    assert uuid(old) == "new"


def test_wrong_row_is_one_line_that_names_the_database(old: Path) -> None:
    identity = replace(NEW, campaign=None)  # type: ignore[arg-type]  # wrong on purpose
    with (
        pytest.raises(CatalogueError, match=r"^cannot write the database .*goodpix\.db: NOT NULL [^\n]*campaign$"),
        new_database(parse_url(old), identity),
    ):
        pass
