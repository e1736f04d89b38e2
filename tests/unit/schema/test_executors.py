"""Facts about worker processes and jobs spread over them."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodpix.ingest.images.sharedarray import SharedArray, scratch_folder
from goodpix.schema.executors import Window, count_workers, in_order, process_pool, thread_pool, usable_cores

from ...waiting import DEADLINE, until


class Recorder(Executor):
    """Does each job when its result is asked for, and notes what was submitted."""

    def __init__(self) -> None:
        self.submitted: list[Any] = []

    def submit(self, function: Any, /, *args: Any, **_: Any) -> "Future[Any]":
        self.submitted.append(args[0])
        future: Future[Any] = Future()
        future.set_result(function(*args))
        return future


def square(x: int) -> int:
    return x * x


def test_results_come_in_the_order_of_the_jobs() -> None:
    assert list(in_order(Recorder(), 3)(square, range(7))) == [x * x for x in range(7)]


def test_no_more_jobs_are_submitted_than_asked_for() -> None:
    recorder = Recorder()
    results = in_order(recorder, 3)(square, range(7))
    assert recorder.submitted == [0, 1, 2]
    next(results)
    assert recorder.submitted == [0, 1, 2, 3]
    next(results)
    assert recorder.submitted == [0, 1, 2, 3, 4]


def test_jobs_that_were_taken_are_done_before_a_refusal_is_raised() -> None:
    recorder = Recorder()

    def submit(job: int) -> "Future[int]":
        if len(recorder.submitted) == 4:
            raise RuntimeError("closed")
        return recorder.submit(square, job)

    results = (future.result() for _, future in Window(submit, 3, range(7)).as_done())
    assert [next(results) for _ in range(4)] == [0, 1, 4, 9]
    with pytest.raises(RuntimeError, match="closed"):
        next(results)


def test_jobs_are_taken_one_at_a_time() -> None:
    taken = []

    def jobs() -> Iterator[int]:
        for x in range(100):
            taken.append(x)
            yield x

    next(in_order(Recorder(), 2)(square, jobs()))
    assert len(taken) <= 3


def test_what_was_not_wanted_any_more_is_cancelled() -> None:
    waiting: list[Future[int]] = []

    class Never(Executor):
        def submit(self, _function: Any, /, *_args: Any, **_: Any) -> "Future[Any]":
            waiting.append(Future())
            if len(waiting) == 1:
                waiting[0].set_result(0)
            return waiting[-1]

    results = in_order(Never(), 2)(square, range(5))
    next(results)
    results.close()  # type: ignore[attr-defined]  # it is a generator
    assert all(future.cancelled() for future in waiting[1:])


def test_window_grows_with_the_number_that_it_asks_for() -> None:
    recorder, sizes = Recorder(), iter([2, 5, 1, 1, 1, 1, 1, 1])
    window = Window(lambda job: recorder.submit(square, job), lambda: next(sizes), range(9))
    n_submitted = []
    for _ in window.as_done():
        n_submitted.append(len(recorder.submitted))
    assert n_submitted[:7] == [2, 2, 7, 7, 7, 7, 7]
    assert len(n_submitted) == 9


def test_workers_of_an_executor_are_counted_where_it_knows() -> None:
    class Client:
        def nthreads(self) -> dict[str, int]:
            return {"tcp://a": 1, "tcp://b": 4}

    class Dask(Recorder):
        _client = Client()

    assert (count_workers(ThreadPoolExecutor(3)), count_workers(Dask())) == (3, 5)
    assert count_workers(Recorder()) is None


def test_cores_are_those_of_the_affinity() -> None:
    assert 1 <= usable_cores() <= len(os.sched_getaffinity(0))


def test_workers_are_where_their_pool_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server that forks them may be of an earlier pool."""
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
        "from goodpix.schema.executors import process_pool\n"
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


def test_an_error_cancels_the_jobs_of_threads_that_have_not_begun_and_waits_for_none() -> None:
    end, jobs = threading.Event(), list[Future[object]]()

    def stop_with_two_jobs() -> None:
        with thread_pool(1) as pool:
            jobs.extend([pool.submit(end.wait, DEADLINE), pool.submit(square, 2)])
            until(jobs[0].running, "the first job has begun")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        stop_with_two_jobs()
    running, waiting = jobs
    assert (running.done(), waiting.cancelled()) == (False, True)
    end.set()
    assert running.result() is True
