"""Several ingests of one catalogue at once, and one whose database server comes and goes."""

import logging
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

import goodpix
from goodpix.benchmarks.postgres import Server
from goodpix.ingest.database import retry
from goodpix.ingest.database.opening import open_for_writing
from goodpix.schema.errors import CatalogueBusyError, CatalogueError

from ..conftest import new_database
from ..faults.commands import Command, Forks
from ..waiting import until
from .conftest import Run
from .survey import SPEC, Survey


def ask(url: str, query: str, **values: Any) -> list[Any]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return [tuple(row) if len(row) > 1 else row[0] for row in connection.execute(sa.text(query), values)]


def until_answered(url: str, query: str, true: Callable[[list[Any]], object], what: str) -> None:
    """Ask one connection again and again, until a condition holds of the answer's first column."""
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        until(lambda: true(list(connection.execute(sa.text(query)).scalars())), what)


def make_empty(survey: Survey, url: str) -> None:
    """Make the catalogue without anything in it."""
    with open_for_writing(url, masks=survey.masks, campaign=SPEC.campaign, wcs_source="image"):
        pass


CLAIMS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'"
WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
CLOSE = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = current_database()"


@contextmanager
def no_commit(url: str) -> Iterator[None]:
    """Let nobody store a tile as long as the block lasts: who has made one waits, with its claim."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT * FROM catalogue FOR UPDATE")
        yield


@contextmanager
def program(forks: Forks, survey: Survey, url: str, *options: str) -> Iterator[Command]:
    """Run an ingest in a process of its own."""
    places = ["--db", url, "--masks", survey.masks, "--workers", 1]
    running = forks.start("ingest", survey.folder, *places, *options, environment={"MEDS_DIR": survey.folder})
    try:
        yield running
    finally:
        running.kill()


def whole(url: str) -> None:
    """Check that rows and masks agree, summaries too."""
    report = goodpix.verify(url)
    assert report.ok, report.problems


@pytest.mark.slow
@pytest.mark.parametrize("case", ["new", "forced", "failing"])
def test_two_ingests_share_the_work_and_do_no_tile_twice(
    case: str, forks: Forks, survey: Survey, postgres_database: str
) -> None:
    url, options = postgres_database, ["--force"] if case == "forced" else []
    if case == "failing":
        survey.path(2, "seg").unlink()
    make_empty(survey, url)
    if case == "forced":
        survey.ingest(db=url)
    with ThreadPoolExecutor(1) as thread, program(forks, survey, url, *options) as other:
        with no_commit(url):
            until_answered(url, CLAIMS, lambda n: n == [1], "the other ingest has made its first tile")
            own = thread.submit(survey.ingest, db=url, force=case == "forced")
            until_answered(url, CLAIMS, lambda n: n == [2], "this one has made the second tile")
        report = own.result()
        done = other.end()
    n_failures = int(case == "failing")
    assert (done.status, report.n_failures) == (n_failures, n_failures), done.err
    runs = ask(url, "SELECT n_tiles, n_epochs, n_unchanged FROM ingest_run ORDER BY run_id DESC LIMIT 2")
    assert sorted(made for _, made, _ in runs) == [3 - n_failures, 3]
    assert {n_tiles for n_tiles, _, _ in runs} == {2}
    assert {made + unchanged for _, made, unchanged in runs} == {6 - n_failures}
    assert ask(url, "SELECT DISTINCT generation FROM coadd") == [2 if case == "forced" else 1]
    assert ask(url, "SELECT attempts FROM failure") == [1] * n_failures
    whole(url)


@pytest.mark.slow
def test_tile_of_a_killed_ingest_is_done_by_the_other(
    forks: Forks, survey: Survey, ingested: Survey, postgres_database: str
) -> None:
    url = postgres_database
    make_empty(survey, url)
    with ThreadPoolExecutor(1) as thread, program(forks, survey, url) as other:
        with no_commit(url):
            until_answered(url, CLAIMS, lambda n: n == [1], "the other ingest has made its first tile")
            own = thread.submit(survey.ingest, db=url)
            until_answered(url, CLAIMS, lambda n: n == [2], "this one has made the second tile")
            other.kill()
        report = own.result()
    assert (report.n_tiles, report.n_epochs, report.n_failures) == (1, 6, 0)
    with goodpix.Catalogue(url) as found, ingested.catalogue() as expected:
        assert [each.encoded.checksum for each in found.masks()] == [e.encoded.checksum for e in expected.masks()]
    whole(url)


def test_waiting_ingest_says_for_whom(survey: Survey, postgres_database: str, caplog: pytest.LogCaptureFixture) -> None:
    url = postgres_database
    make_empty(survey, url)
    with (
        ThreadPoolExecutor(1) as thread,
        caplog.at_level(logging.INFO, "goodpix"),
        open_for_writing(url, masks=survey.masks, campaign=SPEC.campaign, wcs_source="image") as other,
    ):
        for band in SPEC.bands:
            assert other.claims.take(SPEC.tilename, band)
        own = thread.submit(survey.ingest, db=url)
        until(lambda: "waiting for 1 tile in 2 bands" in caplog.text, "it says that it waits")
        for band in SPEC.bands:
            other.claims.release(SPEC.tilename, band)
        assert own.result().n_epochs == 6
    assert re.search(
        rf"waiting for 1 tile in 2 bands claimed by other ingests \({SPEC.tilename} i: goodpix, process \d+ on",
        caplog.text,
    )


def after_the_first(act: Callable[[], object]) -> Callable[[int, int], None]:
    """Return what an ingest may tell its progress to, and what acts once, after the first tile."""

    def told(n_done: int, _: int) -> None:
        if n_done == 1:
            act()

    return told


def test_ingest_that_lost_its_claim_leaves_newer_rows_alone(
    survey: Survey, postgres_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its tiles are all under way when its connections are closed, and another ingest makes one of them, twice."""
    url = postgres_database

    def overtake() -> None:
        ask(url, f"{CLOSE} AND pid <> pg_backend_pid()")
        for force in (False, True):
            goodpix.ingest_tiles(survey.info_path("r"), db=url, force=force)

    with ThreadPoolExecutor(1) as executor:
        report = survey.ingest(db=url, executor=executor, progress=after_the_first(overtake))
    assert "another ingest has stored it meanwhile" in caplog.text
    assert (report.n_tiles, report.n_epochs, report.n_unchanged, report.n_failures) == (1, 3, 3, 0)
    query = "SELECT DISTINCT coadd.band, generation, epoch.run_id FROM coadd JOIN epoch USING (tilename, band)"
    assert sorted(ask(url, query)) == [("i", 1, 1), ("r", 2, 3)]
    whole(url)


def test_connections_that_are_closed_between_two_tiles_are_made_again(survey: Survey, postgres_database: str) -> None:
    url = postgres_database
    close = after_the_first(lambda: ask(url, f"{CLOSE} AND pid <> pg_backend_pid()"))
    report = survey.ingest(db=url, progress=close)
    assert (report.n_epochs, report.outcome) == (6, "done")
    assert ask(url, "SELECT outcome FROM ingest_run") == ["done"]
    whole(url)


def test_transaction_whose_connection_is_closed_is_done_again(survey: Survey, postgres_database: str) -> None:
    url = postgres_database
    make_empty(survey, url)
    with ThreadPoolExecutor(1) as thread:
        with no_commit(url):
            own = thread.submit(survey.ingest, db=url)
            until_answered(url, WAITING, bool, "it stores its first tile")
            (first,) = ask(url, WAITING)
            ask(url, "SELECT pg_terminate_backend(:pid, 60000)", pid=first)
            until_answered(url, WAITING, lambda pids: pids not in ([], [first]), "it stores it again")
        assert own.result().n_epochs == 6
    whole(url)


@pytest.fixture
def own_database(own_server: Server) -> Iterator[str]:
    yield from new_database(own_server.url)


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_server_that_is_started_again_is_waited_for(
    how: str, survey: Survey, own_server: Server, own_database: str
) -> None:
    def act() -> None:
        getattr(own_server, how)()
        if how == "kill":
            own_server.start()

    assert survey.ingest(db=own_database, progress=after_the_first(act)).n_epochs == 6
    whole(own_database)


def test_server_that_stays_away_ends_the_run_with_a_sentence(
    survey: Survey, own_server: Server, own_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "PATIENCE", 0.3)
    with pytest.raises(CatalogueError, match=r"no longer answers \(.*\): stored data are kept") as raised:
        survey.ingest(db=own_database, progress=after_the_first(own_server.stop))
    assert "\n" not in str(raised.value)
    own_server.start()
    assert ask(own_database, "SELECT DISTINCT band FROM epoch") == ["i"]
    assert ask(own_database, "SELECT outcome FROM ingest_run") == [None]
    assert survey.ingest(db=own_database).n_epochs == 3
    whole(own_database)


def test_second_ingest_into_sqlite_exits_2_and_names_the_first(survey: Survey, cli: Run) -> None:
    told: list[Any] = []

    def second() -> None:
        told.append(cli("ingest", survey.folder, "--db", survey.database, "--masks", survey.masks))
        told.append(cli("verify", "--repair", "--db", survey.database))
        told.append(cli("rebuild", "--force", "--db", survey.database))
        told.append(cli("epochs", "--format", "csv", "--db", survey.database))

    assert survey.ingest(progress=after_the_first(second)).n_epochs == 6
    *refused, listed = told
    for each in refused:
        assert (each.status, each.out, len(each.lines)) == (2, "", 1), each.err
        assert f"is being written by process {os.getpid()} on" in each.err
    assert (listed.status, len(listed.out.splitlines())) == (0, 4)
    assert survey.ingest().n_unchanged == 6


def test_postgres_is_not_rebuilt_under_an_ingest(
    survey: Survey, postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goodpix.ingest.database.locks._TIMEOUT", 0.0)

    def rebuild() -> None:
        with pytest.raises(CatalogueBusyError, match="is being written by goodpix, process"):
            goodpix.rebuild(postgres_database, force=True)

    assert survey.ingest(db=postgres_database, progress=after_the_first(rebuild)).n_epochs == 6
