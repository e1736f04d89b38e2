"""Facts about connections for writing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from goodpix.ingest.database.engine import finish_writing, guide_planner, network_filesystem, writer
from goodpix.schema.tables import metadata


@pytest.fixture
def url(tmp_path: Path) -> sa.URL:
    return sa.URL.create("sqlite", database=str(tmp_path / "a.db"))


@pytest.fixture
def engine(url: sa.URL) -> Iterator[sa.Engine]:
    made = writer(url)
    yield made
    made.dispose()


def mounted(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    read_text = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path: text if str(path) == "/proc/mounts" else read_text(path))


def pragma(engine: sa.Engine, name: str) -> object:
    with engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()


@pytest.mark.parametrize(
    ("name", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("page_size", 16384), ("busy_timeout", 30_000)],
)
def test_writing_connection_is_safe_and_patient(engine: sa.Engine, name: str, value: object) -> None:
    assert pragma(engine, name) == value


def test_creation_of_a_table_is_part_of_its_transaction(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a INTEGER)")
        connection.rollback()
    assert sa.inspect(engine).get_table_names() == []


def test_transaction_excludes_other_writers_from_its_beginning(
    engine: sa.Engine, url: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goodpix.schema.dialects._BUSY_MS", 0)
    other = writer(url)
    with engine.begin(), pytest.raises(sa.exc.OperationalError, match="database is locked"), other.begin():
        pass
    other.dispose()


def test_network_disk_has_no_write_ahead_log(
    url: sa.URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mounted(monkeypatch, f"host:/a {tmp_path} nfs4 rw 0 0")
    made = writer(url)
    assert pragma(made, "journal_mode") == "delete"
    assert "a.db is on nfs4: SQLite works there without its write-ahead log" in caplog.text
    made.dispose()


def test_finished_database_is_one_file_with_its_rows(engine: sa.Engine, url: sa.URL, tmp_path: Path) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a INTEGER)")
    assert (tmp_path / "a.db-wal").exists()
    finish_writing(engine, url)
    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("t",)]


def test_finishing_makes_no_database(engine: sa.Engine, url: sa.URL, tmp_path: Path) -> None:
    finish_writing(engine, url)
    assert list(tmp_path.iterdir()) == []


def test_planner_has_statistics_of_existing_tables_and_indexes(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        metadata.create_all(connection)
        guide_planner(connection)
        statistics = connection.exec_driver_sql("SELECT tbl, idx, stat FROM sqlite_stat1").all()
        columns = {
            (table, index[1]): connection.exec_driver_sql(f"PRAGMA index_xinfo({index[1]})").all()
            for table in {each.tbl for each in statistics}
            for index in connection.exec_driver_sql(f"PRAGMA index_list({table})")
        }
    assert statistics
    for table, index, numbers in statistics:
        # the primary key of a table without row numbers has the table's name here, and another in the list of indexes
        found = columns[table, f"sqlite_autoindex_{table}_1" if index == table else index]
        counts = [int(each) for each in numbers.split()]
        assert len(counts) - 1 <= sum(row.key for row in found), (table, index)
        assert counts[1:] == sorted(counts[1:], reverse=True), (table, index)


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/net", "nfs4"),
        ("/net/here", "nfs4"),
        ("/network", None),
        ("/net/local/a", None),
        ("/net/my disk/a", "lustre"),
        ("/else", None),
    ],
)
def test_file_system_is_that_of_the_innermost_mount(
    monkeypatch: pytest.MonkeyPatch, folder: str, kind: str | None
) -> None:
    mounts = ["/dev/sdb /net/local xfs rw 0 0", "host:/a /net nfs4 rw 0 0", "/dev/sda / ext4 rw 0 0"]
    mounted(monkeypatch, "\n".join([*mounts, "host:/b /net/my\\040disk lustre rw 0 0"]))
    assert network_filesystem(Path(folder)) == kind


def test_folder_of_the_tests_is_local(tmp_path: Path) -> None:
    assert network_filesystem(tmp_path) is None
