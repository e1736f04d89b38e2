"""Facts about waiting for a database server."""

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from goodpix.ingest.database import retry as retry_module
from goodpix.ingest.database.retry import PATIENCE, Retry
from goodpix.schema.errors import CatalogueError


class Clock:
    """A clock that goes on only in pauses."""

    def __init__(self) -> None:
        self.now, self.pauses = 0.0, list[float]()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(retry_module, "time", made)
    return made


def away(*, statement: str | None = None, invalidated: bool = False) -> sa.exc.DBAPIError:
    orig = ConnectionError("server closed\nthe connection")
    return sa.exc.OperationalError(statement, None, orig, connection_invalidated=invalidated)


def failing(*errors: Exception) -> Callable[[], str]:
    """Return work that fails with these errors, one each time, and then succeeds."""
    left: Iterator[Exception] = iter(errors)

    def attempt() -> str:
        for error in left:
            raise error
        return "done"

    return attempt


def forever() -> Callable[[], str]:
    return failing(*itertools.repeat(away(), 1000))


def test_work_that_succeeds_is_done_once(clock: Clock) -> None:
    assert Retry("db")(failing()) == "done"
    assert clock.pauses == []


@pytest.mark.parametrize("error", [away(), away(statement="SELECT 1", invalidated=True)], ids=["refused", "lost"])
def test_lost_connection_is_tried_again_at_once(clock: Clock, error: Exception) -> None:
    assert Retry("db")(failing(error)) == "done"
    assert clock.pauses == [0]


def test_pauses_double_up_to_two_seconds(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    assert Retry("db")(failing(*[away()] * 8)) == "done"
    assert clock.pauses == pytest.approx([0, 0.1, 0.2, 0.4, 0.8, 1.6, 2, 2])
    assert caplog.messages[0] == "the database db does not answer (server closed the connection): waiting for it"


def test_server_that_stays_away_ends_the_work_in_time(clock: Clock) -> None:
    with pytest.raises(CatalogueError, match=r"^the database db no longer answers \(server closed the connection\): "):
        Retry("db")(forever())
    assert PATIENCE - 2 < clock.now <= PATIENCE


def test_after_waiting_in_vain_nothing_is_waited_for(clock: Clock) -> None:
    retry = Retry("db")
    with pytest.raises(CatalogueError, match="no longer answers"):
        retry(forever())
    clock.pauses.clear()
    with pytest.raises(CatalogueError, match="no longer answers"):
        retry(failing(away()))
    assert clock.pauses == []


@pytest.mark.parametrize(
    "error",
    [away(statement="SELECT 1"), sa.exc.OperationalError(None, None, sqlite3.OperationalError("database is locked"))],
    ids=["statement", "sqlite"],
)
def test_error_in_a_statement_or_of_sqlite_is_raised_at_once(clock: Clock, error: Exception) -> None:
    with pytest.raises(sa.exc.OperationalError, match=r"server closed|locked"):
        Retry("db")(failing(error))
    assert clock.pauses == []


def test_interrupted_wait_is_the_last(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    retry = Retry("db")
    with monkeypatch.context() as patch:
        patch.setattr(clock, "sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            retry(failing(away()))
    with pytest.raises(CatalogueError, match="no longer answers"):
        retry(failing(away()))
    assert clock.pauses == []


def starting(text: str) -> sa.exc.DBAPIError:
    return sa.exc.OperationalError(None, None, ConnectionError(text))


def opened(error: sa.exc.DBAPIError) -> CatalogueError:
    """Return the error of somebody who could not open the database."""
    raised = CatalogueError("cannot use the database")
    raised.__cause__ = error
    return raised


@pytest.mark.parametrize(
    "text",
    [
        "connection to server at 127.0.0.1, port 5432 failed: Connection refused",
        "FATAL:  the database system is starting up",
        "FATAL:  the database system is shutting down",
        "server closed the connection unexpectedly",
    ],
)
@pytest.mark.parametrize("raised", [lambda error: error, opened], ids=["plain", "named"])
def test_server_that_starts_is_waited_for_when_a_catalogue_is_opened(clock: Clock, text: str, raised: Any) -> None:
    assert Retry("db").opening(failing(raised(starting(text)), raised(starting(text)))) == "done"
    assert clock.pauses == [0.0, 0.1]


@pytest.mark.parametrize(
    "text",
    [
        'FATAL:  password authentication failed for user "a"',
        'FATAL:  database "b" does not exist',
        "could not translate host name",
    ],
)
def test_server_that_refuses_is_not_waited_for_when_a_catalogue_is_opened(clock: Clock, text: str) -> None:
    with pytest.raises(CatalogueError, match=r"^cannot use the database$"):
        Retry("db").opening(failing(opened(starting(text))))
    assert clock.pauses == []


def test_opening_gives_up_with_the_error_of_the_last_attempt(clock: Clock) -> None:
    refused = opened(starting("Connection refused"))
    with pytest.raises(CatalogueError, match=r"^cannot use the database$"):
        Retry("db").opening(failing(*itertools.repeat(refused, 1000)))
    assert PATIENCE - 2 < clock.now <= PATIENCE
