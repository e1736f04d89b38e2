"""Worker processes, and the distribution of jobs over them."""

import fcntl
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from multiprocessing import connection
from multiprocessing.forkserver import ensure_running
from typing import Generic, ParamSpec, Protocol, TypeVar

from .errors import UsageError, WorkerLostError, WorkersNotStartedError

__all__ = [
    "NumberAhead",
    "Spread",
    "Window",
    "check_workers",
    "count_workers",
    "in_order",
    "process_pool",
    "thread_pool",
    "usable_cores",
]

Arguments = ParamSpec("Arguments")
Job = TypeVar("Job")
Result = TypeVar("Result")

NumberAhead = int | Callable[[], int]
"""A maximum number of jobs, or a function that returns what it is by now."""

# Seconds after which a number that may have changed is asked for again.
_ASK_AGAIN = 10.0


class Spread(Protocol):
    """A way to run many jobs: the built-in ``map``, or one that runs them in other processes."""

    def __call__(self, function: Callable[[Job], Result], jobs: Iterable[Job], /) -> Iterator[Result]:
        """Yield the result of each job, in order."""


class Window(Generic[Job, Result]):
    """A sliding window of jobs submitted to an executor.

    Parameters
    ----------
    submit : callable
        Submits one job to the executor.
    n_ahead : int or callable
        Maximum number of jobs submitted and not yet collected.
    jobs : iterable
        The jobs.
    """

    def __init__(self, submit: Callable[[Job], Future[Result]], n_ahead: NumberAhead, jobs: Iterable[Job]) -> None:
        self._submit, self._n_ahead, self._left = submit, n_ahead, iter(jobs)
        self._pending: dict[Future[Result], Job] = {}
        self._refused: Exception | None = None

    def fill(self) -> None:
        """Submit jobs until the window is full, or until the executor refuses one."""
        if self._refused is None:
            n_ahead = self._n_ahead() if callable(self._n_ahead) else self._n_ahead
            for job in islice(self._left, max(0, n_ahead - len(self._pending))):
                try:
                    self._pending[self._submit(job)] = job
                except Exception as error:  # noqa: BLE001  # each executor has its own exceptions; raised by `_end`
                    self._refused = error
                    return

    def as_done(self) -> Iterator[tuple[Job, Future[Result]]]:
        """Yield each job and its future as it finishes.

        If the executor refuses a job, its error is raised once the jobs already submitted are done.
        """
        self.fill()
        while self._pending:
            wait(self._pending, _ASK_AGAIN if callable(self._n_ahead) else None, FIRST_COMPLETED)
            yield from self.done()
            self.fill()
        self._end()

    def done(self) -> Iterator[tuple[Job, Future[Result]]]:
        """Yield the jobs that have finished."""
        for future in [each for each in self._pending if each.done()]:
            yield self._pending.pop(future), future

    def oldest(self) -> tuple[Job, Future[Result]] | None:
        """Return the earliest job not yet collected, finished or not; None if there is none."""
        if not self._pending:
            self._end()
            return None
        future = next(iter(self._pending))
        return self._pending.pop(future), future

    def alone(self, job: Job) -> Result:
        """Run a job again, after all the others have finished."""
        wait(self._pending)
        return self._submit(job).result()

    def close(self) -> None:
        """Cancel the jobs that have not begun."""
        for future in self._pending:
            future.cancel()

    def _end(self) -> None:
        if self._refused is not None:
            raise self._refused


def in_order(executor: Executor, n_ahead: int) -> Spread:
    """Return a ``map`` over an executor that keeps at most `n_ahead` jobs submitted or waiting to be collected.

    Notes
    -----
    A job whose worker dies is run again once no other job is running. If that worker dies too, requesting the
    result raises `WorkerLostError`; the next request returns the result of the next job.
    """

    def spread(function: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        return _InOrder(Window(lambda job: executor.submit(function, job), n_ahead, jobs))

    return spread


class _InOrder(Iterator[Result], Generic[Job, Result]):
    """Results in order; each one collected submits another job, and closing cancels the jobs not begun."""

    def __init__(self, window: Window[Job, Result]) -> None:
        self._window = window
        # submit the first jobs now, not when the first result is requested
        window.fill()

    def __next__(self) -> Result:
        oldest = self._window.oldest()
        if oldest is None:
            raise StopIteration
        job, future = oldest
        try:
            result = future.result()
        except BrokenExecutor:
            result = self._alone(job)
        except BaseException:
            self.close()
            raise
        self._window.fill()
        return result

    def _alone(self, job: Job) -> Result:
        try:
            return self._window.alone(job)
        except BrokenExecutor as error:
            self._window.fill()
            raise WorkerLostError(
                "the worker process died, and so did the next one, which ran this job alone"
            ) from error

    def close(self) -> None:
        """Cancel the jobs that have not begun."""
        self._window.close()

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
        self._one_started = False
        self._idle: deque[ProcessPoolExecutor] = deque()
        self._threads = ThreadPoolExecutor(n_workers, "goodpix-worker")

    def submit(
        self, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        return self._threads.submit(self._do, partial(function, *args, **kwargs))

    def _do(self, job: Callable[[], Result]) -> Result:
        """Run a job in an idle worker or, if there is none, in a new one: at most one worker per thread."""
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
            except BrokenProcessPool:
                self._check_that_workers_start()
                raise
            finally:
                if isinstance(future.exception(), BrokenProcessPool):
                    # end its watching thread now, which would fail on closed pipes when this process exits
                    worker.shutdown()
                else:
                    self._idle.append(worker)

    def _check_that_workers_start(self) -> None:
        """After a worker died, tell a job that kills its worker from workers that cannot start at all."""
        if self._one_started:
            return
        worker = self._start()
        try:
            worker.submit(os.getpid).result()
        except BrokenProcessPool as error:
            raise WorkersNotStartedError(
                "worker processes cannot start, because they import the program that starts them: put its calls under "
                'if __name__ == "__main__":, save it as a file if it comes from standard input, or use workers=1'
            ) from error
        finally:
            worker.shutdown()
        self._one_started = True

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
        Module imported once for all workers.

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
    # workers end when this end is closed: by us, or by the system if this process is killed
    other_end, held = context.Pipe(duplex=False)
    # the server that forks workers may be older than this pool and have another environment
    here = (other_end, os.getcwd(), dict(os.environ))
    pool = _Workers(workers, partial(ProcessPoolExecutor, 1, context, initializer=_start_worker, initargs=here))
    try:
        yield pool
    except BaseException:
        # waiting jobs would start new workers
        pool.shutdown(wait=False, cancel_futures=True)
        held.close()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        held.close()
        other_end.close()


@contextmanager
def thread_pool(workers: int) -> Iterator[Executor]:
    """Provide a pool of threads of this process; an error in the block cancels the jobs that have not begun.

    Parameters
    ----------
    workers : int
        Number of threads.
    """
    pool = ThreadPoolExecutor(workers, "goodpix-worker")
    try:
        yield pool
    except BaseException:
        # nobody waits for threads that only read, perhaps from a disk that does not answer
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def check_workers(workers: object) -> None:
    """Raise a `UsageError` unless a number of workers is a whole number of at least 1."""
    if isinstance(workers, bool) or not hasattr(workers, "__index__") or workers < 1:  # type: ignore[operator]  # a number
        raise UsageError(f"workers is {workers!r}: expected 1 or more")


def count_workers(executor: Executor) -> int | None:
    """Return the number of jobs that an executor runs at once, as far as it can be asked; else None."""
    client = getattr(executor, "_client", None)  # Dask's executor has no other way to its scheduler
    if client is not None:
        try:
            return int(sum(client.nthreads().values()))
        except Exception:  # noqa: BLE001  # a scheduler that does not answer is reported when a job is submitted
            return None
    n_workers = getattr(executor, "_max_workers", None)
    return n_workers if isinstance(n_workers, int) else None


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
