"""Worker processes: how many, and jobs spread over them."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.forkserver import ensure_running
from typing import Protocol, TypeVar

__all__ = ["Spread", "in_order", "process_pool", "usable_cores"]

Job = TypeVar("Job")
Result = TypeVar("Result")


class Spread(Protocol):
    """A way to do many jobs: the built-in ``map``, or one that has other processes do them."""

    def __call__(self, function: Callable[[Job], Result], jobs: Iterable[Job], /) -> Iterator[Result]:
        """Yield the result of each job, in order."""


def in_order(executor: Executor, n_ahead: int) -> Spread:
    """Return a ``map`` over an executor, with never more than `n_ahead` jobs submitted or waiting to be taken."""

    def spread(function: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        left = iter(jobs)
        # the first are submitted at once, not when the first result is asked for
        pending = deque(executor.submit(function, job) for job in islice(left, n_ahead))
        return _results(executor, function, left, pending)

    return spread


def _results(
    executor: Executor, function: Callable[[Job], Result], left: Iterator[Job], pending: deque[Future[Result]]
) -> Iterator[Result]:
    """Yield results in order, and submit a job for each; cancel what is not wanted any more."""
    try:
        while pending:
            result = pending.popleft().result()
            pending.extend(executor.submit(function, job) for job in islice(left, 1))
            yield result
    finally:
        for future in pending:
            future.cancel()


@contextmanager
def process_pool(workers: int, preload: str | None = None) -> Iterator[Executor]:
    """Give a pool of worker processes.

    Parameters
    ----------
    workers : int
        How many.
    preload : str, optional
        A module for all of them to start with.

    Notes
    -----
    Workers are not forked from this process, whose threads and open files they would share. They leave Ctrl-C
    to it, and end at once, whatever they do, when it is killed or the block is left by an error.
    """
    context = multiprocessing.get_context("forkserver")
    if preload is not None:
        # what every worker needs is imported once, from now on, and workers are forked when they have a job
        context.set_forkserver_preload([preload])
    ensure_running()
    # this end is closed by us, or by the system when this process is gone
    other_end, held = context.Pipe(duplex=False)
    # the server that forks workers is older than this pool: it may have another environment
    here = (other_end, os.getcwd(), dict(os.environ))
    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=here)
    try:
        yield pool
    except BaseException:
        held.close()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        held.close()
        other_end.close()


def usable_cores() -> int:
    """Return how many cores this process may use: its affinity, and a container's limit, respected."""
    import loky  # what it finds out takes a file here and a file there, and differs between systems

    return int(loky.cpu_count())


def _start_worker(other_end: Connection, folder: str, environment: dict[str, str]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(other_end,), daemon=True).start()


def _end_with(other_end: Connection) -> None:
    wait([other_end])
    os._exit(1)
