"""Worker processes: how many, and jobs spread over them."""

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
    """A way to do many jobs: the built-in ``map``, or one that has other processes do them."""

    def __call__(self, function: Callable[[Job], Result], jobs: Iterable[Job], /) -> Iterator[Result]:
        """Yield the result of each job, in order."""


def in_order(executor: Executor, n_ahead: int) -> Spread:
    """Return a ``map`` over an executor, with never more than `n_ahead` jobs submitted or waiting to be taken.

    Notes
    -----
    A job whose worker dies is done once more when none of the others is under way. If its worker dies then, too,
    asking for its result raises `WorkerLostError`; asking again gives that of the next job.
    """

    def spread(function: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        return _InOrder(executor, n_ahead, function, iter(jobs))

    return spread


class _InOrder(Iterator[Result], Generic[Job, Result]):
    """Results in order; a job is submitted for each that is taken, and cancelled when it is not wanted any more."""

    def __init__(
        self, executor: Executor, n_ahead: int, function: Callable[[Job], Result], left: Iterator[Job]
    ) -> None:
        self._executor, self._function, self._left = executor, function, left
        self._pending: deque[tuple[Job, Future[Result]]] = deque()
        # the first are submitted at once, not when the first result is asked for
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
                "the worker process died, and the next one, which had nothing else to do, died as well"
            ) from error

    def close(self) -> None:
        """Cancel what was not begun."""
        for _, future in self._pending:
            future.cancel()

    def __del__(self) -> None:
        self.close()


class _Workers(Executor):
    """Worker processes that have one job each, so that one that dies takes no other job with it.

    A job whose worker died fails with `BrokenProcessPool`; another worker takes its place.

    Parameters
    ----------
    n_workers : int
        How many.
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
        """Have a worker do a job; there is one, or room for one more, for each thread that runs this."""
        while True:
            try:
                worker = self._idle.pop()
            except IndexError:
                worker = self._start()
            try:
                future = worker.submit(job)
            except BrokenProcessPool:
                worker.shutdown()  # it was killed while it had nothing to do
                continue
            try:
                return future.result()
            finally:
                if isinstance(future.exception(), BrokenProcessPool):
                    # what watched it ends now: at the end of this process it would trip over closed pipes
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
    to it, and end at once, whatever they do, when it is killed or the block is left by an error. A worker that
    dies is replaced: its job alone fails, with `concurrent.futures.BrokenExecutor`.
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
    pool = _Workers(workers, partial(ProcessPoolExecutor, 1, context, initializer=_start_worker, initargs=here))
    try:
        yield pool
    except BaseException:
        # what waits for a worker would start new ones
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
    """Have a thread do a job, and return when it has begun.

    For a job that lets go of Python's lock, beside a caller that goes on to read a FITS file, which holds it: a
    thread that has yet to begin would wait for it.
    """
    begun = threading.Event()

    def do() -> Result:
        begun.set()
        return function(*args, **kwargs)

    future = thread.submit(do)
    begun.wait()
    return future


def usable_cores() -> int:
    """Return how many cores this process may use: its affinity, and a container's limit, respected."""
    import loky  # what it finds out takes a file here and a file there, and differs between systems

    return int(loky.cpu_count())


def _start_worker(other_end: connection.Connection, folder: str, environment: dict[str, str]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(other_end,), daemon=True).start()
    # that thread comes to nothing while foreign code holds Python's lock, to read a file that does not come, say;
    # where the kernel can be asked (Linux) it ends the process by SIGIO, and of files opened once tells one owner
    with suppress(OSError):
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        own = os.open(f"/proc/self/fd/{other_end.fileno()}", os.O_RDONLY)
        fcntl.fcntl(own, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(own, fcntl.F_SETFL, fcntl.FASYNC)


def _end_with(other_end: connection.Connection) -> None:
    connection.wait([other_end])
    os._exit(1)
