"""Facts about locks that end with their holder."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from goodpix.ingest.database.locks import LockSession, holding, key_of
from goodpix.ingest.database.retry import Retry
from goodpix.schema.errors import CatalogueBusyError, CatalogueError


def test_held_file_names_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "held"
    with holding(path, "it"):
        said = json.loads(path.read_text())
        assert said["process"] == os.getpid()
        with (
            pytest.raises(
                CatalogueBusyError, match=rf"by process {os.getpid()} on .* since {re.escape(said['since'])}"
            ),
            holding(path, "it"),
        ):
            pass
    assert not path.exists()


def test_refused_holder_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "held"
    with holding(path, "it"):
        before = path.read_bytes()
        for _ in range(2):
            with pytest.raises(CatalogueBusyError, match="try again"), holding(path, "it"):
                pass
        assert path.read_bytes() == before


def test_file_is_let_go_when_the_block_fails(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="division"), holding(tmp_path / "held", "it"):
            _ = 1 // 0


HOLDER = """
import sys, pathlib, time
from goodpix.ingest.database.locks import holding
with holding(pathlib.Path(sys.argv[1]), "it"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_file_of_a_killed_holder_is_free(tmp_path: Path) -> None:
    path = tmp_path / "held"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(CatalogueBusyError, match=f"process {holder.pid} on"), holding(path, "it"):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert path.exists()
    with holding(path, "it"):
        assert json.loads(path.read_text())["process"] == os.getpid()


def test_only_one_of_many_holds_a_file(tmp_path: Path) -> None:
    """Though each removes it in the end."""
    path, inside, most = tmp_path / "held", [0], [0]
    turns: list[int] = []

    def take(number: int) -> None:
        while turns.count(number) < 20:
            try:
                with holding(path, "it"):
                    inside[0] += 1
                    threading.Event().wait(0.001)  # long enough for another to come in, if it could
                    most[0] = max(most[0], inside[0])
                    turns.append(number)
                    inside[0] -= 1
            except CatalogueBusyError:
                continue

    threads = [threading.Thread(target=take, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(turns), most[0]) == (80, 1)


def test_file_where_nothing_may_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"it cannot be written: .*/none/held: No such file"):
        holding(tmp_path / "none" / "held", "it").__enter__()


def test_numbers_of_locks_are_of_64_bits_and_signed() -> None:
    keys = {key_of("uuid", str(number), "i") for number in range(1000)}
    assert len(keys) == 1000
    assert min(keys) < 0 < max(keys)
    assert all(-(2**63) <= key < 2**63 for key in keys)
    assert key_of("a", "bc") != key_of("ab", "c")


def test_locks_that_ended_with_their_connection_are_all_released(postgres_database: str) -> None:
    engine = sa.create_engine(postgres_database)
    session = LockSession(engine, Retry("test"))
    assert [session.try_lock(key) for key in (1, 2, 3)] == [True] * 3
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with sa.create_engine(postgres_database, poolclass=sa.NullPool).connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid, 60000) {others}")
    for key in (1, 2):
        session.unlock(key)
    assert session.try_lock(1)
    assert session.holders(2) == "no one"
    session.close()
    engine.dispose()
