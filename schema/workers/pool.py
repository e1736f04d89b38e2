"""Pool of worker processes."""

import pickle
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from typing import ParamSpec, TypeVar

from .forkserver import ForkServer
from .worker import Answer, dumped

__all__ = ["process_pool"]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@contextmanager
def process_pool(workers: int, preload: str | None = None) -> Iterator[Executor]:
    """Provide a pool of worker processes.

    Parameters
    ----------
    workers : int
        Number of workers.
    preload : str, optional
        Module imported once for all workers.

    Raises
    ------
    WorkersNotStartedError
        If worker processes cannot start; a job for which none can start fails with it as well.

    Notes
    -----
    Workers are not forked from this process, whose threads and open files they would inherit, and do not import its
    program. They ignore Ctrl-C, and end at once when this process is killed or an error leaves the block. A worker
    that dies is replaced, and only its job fails, with `concurrent.futures.BrokenExecutor`.
    """
    server = ForkServer(preload)
    pool = _Workers(workers, server)
    try:
        yield pool
    except BaseException:
        # waiting jobs would start new workers
        pool.shutdown(wait=False, cancel_futures=True)
        server.end_workers()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        server.close()


class _Workers(Executor):
    """Worker processes with one job each, so that a dying worker takes no other job with it.

    A job whose worker dies fails with `BrokenExecutor`; another worker replaces the dead one.

    Parameters
    ----------
    n_workers : int
        Number of workers.
    server : ForkServer
        Starts them.
    """

    def __init__(self, n_workers: int, server: ForkServer) -> None:
        self._server = server
        self._idle: deque[Connection] = deque()
        self._threads = ThreadPoolExecutor(n_workers, "goodpix-worker")

    def submit(
        self, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        return self._threads.submit(self._do, partial(function, *args, **kwargs))

    def _do(self, job: Callable[[], Result]) -> Result:
        """Run a job in an idle worker or, if there is none, in a new one: at most one worker per thread."""
        pickled, worker = dumped(job), self._worker()
        try:
            worker.send_bytes(pickled)
            answer = worker.recv_bytes()
        except (EOFError, OSError) as error:
            worker.close()
            raise BrokenExecutor("the worker process died") from error
        self._idle.append(worker)
        result, raised = _load(answer)
        if raised is not None:
            raise raised
        value: Result = result
        return value

    def _worker(self) -> Connection:
        while self._idle:
            try:
                worker = self._idle.pop()
            except IndexError:
                break  # another thread was faster
            if not worker.poll():
                return worker
            worker.close()  # it was killed while idle
        return self._server.new_worker()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            while self._idle:
                self._idle.pop().close()


def _load(answer: bytes) -> Answer:
    loaded: Answer = pickle.loads(answer)
    return loaded
