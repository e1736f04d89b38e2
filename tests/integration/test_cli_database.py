"""What the command line asks of databases, and which one it means."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import Run
from .survey import SPEC, TABLES, Survey

# Precedence: option, then what the database remembers, then the environment, then here.


def test_goodpix_db_names_the_catalogue(
    ingested: Survey, cli: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOODPIX_DB", f"sqlite:///{ingested.database}")
    assert cli("tiles").status == 0


def test_option_comes_before_goodpix_db(
    ingested: Survey, db: list[str], cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOODPIX_DB", "nowhere.db")
    assert cli("tiles", *db).status == 0


def test_goodpix_masks_names_the_root_of_a_new_catalogue(
    survey: Survey, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = survey.folder.parent / "from-environment"
    monkeypatch.setenv("GOODPIX_MASKS", str(root))
    cli("ingest", survey.folder, "--db", survey.database)
    assert len(list(root.rglob("*.parquet"))) == 2


def test_masks_option_comes_before_goodpix_masks(survey: Survey, cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    root = survey.folder.parent / "from-environment"
    monkeypatch.setenv("GOODPIX_MASKS", str(root))
    cli("ingest", survey.folder, "--db", survey.database, "--masks", survey.masks)
    assert not root.exists()
    assert len(survey.mask_files()) == 2


def test_what_the_database_remembers_comes_before_goodpix_masks(
    stored: Survey, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOODPIX_MASKS", str(stored.folder.parent / "other"))
    done = cli("ingest", stored.folder, "--db", stored.database)
    assert (done.status, done.err.splitlines()[-1]) == (0, "1 tile in 2 bands: nothing to do, 6 epochs up to date")


def test_masks_option_that_is_not_the_catalogues_exits_2(stored: Survey, cli: Run) -> None:
    done = cli("ingest", stored.folder, "--db", stored.database, "--masks", "other")
    assert (done.status, len(done.lines)) == (2, 1)


# SQL.


def test_sql_answers(db: list[str], cli: Run) -> None:
    query = "SELECT band, count(*) AS n FROM epoch_quality GROUP BY band ORDER BY band"
    assert cli("sql", query, *db, "--format", "csv").out == "band,n\ni,3\nr,3\n"


def test_sql_takes_texts_with_colons(db: list[str], cli: Run) -> None:
    assert cli("sql", "SELECT ':x' AS a, '12:30' AS b", *db, "--format", "csv").out == "a,b\n:x,12:30\n"
    done = cli("sql", "SELECT :x AS a", *db)
    assert (done.status, len(done.lines), "sqlalche.me" in done.err) == (2, 1, False)


@pytest.mark.parametrize("query", ["WITH a AS (SELECT 1 AS x) SELECT x FROM a", "select 1 as x", "VALUES (1)"])
def test_sql_takes_any_query(query: str, db: list[str], cli: Run) -> None:
    assert cli("sql", query, *db).status == 0


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM epoch",
        "INSERT INTO failure VALUES (1)",
        "UPDATE catalogue SET campaign = 'x'",
        "CREATE TABLE mine (x)",
        "CREATE TEMP TABLE mine (x)",
        "ATTACH DATABASE 'new.db' AS new",
        "VACUUM INTO 'new.db'",
        "PRAGMA journal_mode = WAL",
        "WITH a AS (SELECT 1) DELETE FROM epoch",
        "WITH a AS (SELECT 1) INSERT INTO failure SELECT * FROM a",
        "SELECT load_extension('x')",
        "SELECT 1; DROP TABLE epoch",
        "BEGIN",
    ],
)
def test_sql_changes_nothing(
    query: str, stored: Survey, cli: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    before = stored.database.read_bytes()
    done = cli("sql", query, "--db", stored.database)
    assert (done.status, len(done.lines)) == (2, 1)
    assert stored.database.read_bytes() == before
    assert list(folder.iterdir()) == []


def test_queries_leave_no_file_beside_the_database(stored: Survey, cli: Run) -> None:
    before = sorted(stored.database.parent.iterdir())
    for command in TABLES:
        cli(command, "--db", stored.database)
    assert sorted(stored.database.parent.iterdir()) == before


# The database.


def test_db_info_says_what_the_catalogue_is(ingested: Survey, db: list[str], cli: Run) -> None:
    found = dict(line.split(maxsplit=1) for line in cli("db", "info", *db).out.splitlines())
    expected = {"campaign": SPEC.campaign, "wcs_source": "image", "coadds": "2", "epochs": "6", "failures": "0"}
    assert {name: found[name] for name in expected} == expected
    assert found["masks"] == str(ingested.masks)


@pytest.mark.parametrize("command", [*TABLES, "db info", f"mask {SPEC.tilename} r", f"check {SPEC.tilename} r 1 2"])
def test_command_without_catalogue_exits_2_in_one_line(
    command: str, cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli(*command.split())
    assert (done.status, done.out, len(done.lines)) == (2, "", 1)
    assert done.err.startswith("goodpix: no catalogue at sqlite:///goodpix.db: goodpix ingest creates one")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"not a database" * 99, "not a database"), (b"", "not a goodpix catalogue"), (None, "not a goodpix catalogue")],
    ids=["text", "empty", "other-tables"],
)
def test_file_that_is_no_catalogue_exits_2(content: bytes | None, says: str, cli: Run, tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    if content is not None:
        path.write_bytes(content)
    else:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE mine (x)")
    done = cli("tiles", "--db", path)
    assert (done.status, len(done.lines), says in done.err) == (2, 1, True), done.err


def test_ingest_into_another_database_exits_2_and_leaves_it(survey: Survey, cli: Run, tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (x)")
        before = list(connection.iterdump())
    done = cli("ingest", survey.folder, "--db", path, "--masks", survey.masks)
    assert (done.status, len(done.lines)) == (2, 1)
    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.iterdump()) == before
    assert not survey.masks.exists()


@pytest.mark.parametrize("url", ["mysql://user:secret@host/db", "nonsense://x", "://"])
def test_url_of_another_database_exits_2_without_its_password(url: str, cli: Run) -> None:
    done = cli("tiles", "--db", url)
    assert (done.status, len(done.lines), "secret" in done.err) == (2, 1, False)


def test_password_of_an_unreachable_database_is_not_shown(cli: Run) -> None:
    done = cli("tiles", "--db", "postgresql://user:secret@127.0.0.1:1/db")
    assert (done.status, len(done.lines), "secret" in done.err) == (2, 1, False)


def test_catalogue_of_a_newer_goodpix_is_refused(stored: Survey, cli: Run) -> None:
    with closing(sqlite3.connect(stored.database)) as connection, connection:
        connection.execute("UPDATE catalogue SET format_version = 99")
    done = cli("tiles", "--db", stored.database)
    assert (done.status, len(done.lines), "use the version of goodpix that created it" in done.err) == (2, 1, True)
