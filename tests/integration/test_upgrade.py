"""Old tables are brought to the newest revision, after a copy; newer ones are refused."""

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

import goodpix
from goodpix.ingest.database.migrate import migrate
from goodpix.ingest.database.opening import open_for_writing
from goodpix.schema.database import REVISION
from goodpix.schema.errors import CatalogueBusyError, CatalogueVersionError
from goodpix.schema.tables import metadata

from .conftest import Run
from .damage import all_rows
from .survey import Survey
from .test_frozen import FROZEN


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The database of a catalogue with the first tables."""
    return Path(shutil.copytree(FROZEN, tmp_path / "catalogue")) / "goodpix.db"


def revision(database: Path) -> str:
    with closing(sqlite3.connect(database)) as connection:
        found: str = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    return found


def test_old_tables_are_upgraded(old: Path) -> None:
    report = goodpix.upgrade(old)
    assert (report.before, report.after, revision(old)) == ("0001", REVISION, REVISION)
    assert goodpix.verify(old).ok


def test_upgraded_catalogue_is_as_a_rebuilt_one(old: Path) -> None:
    goodpix.upgrade(old)
    upgraded = all_rows(old)
    goodpix.rebuild(old, force=True)
    assert all_rows(old) == upgraded


def test_database_as_it_was_is_kept(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection:
        before = list(connection.iterdump())
    report = goodpix.upgrade(old)
    assert report.backup == old.with_name("goodpix.db.bak-0001")
    with closing(sqlite3.connect(f"file:{report.backup}?immutable=1", uri=True)) as connection:
        assert list(connection.iterdump()) == before
    with goodpix.Catalogue(report.backup) as catalogue:
        assert len(catalogue.epochs()) > 0


def test_copy_of_an_earlier_upgrade_is_not_overwritten(old: Path) -> None:
    first = old.with_name("goodpix.db.bak-0001")
    first.write_text("mine")
    assert goodpix.upgrade(old).backup == old.with_name("goodpix.db.bak-0001-2")
    assert first.read_text() == "mine"


def test_upgrade_leaves_nothing_else_beside_the_database(old: Path) -> None:
    goodpix.upgrade(old)
    beside = {path.name for path in old.parent.iterdir() if path.is_file()}
    assert beside == {"expected.json", "goodpix.db", "goodpix.db.bak-0001"}


def test_new_tables_need_nothing(ingested: Survey) -> None:
    before = sorted(path.name for path in ingested.database.parent.iterdir())
    report = goodpix.upgrade(ingested.database)
    assert (report.before, report.after, report.backup) == (REVISION, REVISION, None)
    assert sorted(path.name for path in ingested.database.parent.iterdir()) == before


@pytest.mark.parametrize("how", ["DROP TABLE bit_count", "DROP TABLE alembic_version", "DELETE FROM alembic_version"])
def test_lost_table_comes_back_by_a_rebuild(stored: Survey, how: str) -> None:
    with closing(sqlite3.connect(stored.database)) as connection:
        connection.execute(how)
        connection.commit()
    goodpix.rebuild(stored.database, stored.masks, force=True)
    assert goodpix.verify(stored.database).ok


def test_newer_catalogue_is_refused(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = old.read_bytes()
    with pytest.raises(CatalogueVersionError, match="revision 9999"):
        goodpix.upgrade(old)
    assert old.read_bytes() == before
    assert not list(old.parent.glob("*.bak-*"))


def test_copy_that_cannot_be_written_stops_the_upgrade(old: Path) -> None:
    # a name too long for a file once its ending is there, though not for SQLite's own beside it
    long = old.rename(old.with_name("x" * 246))
    with pytest.raises(goodpix.GoodpixError, match=r"cannot be copied .* is unchanged"):
        goodpix.upgrade(long)
    assert revision(long) == "0001"


def test_missing_catalogue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(goodpix.GoodpixError, match="no catalogue at"):
        goodpix.upgrade(tmp_path / "none.db")


def test_postgres_is_upgraded(old: Path, postgres_database: str) -> None:
    goodpix.upgrade(old)
    expected = all_rows(old)
    goodpix.rebuild(postgres_database, old.parent / "goodpix-masks", campaign="x", wcs_source="image")
    downgrade(postgres_database)
    report = goodpix.upgrade(postgres_database)
    assert (report.before, report.after, report.backup) == ("0001", REVISION, None)
    engine = sa.create_engine(postgres_database)
    with engine.connect() as connection:
        assert set(sa.inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}
        n = connection.execute(sa.text("SELECT count(*) FROM ccd_image")).scalar_one()
    engine.dispose()
    assert n == len(expected["ccd_image"])
    assert goodpix.verify(postgres_database).ok


def downgrade(url: str) -> None:
    """Bring tables to the first revision."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        migrate(connection, "0001")
    engine.dispose()


def test_ingest_makes_a_catalogue_but_never_upgrades_one(survey: Survey, database_url: str, cli: Run) -> None:
    ingest = ["ingest", survey.folder, "--db", database_url, "--masks", survey.masks]
    assert cli(*ingest).status == 0
    downgrade(database_url)
    refused = cli(*ingest)
    assert (refused.status, refused.out, len(refused.lines)) == (2, "", 1)
    assert "tables of revision 0001" in refused.err
    assert "goodpix db upgrade" in refused.err
    assert "0001" in cli("db", "upgrade", "--db", database_url).err
    assert "6 epochs up to date" in cli(*ingest).err


def test_catalogue_that_is_written_is_not_upgraded(
    survey: Survey, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goodpix.ingest.database.locks._TIMEOUT", 0.0)
    with open_for_writing(database_url, masks=survey.masks, campaign="x", wcs_source="image"):
        downgrade(database_url)
        with pytest.raises(CatalogueBusyError, match=r"is being written by .*process"):
            goodpix.upgrade(database_url)
    assert goodpix.upgrade(database_url).before == "0001"


def test_of_two_upgrades_at_once_one_has_nothing_to_do(survey: Survey, postgres_database: str) -> None:
    with open_for_writing(postgres_database, masks=survey.masks, campaign="x", wcs_source="image"):
        pass
    downgrade(postgres_database)
    with ThreadPoolExecutor(3) as threads:
        reports = list(threads.map(goodpix.upgrade, [postgres_database] * 3))
    assert sorted(each.before for each in reports) == ["0001", REVISION, REVISION]


def test_command_upgrades_and_says_what_it_did(old: Path, cli: Run) -> None:
    done = cli("db", "upgrade", "--db", old)
    assert (done.status, done.out) == (0, "")
    assert done.lines == [f"revision 0001 -> {REVISION}, backup in {old}.bak-0001"]
    again = cli("db", "upgrade", "--db", old)
    assert (again.status, again.lines) == (
        0,
        [f"nothing more to do: tables at revision {REVISION}, all views present"],
    )


def test_command_refuses_a_newer_catalogue_with_one_line(old: Path, cli: Run) -> None:
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    done = cli("db", "upgrade", "--db", old)
    assert (done.status, done.out, len(done.lines)) == (2, "", 1)
