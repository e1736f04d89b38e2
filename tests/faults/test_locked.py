"""Databases locked by another process: commands wait or report it, and nothing is lost."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest
import sqlalchemy as sa

from ..waiting import until
from .commands import Command, Forks
from .contents import Contents
from .scene import Scene

pytestmark = pytest.mark.slow

# Milliseconds that an impatient command waits for a lock.
IMPATIENT = 200

CURE = "(another process holds it: stored data are kept, and the same command resumes when that has ended)"


@contextmanager
def locked(scene: Scene) -> Iterator[None]:
    """Lock the database from this process."""
    if scene.server:
        plain = sa.make_url(scene.url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain) as connection:
            connection.execute("LOCK TABLE epoch, ingest_run IN ACCESS EXCLUSIVE MODE")
            yield
        return
    with closing(sqlite3.connect(scene.folder / "goodpix.db", isolation_level=None)) as lite:
        lite.execute("BEGIN EXCLUSIVE")
        yield
        lite.execute("ROLLBACK")


def until_waiting(scene: Scene, running: Command) -> None:
    """Wait until a command with a tile to store waits for the lock."""
    if scene.server:
        # within a transaction, pg_stat_activity would not change after the first query
        engine = sa.create_engine(scene.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        waiting = sa.text("SELECT pid FROM pg_stat_activity WHERE datname = :name AND wait_event_type = 'Lock'")
        with engine.connect() as connection:
            name = {"name": engine.url.database}
            until(lambda: connection.execute(waiting, name).all(), "the server has it wait")
        return
    made = scene.masks / "r"
    until(lambda: any(made.glob("*.parquet")) and running.asleep, "it sleeps")


def impatient(scene: Scene) -> list[str]:
    """Return the arguments of an ingest that soon gives up waiting for a server's lock."""
    url = sa.make_url(scene.url)
    if scene.server:
        url = url.update_query_dict({"options": f"-c lock_timeout={IMPATIENT}"})
    return [url.render_as_string(hide_password=False) if each == scene.url else each for each in scene.command]


def assert_goes_on(scene: Scene, forks: Forks, before: Contents) -> None:
    """Check that nothing was lost and that the same command completes the ingest."""
    assert scene.contents() == before
    assert scene.verify() == []
    done = forks.run(*scene.command, environment=scene.environment)
    assert done.status == 0, done.err
    assert "i: 0 epochs made, 2 up to date" in done.err
    assert "r: 2 epochs made" in done.err
    assert scene.verify() == []


def test_database_that_stays_locked_is_one_line(either: Scene, forks: Forks) -> None:
    either.ingest("i")
    before = either.contents()
    with locked(either):
        done = forks.run(*impatient(either), environment=either.environment, busy_ms=IMPATIENT)
    assert (done.status, len(done.lines)) == (2, 1), done.err
    assert done.err.startswith("goodpix: cannot use the database ")
    assert done.err.endswith(f"{CURE}\n")
    assert_goes_on(either, forks, before)


def test_database_that_is_locked_when_a_tile_is_stored_is_one_line(either: Scene, forks: Forks) -> None:
    either.ingest("i")
    before = either.contents()
    faults = {"stop_at_step": 1, "step": "replace", "busy_ms": IMPATIENT}
    running = forks.start(*impatient(either), environment=either.environment, **faults)
    running.until_stopped()
    with locked(either):
        running.go_on()
        done = running.end()
    assert done.status == 2, done.err
    assert "Traceback" not in done.err
    assert done.lines[-1].endswith(CURE)
    assert_goes_on(either, forks, before)


def test_lock_that_ends_is_waited_for(either: Scene, forks: Forks) -> None:
    either.ingest("i")
    running = forks.start(*either.command, environment=either.environment, stop_at_step=1, step="replace")
    running.until_stopped()
    with locked(either):
        running.go_on()
        until_waiting(either, running)
        assert not running.ended()
    done = running.end()
    assert done.status == 0, done.err
    assert len(either.contents()["epoch"]) == 4
    assert either.verify() == []


def test_command_that_is_told_to_stop_waits_briefly_for_a_lock(either: Scene, forks: Forks) -> None:
    either.ingest("i")
    before = either.contents()
    running = forks.start(*either.command, environment=either.environment, stop_at_step=1, step="replace")
    running.until_stopped()
    with locked(either):
        os.kill(running.process, signal.SIGINT)
        running.go_on()
        done = running.end()
    assert done.status == 130, done.err
    assert "the outcome of the run cannot be recorded: " in done.err
    assert "was killed" not in done.err, "it waits longer than an interrupted command may"
    assert_goes_on(either, forks, before)
