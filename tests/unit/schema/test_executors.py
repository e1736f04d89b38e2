"""Facts about worker processes and jobs spread over them."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest

from goodpix.schema.executors import Window, count_workers, in_order, thread_pool, usable_cores, watched, watched_by

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


def test_long_loops_tell_a_watcher_how_far_they_are() -> None:
    seen: list[tuple[int, int]] = []
    with watched_by(lambda n, n_all: seen.append((n, n_all))):
        assert list(watched("abc", lambda: 3)) == ["a", "b", "c"]
        with watched_by(None):
            assert list(watched("d", lambda: 1)) == ["d"]
        assert list(watched([], lambda: 0)) == []
    assert list(watched("e", lambda: 1)) == ["e"]
    assert seen == [(1, 3), (2, 3), (3, 3)]
