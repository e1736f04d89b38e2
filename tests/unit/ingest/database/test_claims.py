"""Facts about who may write, and for how long."""

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from goodpix.ingest.database import locks
from goodpix.ingest.database.claims import lock_catalogue
from goodpix.ingest.database.locks import key_of
from goodpix.ingest.database.opening import WritableDatabase, open_for_writing
from goodpix.schema.database import open_for_reading, parse_url
from goodpix.schema.errors import CatalogueBusyError

Write = Callable[[], AbstractContextManager[WritableDatabase]]

TILE = ("DES0124-3332", "i")


def writing(url: str | Path, masks: Path) -> Write:
    return lambda: open_for_writing(url, masks=masks, campaign="y6", wcs_source="image")


@pytest.fixture
def sqlite(tmp_path: Path) -> Write:
    """Opens a catalogue in SQLite for writing."""
    return writing(tmp_path / "catalogue.db", tmp_path / "masks")


@pytest.fixture
def postgres(postgres_database: str, tmp_path: Path) -> Write:
    """Opens a catalogue on Postgres for writing."""
    return writing(postgres_database, tmp_path / "masks")


# SQLite: one writer.


def test_second_writer_of_sqlite_is_refused(sqlite: Write, tmp_path: Path) -> None:
    with sqlite():
        with pytest.raises(CatalogueBusyError, match=rf"catalogue\.db is .* by process {os.getpid()} on"), sqlite():
            pass
        with open_for_reading(tmp_path / "catalogue.db") as database:
            assert database.identity.campaign == "y6"
    with sqlite() as database:
        assert database.claims.take(*TILE)
        database.claims.release(*TILE)


def test_second_name_of_a_sqlite_file_is_no_way_round(sqlite: Write, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    link = tmp_path / "other" / "link.db"
    link.symlink_to(tmp_path / "catalogue.db")
    with sqlite(), pytest.raises(CatalogueBusyError, match="is being written"), writing(link, tmp_path / "masks")():
        pass


# Postgres: many, each with its tiles.


def test_tile_is_one_writers_until_it_is_released(postgres: Write) -> None:
    with postgres() as one, postgres() as other:
        assert one.claims.take(*TILE)
        assert one.claims.take(*TILE)
        assert not other.claims.take(*TILE)
        assert f"process {os.getpid()} on" in other.claims.holder(*TILE)
        assert other.claims.take(TILE[0], "r")
        one.claims.release(*TILE)
        assert other.claims.take(*TILE)


def test_claim_ends_with_its_holder(postgres: Write) -> None:
    with postgres() as other:
        with postgres() as one:
            assert one.claims.take(*TILE)
            assert not other.claims.take(*TILE)
        assert other.claims.take(*TILE)


def test_claims_end_before_the_connection_that_holds_them(postgres: Write) -> None:
    """A server may take its time to notice that a connection has ended."""
    taken = []
    with postgres() as other:
        with postgres() as one:
            assert one.claims.take(*TILE)
            sa.event.listen(one.engine, "close", lambda *_: taken.append(other.claims.take(*TILE)))
        assert taken[0]


def test_claims_end_with_a_connection_that_the_server_has_closed(postgres: Write, postgres_database: str) -> None:
    with postgres() as one:
        assert one.claims.take(*TILE)
        close_holders(postgres_database, key_of(one.identity.uuid, *TILE))


def test_claim_ends_when_its_connection_is_closed_by_the_server(
    postgres: Write, postgres_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    with postgres() as one, postgres() as other:
        assert one.claims.take(*TILE)
        assert one.claims.take("kept", "i")
        close_holders(postgres_database, key_of(one.identity.uuid, *TILE))
        assert other.claims.take(*TILE)
        # the other claims are taken again with the next one, this one is not to be had
        assert one.claims.take("new", "i")
        assert "a claim was lost with its connection" in caplog.text
        assert not one.claims.take(*TILE)
        assert [other.claims.take(name, "i") for name in ("kept", "new")] == [False, False]
        one.claims.release("kept", "i")
        assert other.claims.take("kept", "i")


def test_claim_that_is_gone_with_its_connection_can_be_released(postgres: Write, postgres_database: str) -> None:
    with postgres() as one, postgres() as other:
        assert one.claims.take(*TILE)
        close_holders(postgres_database, key_of(one.identity.uuid, *TILE))
        one.claims.release(*TILE)
        assert other.claims.take(*TILE)


def close_holders(url: str, key: int) -> None:
    """Close the connections that have a lock, as a server's administrator may."""
    engine = sa.create_engine(url)
    query = sa.text(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_locks "
        "WHERE locktype = 'advisory' AND classid = :high AND objid = :low"
    )
    with engine.connect() as connection:
        closed = connection.execute(query, {"high": key >> 32 & 0xFFFFFFFF, "low": key & 0xFFFFFFFF}).scalars().all()
    engine.dispose()
    assert closed == [True]


def test_claims_of_catalogues_side_by_side_do_not_meet(postgres_database: str, tmp_path: Path) -> None:
    engine = sa.create_engine(postgres_database)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA one; CREATE SCHEMA other")
    engine.dispose()
    with ExitStack() as stack:
        for name in ("one", "other"):
            url = f"{postgres_database}?options=-csearch_path={name}"
            database = stack.enter_context(writing(url, tmp_path / name)())
            assert database.claims.take(*TILE)


def test_catalogue_is_locked_for_oneself_after_all_writers_are_gone(
    postgres: Write, postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_TIMEOUT", 0.0)
    url = parse_url(postgres_database)
    with postgres() as one, one.engine.begin() as connection:
        with pytest.raises(CatalogueBusyError, match=rf"is being written by goodpix, process {os.getpid()} on"):
            lock_catalogue(connection, url)
        engine = one.engine
    with engine.begin() as connection:
        lock_catalogue(connection, url)
        with pytest.raises(CatalogueBusyError, match="is being upgraded or rebuilt by goodpix, process"), postgres():
            pass
    engine.dispose()


def test_catalogue_that_several_make_at_once_is_one(postgres: Write) -> None:
    found: list[str] = []
    barrier = threading.Barrier(4)

    def make() -> None:
        barrier.wait()
        with postgres() as database:
            found.append(database.identity.uuid)

    threads = [threading.Thread(target=make) for _ in range(barrier.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(set(found))) == (4, 1)
