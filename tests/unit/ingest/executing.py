"""Executors that run, lose or refuse each job at once, in this process."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any


class Executing(Executor):
    """Runs each job at once, in this process, in its own way."""

    def __init__(self, run: Callable[[Callable[[], Any]], "Future[Any]"]) -> None:
        self._run = run

    def submit(self, function: Any, /, *args: Any, **options: Any) -> "Future[Any]":
        return self._run(lambda: function(*args, **options))


def done(job: Callable[[], Any]) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_result(job())
    return future


def dead(_: Callable[[], Any]) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_exception(RuntimeError("worker\nkilled"))
    return future


def cancelled(_: Callable[[], Any]) -> "Future[Any]":
    future: Future[Any] = Future()
    future.cancel()
    future.set_running_or_notify_cancel()
    return future


def closed(_: Callable[[], Any]) -> "Future[Any]":
    raise RuntimeError("cannot schedule\nnew futures")


def killed(_: Callable[[], Any]) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_exception(BrokenProcessPool("killed"))
    return future
