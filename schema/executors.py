"""Distribution of jobs over executors, and pools of threads."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from typing import Generic, Protocol, TypeVar

from .errors import UsageError, WorkerLostError

__all__ = [
    "NumberAhead",
    "Spread",
    "Window",
    "check_workers",
    "count_workers",
    "in_order",
    "thread_pool",
    "usable_cores",
    "watched",
    "watched_by",
]

Job = TypeVar("Job")
Result = TypeVar("Result")

NumberAhead = int | Callable[[], int]
"""A maximum number of jobs, or a function that returns what it is by now."""

# Seconds after which a number that may have changed is asked for again.
_ASK_AGAIN = 10.0


Watcher = Callable[[int, int], None]
"""Takes the number of results so far and that of all, 0 if it is not known."""

_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watched_by(watcher: Watcher | None) -> Iterator[None]:
    """Let a function know how far the long loops of this thread have come, such as a bar on a terminal."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def watched(results: Iterable[Result], count: Callable[[], int]) -> Iterator[Result]:
    """Yield results, and tell a watcher how many there are so far.

    Parameters
    ----------
    results : iterable
        Results of a long loop.
    count : callable
        Returns how many there will be; called only if there is a watcher.
    """
    watcher = _watcher.get()
    if watcher is None:
        yield from results
        return
    n_all = count()
    for n, result in enumerate(results, 1):
        watcher(n, n_all)
        yield result


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
    if isinstance(workers, bool) or not hasattr(workers, "__index__"):
        raise UsageError(f"workers is {workers!r}: expected a whole number of at least 1")
    if workers < 1:  # type: ignore[operator]  # a number
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
