"""Worker processes, and the distribution of jobs over them."""

import fcntl
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from multiprocessing import connection
from multiprocessing.forkserver import ensure_running
from typing import Generic, ParamSpec, Protocol, TypeVar

from .errors import WorkerLostError

__all__ = ["Spread", "begin", "in_order", "process_pool", "usable_cores"]

Arguments = ParamSpec("Arguments")
Job = TypeVar("Job")
Result = TypeVar("Result")


class Spread(Protocol):
    """A way to run many jobs: the built-in ``map``, or one that runs them in other processes."""

    def __call__(self, function: Callable[[Job], Result], jobs: Iterable[Job], /) -> Iterator[Result]:
        """Yield the result of each job, in order."""


def in_order(executor: Executor, n_ahead: int) -> Spread:
    """Return a ``map`` over an executor that keeps at most `n_ahead` jobs submitted or waiting to be collected.

    Notes
    -----
    A job whose worker dies is run again once no other job is running. If that worker dies too, requesting the
    result raises `WorkerLostError`; the next request returns the result of the next job.
    """

    def spread(function: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        return _InOrder(executor, n_ahead, function, iter(jobs))

    return spread


class _InOrder(Iterator[Result], Generic[Job, Result]):
    """Results in order; each one collected submits another job, and closing cancels the jobs not begun."""

    def __init__(
        self, executor: Executor, n_ahead: int, function: Callable[[Job], Result], left: Iterator[Job]
    ) -> None:
        self._executor, self._function, self._left = executor, function, left
        self._pending: deque[tuple[Job, Future[Result]]] = deque()
        # submit the first jobs now, not when the first result is requested
        self._submit(n_ahead)

    def __next__(self) -> Result:
        if not self._pending:
            raise StopIteration
        job, future = self._pending.popleft()
        try:
            result = future.result()
        except BrokenExecutor:
            result = self._alone(job)
        except BaseException:
            self.close()
            raise
        self._submit(1)
        return result

    def _submit(self, n: int) -> None:
        for job in islice(self._left, n):
            self._pending.append((job, self._executor.submit(self._function, job)))

    def _alone(self, job: Job) -> Result:
        wait([future for _, future in self._pending])
        try:
            return self._executor.submit(self._function, job).result()
        except BrokenExecutor as error:
            self._submit(1)
            raise WorkerLostError(
                "the worker process died, and so did the next one, which ran this job alone"
            ) from error

    def close(self) -> None:
        """Cancel the jobs that have not begun."""
        for _, future in self._pending:
            future.cancel()

    def __del__(self) -> None:
        self.close()


class _Workers(Executor):
    """Worker processes with one job each, so that a dying worker takes no other job with it.

    A job whose worker dies fails with `BrokenProcessPool`; another worker replaces the dead one.

    Parameters
    ----------
    n_workers : int
        Number of workers.
    start : callable
        Returns a pool of one process.
    """

    def __init__(self, n_workers: int, start: Callable[[], ProcessPoolExecutor]) -> None:
        self._start = start
        self._idle: deque[ProcessPoolExecutor] = deque()
        self._threads = ThreadPoolExecutor(n_workers, "goodpix-worker")

    def submit(
        self, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        return self._threads.submit(self._do, partial(function, *args, **kwargs))

    def _do(self, job: Callable[[], Result]) -> Result:
        """Run a job in a worker; there is one, or room for one more, for each thread that calls this."""
        while True:
            try:
                worker = self._idle.pop()
            except IndexError:
                worker = self._start()
            try:
                future = worker.submit(job)
            except BrokenProcessPool:
                worker.shutdown()  # it was killed while idle
                continue
            try:
                return future.result()
            finally:
                if isinstance(future.exception(), BrokenProcessPool):
                    # end the thread that watches it now: when this process exits it would fail on closed pipes
                    worker.shutdown()
                else:
                    self._idle.append(worker)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            for worker in self._idle:
                worker.shutdown()


@contextmanager
def process_pool(workers: int, preload: str | None = None) -> Iterator[Executor]:
    """Provide a pool of worker processes.

    Parameters
    ----------
    workers : int
        Number of workers.
    preload : str, optional
        A module that is imported once for all of them.

    Notes
    -----
    Workers are not forked from this process, whose threads and open files they would inherit. They ignore Ctrl-C,
    and end at once when this process is killed or an error leaves the block. A worker that dies is replaced, and
    only its job fails, with `concurrent.futures.BrokenExecutor`.
    """
    context = multiprocessing.get_context("forkserver")
    if preload is not None:
        # the import starts now, once for all workers, which are forked from it when they have a job
        context.set_forkserver_preload([preload])
    ensure_running()
    # this end is closed by us, or by the system when this process ends
    other_end, held = context.Pipe(duplex=False)
    # the server that forks workers may be older than this pool and have another environment
    here = (other_end, os.getcwd(), dict(os.environ))
    pool = _Workers(workers, partial(ProcessPoolExecutor, 1, context, initializer=_start_worker, initargs=here))
    try:
        yield pool
    except BaseException:
        # jobs that wait for a worker would start new ones
        pool.shutdown(wait=False, cancel_futures=True)
        held.close()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        held.close()
        other_end.close()


def begin(
    thread: ThreadPoolExecutor, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Future[Result]:
    """Run a job in a thread, and return when it has begun.

    Use this for a job that releases the GIL while the caller goes on to read a FITS file, which holds the GIL: a
    thread that had not begun would have to wait.
    """
    begun = threading.Event()

    def do() -> Result:
        begun.set()
        return function(*args, **kwargs)

    future = thread.submit(do)
    begun.wait()
    return future


def usable_cores() -> int:
    """Return the number of cores this process may use, given its affinity and any container limit."""
    import loky  # it knows where each system keeps these limits

    return int(loky.cpu_count())


def _start_worker(other_end: connection.Connection, folder: str, environment: dict[str, str]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(other_end,), daemon=True).start()
    # that thread cannot run while foreign code holds the GIL, for instance in a read that hangs; Linux then ends the
    # process by SIGIO, which reaches one owner per open file, so each worker opens the pipe for itself
    with suppress(OSError):
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        own = os.open(f"/proc/self/fd/{other_end.fileno()}", os.O_RDONLY)
        fcntl.fcntl(own, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(own, fcntl.F_SETFL, fcntl.FASYNC)


def _end_with(other_end: connection.Connection) -> None:
    connection.wait([other_end])
    os._exit(1)
