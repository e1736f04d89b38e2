"""Facts about how databases are opened."""

import os
import pwd
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from goodpix.ingest.database.opening import open_for_writing
from goodpix.query.catalogue import Catalogue
from goodpix.schema import tables
from goodpix.schema.database import Database, open_for_reading
from goodpix.schema.dialects import reader, sqlite_path
from goodpix.schema.errors import CatalogueError, UsageError


def make_catalogue(url: str, masks: Path) -> None:
    with open_for_writing(url, masks=masks, campaign="y6", wcs_source="image"):
        pass


@pytest.fixture(scope="module")
def catalogue_url(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    make_catalogue(module_database_url, tmp_path_factory.mktemp("root") / "masks")
    return module_database_url


@pytest.fixture
def reading(catalogue_url: str) -> Iterator[Database]:
    with open_for_reading(catalogue_url) as database:
        yield database


@pytest.fixture(scope="module")
def sqlite_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sqlite")
    make_catalogue(str(folder / "catalogue.db"), folder / "masks")
    return folder


@pytest.fixture
def sqlite_reading(sqlite_folder: Path) -> Iterator[Database]:
    with open_for_reading(sqlite_folder / "catalogue.db") as database:
        yield database


DENIED = (
    r"not authorized|cannot VACUUM|authorization denied|no such function|no such table|may not be modified|prohibited"
)

WRITES = [
    "INSERT INTO failure VALUES ('a', 'b', NULL, NULL, NULL, NULL, 'c', 'd', NULL, 1, 'e')",
    "UPDATE catalogue SET campaign = 'x'",
    "DELETE FROM catalogue",
    "CREATE TABLE extra (a INTEGER)",
    "CREATE TABLE extra AS SELECT * FROM catalogue",
    "CREATE VIEW extra AS SELECT 1 AS one",
    "CREATE INDEX extra ON epoch (fwhm)",
    "DROP TABLE failure",
    "DROP VIEW epoch_quality",
    "ALTER TABLE catalogue ADD COLUMN extra INTEGER",
    "ALTER TABLE catalogue RENAME TO extra",
    "WITH one AS (SELECT 1) DELETE FROM catalogue",
]


@pytest.mark.parametrize("statement", WRITES)
def test_reader_cannot_write(reading: Database, statement: str) -> None:
    with (
        reading.engine.connect() as connection,
        pytest.raises(CatalogueError, match=r"not authorized|read-only transaction|prohibited"),
    ):
        connection.execute(sa.text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "ATTACH DATABASE '{folder}/new.db' AS other",
        "ATTACH DATABASE ':memory:' AS other",
        "ATTACH DATABASE 'file:{folder}/new.db?mode=rwc' AS other",
        "DETACH DATABASE main",
        "VACUUM",
        "VACUUM INTO '{folder}/new.db'",
        "REINDEX",
        "ANALYZE",
        "CREATE TEMP TABLE extra (a INTEGER)",
        "CREATE TEMP VIEW extra AS SELECT 1",
        "CREATE TEMP TRIGGER extra AFTER DELETE ON epoch BEGIN SELECT 1; END",
        "CREATE TRIGGER extra AFTER DELETE ON epoch BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE extra USING fts5(a)",
        "PRAGMA journal_mode = WAL",
        "PRAGMA journal_mode",
        "PRAGMA writable_schema = ON",
        "PRAGMA query_only = OFF",
        "PRAGMA user_version = 7",
        "PRAGMA application_id = 7",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA temp_store_directory = '{folder}'",
        "PRAGMA optimize",
        "PRAGMA incremental_vacuum",
        "SELECT load_extension('{folder}/x.so')",
        "SELECT LOAD_EXTENSION('{folder}/x.so', 'entry')",
        "SELECT writefile('{folder}/new.db', 'x')",
        "SELECT fts3_tokenizer('x', x'00')",
        "SELECT readfile('{folder}/catalogue.db')",
        "SELECT edit('x', 'true')",
        "SELECT * FROM pragma_journal_mode",
        "SELECT * FROM pragma_writable_schema",
        "SELECT * FROM pragma_user_version",
        "SELECT * FROM pragma_application_id(7)",
        "SELECT * FROM pragma_query_only",
        "SELECT * FROM pragma_module_list",
        "SELECT * FROM pragma_wal_checkpoint",
        "SELECT * FROM pragma_optimize",
        "PRAGMA main.journal_mode = OFF",
        "PRAGMA trusted_schema = ON",
        "PRAGMA hard_heap_limit = 1",
        "PRAGMA mmap_size = 1",
        "UPDATE sqlite_master SET sql = ''",
        "DELETE FROM sqlite_stat1",
        "INSERT INTO sqlite_sequence VALUES ('a', 1)",
        "SAVEPOINT a",
    ],
)
def test_sqlite_reader_is_denied_all_but_reading(sqlite_reading: Database, sqlite_folder: Path, statement: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in sqlite_folder.rglob("*")}
    with (
        sqlite_reading.engine.connect() as connection,
        pytest.raises(CatalogueError, match=DENIED),
    ):
        connection.exec_driver_sql(statement.format(folder=sqlite_folder)).fetchall()
    assert {path: path.stat().st_mtime_ns for path in sqlite_folder.rglob("*")} == before


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT campaign FROM catalogue",
        "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 3) SELECT sum(k) FROM n",
        "SELECT count(*) FROM epoch_quality",
        "PRAGMA table_info(epoch)",
        "SELECT name FROM sqlite_master",
        "SELECT json_extract('[7]', '$[0]'), upper('a'), max(1, 2)",
    ],
)
def test_sqlite_reader_may_look_at_everything(sqlite_reading: Database, statement: str) -> None:
    with sqlite_reading.engine.connect() as connection:
        assert connection.exec_driver_sql(statement).fetchall()


@pytest.mark.parametrize(
    "query",
    [
        *WRITES,
        "SELECT 1; DELETE FROM catalogue",
        "SELECT 1); DELETE FROM catalogue; SELECT (1",
        "SELECT 1) AS a; COMMIT; BEGIN READ WRITE; DELETE FROM catalogue; SELECT * FROM (SELECT 1",
        "SELECT 1) AS a; SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; SELECT * FROM (SELECT 1",
        "WITH gone AS (DELETE FROM catalogue RETURNING *) SELECT * FROM gone",
        "SELECT * INTO extra FROM catalogue",
        "COMMIT",
        "BEGIN READ WRITE",
        "SET default_transaction_read_only = off",
        "COPY catalogue TO '/tmp/goodpix-must-not-exist'",
        "DO $$ BEGIN DELETE FROM catalogue; END $$",
        "",
        ";",
    ],
)
def test_query_that_would_change_something_is_refused(catalogue_url: str, query: str) -> None:
    with Catalogue(catalogue_url) as catalogue, pytest.raises(UsageError, match="query"):
        catalogue.sql(query)
    with open_for_reading(catalogue_url) as database:
        assert database.identity.campaign == "y6"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT set_config('default_transaction_read_only', 'off', false)",
        "SELECT set_config('transaction_read_only', 'off', false)",
    ],
)
def test_query_cannot_make_later_ones_write(postgres_database: str, tmp_path: Path, query: str) -> None:
    make_catalogue(postgres_database, tmp_path / "masks")
    with Catalogue(postgres_database) as catalogue:
        with pytest.raises(UsageError, match="may not call set_config"):
            catalogue.sql(query)
        # and where the look at names is not enough
        with suppress(CatalogueError), catalogue.database.engine.connect() as connection:
            connection.execute(sa.text(query))
        with (
            catalogue.database.engine.connect() as connection,
            pytest.raises(CatalogueError, match="read-only transaction"),
        ):
            connection.execute(sa.text("SELECT setval('epoch_epoch_id_seq', 7)"))


def test_query_takes_values_by_name(catalogue_url: str) -> None:
    with Catalogue(catalogue_url) as catalogue:
        found = catalogue.sql("SELECT campaign FROM catalogue WHERE wcs_source = :w", {"w": "image"})
    assert found.to_dict("list") == {"campaign": ["y6"]}


@pytest.mark.parametrize(
    "query",
    ["SELECT campaign FROM catalogue;", "  select campaign\nfrom catalogue -- all", "-- all\n/* it */ SELECT 1 AS a"],
)
def test_query_may_be_written_as_people_do(catalogue_url: str, query: str) -> None:
    with Catalogue(catalogue_url) as catalogue:
        assert len(catalogue.sql(query)) == 1


# Runs as another user, whom files of root's may not let in: so it imports first.
READ_AS = """
import os, sys
import sqlalchemy.dialects.sqlite.pysqlite
from goodpix.query.catalogue import Catalogue
import goodpix.schema.tables, pandas
if int(sys.argv[2]) != os.getuid():
    os.setgroups([])
    os.setgid(int(sys.argv[3]))
    os.setuid(int(sys.argv[2]))
with Catalogue(sys.argv[1]) as catalogue:
    print(catalogue.database.identity.campaign, len(catalogue.epochs()))
"""


@pytest.fixture
def foreign_folder() -> Iterator[Path]:
    """A folder that everyone may look into; pytest's own are their owner's alone."""
    with tempfile.TemporaryDirectory(prefix="goodpix-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


def test_catalogue_opens_in_a_folder_that_may_not_be_written(foreign_folder: Path) -> None:
    path = foreign_folder / "catalogue.db"
    make_catalogue(str(path), foreign_folder / "masks")
    path.chmod(0o444)
    foreign_folder.chmod(0o555)
    nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    done = subprocess.run(
        [sys.executable, "-c", READ_AS, str(path), str(nobody.pw_uid), str(nobody.pw_gid)],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["y6", "0"], done.stderr


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "postgresql+psycopg://host/db"])
def test_only_sqlite_files_have_a_path(url: str) -> None:
    assert sqlite_path(sa.make_url(url)) is None


def test_path_of_a_sqlite_file_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sqlite_path(sa.make_url("sqlite:///a.db")) == tmp_path / "a.db"


def test_plans_of_an_empty_catalogue_are_those_of_a_whole_survey(sqlite_reading: Database) -> None:
    query = (
        "EXPLAIN QUERY PLAN SELECT c.expnum FROM ccd_median AS m JOIN ccd_quality AS c ON c.band = m.band "
        "AND c.ccdnum = m.ccdnum AND c.fraction_good_se < m.fraction_good_se - 0.1 ORDER BY c.band, c.expnum"
    )
    with sqlite_reading.engine.connect() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(query)]
    assert any(step.startswith("SEARCH ccd_image USING COVERING INDEX ix_ccd_image_fraction") for step in plan)


def test_ccd_images_whose_tiles_disagree_are_found_without_a_look_at_the_others(sqlite_reading: Database) -> None:
    query = "EXPLAIN QUERY PLAN SELECT band, expnum, ccdnum FROM ccd_quality WHERE tiles_disagree"
    with sqlite_reading.engine.connect() as connection:
        (plan,) = (row[3] for row in connection.exec_driver_sql(query))
    assert "ix_ccd_image_disagree" in plan


def test_reader_leaves_a_log_in_use_alone(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    make_catalogue(str(path), tmp_path / "masks")
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("UPDATE catalogue SET campaign = 'new'")
        writer.commit()
        with open_for_reading(path) as database:
            assert database.identity.campaign == "new"
        assert path.with_name("catalogue.db-wal").exists()


def test_a_reader_sees_one_state_for_as_long_as_it_is_connected(database_url: str, tmp_path: Path) -> None:
    count = sa.select(sa.func.count()).select_from(tables.failure)
    failure = {"failure_key": "a", "path": "a", "error_type": "b", "message": "c", "attempts": 1, "failed_at": "d"}
    with (
        open_for_writing(database_url, masks=tmp_path / "masks", campaign="y6", wcs_source="image") as writing,
        open_for_reading(database_url) as reading,
    ):
        with reading.engine.connect() as connection:
            assert connection.execute(count).scalar() == 0
            with writing.engine.begin() as other:
                other.execute(tables.failure.insert().values(failure))
            assert connection.execute(count).scalar() == 0
        with reading.engine.connect() as connection:
            assert connection.execute(count).scalar() == 1


HALF_WRITTEN = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.executescript("CREATE TABLE t (x); PRAGMA cache_size = 1; BEGIN")
connection.executemany("INSERT INTO t VALUES (?)", [("x" * 1000,)] * 1000)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_reader_sees_nothing_of_what_a_killed_process_had_half_written(tmp_path: Path) -> None:
    path = tmp_path / "half.db"
    subprocess.run([sys.executable, "-c", HALF_WRITTEN, path], check=False)
    assert path.with_name("half.db-journal").stat().st_size > 0
    engine = reader(sa.make_url(f"sqlite:///{path}"))
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM t")).scalar_one() == 0
    engine.dispose()
