"""Worker process that runs one job after another, and its end with the process that asked for it."""

import contextlib
import fcntl
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

__all__ = ["Answer", "dumped", "work"]

Answer = tuple[Any, BaseException | None]
"""What a job returned, and what it raised."""


def work(jobs: int, parent: int) -> None:
    """Run jobs as they come, until there are no more; end this process at once when its parent ends.

    Parameters
    ----------
    jobs : int
        Descriptor of a socket: pickled functions without arguments come in, pickled `Answer` go out.
    parent : int
        Descriptor of the end of a pipe whose other end the parent has.
    """
    _end_with(parent)
    connection = Connection(jobs)
    with contextlib.suppress(EOFError, ConnectionError):
        connection.send_bytes(b"")  # this worker has started
        while True:
            connection.send_bytes(_answer(connection.recv_bytes()))


def dumped(value: object) -> bytes:
    """Pickle a value, also an instance of a class that only another process can import."""
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception:  # noqa: BLE001  # each type of object has its own
        import cloudpickle  # slower, and seldom needed

        content: bytes = cloudpickle.dumps(value)
        return content


def _answer(job: bytes) -> bytes:
    try:
        function: Callable[[], Any] = pickle.loads(job)
        return dumped((function(), None))
    except BaseException as error:  # noqa: BLE001  # raised where the result is asked for
        error.add_note("in a worker process:\n" + "".join(traceback.format_exception(error)))
        try:
            answer = dumped((None, error))
            pickle.loads(answer)  # some exceptions can be written but not read
        except Exception:  # noqa: BLE001  # whatever their constructors do
            return dumped((None, RuntimeError(f"{type(error).__name__}: {error}")))
        return answer


def _end_with(parent: int) -> None:
    def wait() -> None:
        os.read(parent, 1)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
    # that thread cannot run while foreign code holds the GIL, for instance in a read that hangs; Linux then ends the
    # process by SIGIO, which reaches one owner per open file, so each worker opens the pipe for itself
    with contextlib.suppress(OSError):
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        own = os.open(f"/proc/self/fd/{parent}", os.O_RDONLY)
        fcntl.fcntl(own, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(own, fcntl.F_SETFL, fcntl.FASYNC)
