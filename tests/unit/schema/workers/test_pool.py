"""Facts about worker processes: where they are, what they run, and how they end."""

import os
import signal
import subprocess
import sys
from concurrent.futures import BrokenExecutor
from pathlib import Path

import numpy as np
import pytest

from goodpix.ingest.images.sharedarray import SharedArray, scratch_folder
from goodpix.schema.errors import WorkersNotStartedError
from goodpix.schema.workers.pool import process_pool

from ....waiting import until


def test_workers_are_where_their_pool_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        monkeypatch.setenv("GOODPIX_TEST_PLACE", name)
        with process_pool(1) as pool:
            found = [pool.submit(each).result() for each in (os.getpid, os.getcwd)]
            value = pool.submit(os.getenv, "GOODPIX_TEST_PLACE").result()
        assert found[0] != os.getpid()
        assert (found[1], value) == (os.fspath(tmp_path / name), name)


def wait_until_gone(process: int) -> None:
    """Return when there is no such process any more."""
    until(lambda: not Path(f"/proc/{process}").exists(), f"process {process} ends")


def leave_by_an_error(workers: list[int]) -> None:
    with process_pool(1) as pool:
        workers.append(pool.submit(os.getpid).result())
        pool.submit(exec, "import ctypes; ctypes.PyDLL(None).sleep(3600)")
        raise KeyboardInterrupt("enough")


def test_workers_drop_what_they_do_when_the_pool_is_left_by_an_error() -> None:
    workers: list[int] = []
    with pytest.raises(KeyboardInterrupt, match="enough"):
        leave_by_an_error(workers)
    wait_until_gone(workers[0])


@pytest.mark.parametrize("library", ["CDLL", "PyDLL"])
def test_workers_end_with_a_parent_that_is_killed(library: str) -> None:
    """Also while foreign code holds Python's lock, as it does by PyDLL."""
    program = (
        "from goodpix.schema.workers.pool import process_pool\n"
        f"job = 'import ctypes, os; print(os.getpid(), flush=True); ctypes.{library}(None).sleep(3600)'\n"
        "with process_pool(1) as pool:\n"
        "    pool.submit(exec, job).result()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.kill()
    wait_until_gone(worker)


# What a worker runs must be importable there, and tests are not.
DOUBLE = "shared.array[...] *= 2"


def test_workers_write_into_a_shared_array() -> None:
    with scratch_folder() as folder:
        shared = SharedArray.zeros((3, 4), np.uint16, folder)
        shared.array[...] = 21
        with process_pool(1) as pool:
            pool.submit(exec, DOUBLE, {"shared": shared}).result()
        assert (shared.array == 42).all()
    assert not folder.exists()


def test_array_without_a_file_is_copied() -> None:
    plain = SharedArray.zeros((2, 2), np.uint8)
    assert plain.path is None
    with process_pool(1) as pool:
        pool.submit(exec, DOUBLE, {"shared": plain}).result()
    assert (plain.array == 0).all()


def test_a_job_whose_worker_dies_fails_and_the_next_has_another_worker() -> None:
    with process_pool(1) as pool:
        first = pool.submit(os.getpid).result()
        with pytest.raises(BrokenExecutor, match="the worker process died"):
            pool.submit(os._exit, 3).result()
        assert pool.submit(os.getpid).result() != first


def test_a_worker_that_is_killed_while_idle_costs_no_job() -> None:
    with process_pool(1) as pool:
        first = pool.submit(os.getpid).result()
        os.kill(first, signal.SIGKILL)
        wait_until_gone(first)
        assert pool.submit(os.getpid).result() != first


def test_a_server_that_is_killed_is_replaced() -> None:
    with process_pool(1) as pool:
        worker, server = (pool.submit(each).result() for each in (os.getpid, os.getppid))
        for process in (server, worker):
            os.kill(process, signal.SIGKILL)
        wait_until_gone(worker)
        assert pool.submit(os.getppid).result() not in (server, os.getpid())


def test_an_error_of_a_job_is_raised_with_where_it_happened() -> None:
    with (
        process_pool(1) as pool,
        pytest.raises(ZeroDivisionError, match="integer division or modulo by zero") as raised,
    ):
        pool.submit(divmod, 1, 0).result()
    assert raised.value.__notes__[0].startswith("in a worker process:\nTraceback")


def test_an_error_that_cannot_be_sent_is_described() -> None:
    program = "class Odd(Exception):\n    def __init__(self, a, b): super().__init__(a + b)\nraise Odd('no', ' way')"
    with process_pool(1) as pool, pytest.raises(RuntimeError, match="Odd: no way"):
        pool.submit(exec, program, {}).result()


def test_a_pool_without_a_job_waits_for_no_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "endless.py").write_text("import time\ntime.sleep(3600)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with process_pool(2, "endless"):
        pass


@pytest.mark.parametrize("preload", ["there_is_no_such_module", "goodpix.there_is_none"])
def test_workers_that_cannot_start_are_an_error(preload: str, capfd: pytest.CaptureFixture[str]) -> None:
    with process_pool(1, preload) as pool, pytest.raises(WorkersNotStartedError, match="worker processes cannot start"):
        pool.submit(os.getpid).result()
    assert preload in capfd.readouterr().err


def test_python_without_a_program_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", None)
    with pytest.raises(WorkersNotStartedError, match=r"cannot start \(Python does not know .*: use workers=1"):
        process_pool(1).__enter__()
