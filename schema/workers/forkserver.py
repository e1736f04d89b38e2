"""Server process that imports modules once and forks the workers of one pool.

It differs from the one of `multiprocessing` in that its workers do not import the program that asked for them, which
may be a notebook or stand on standard input, and in that any process may have one: a worker of another pool, too.
"""

import contextlib
import importlib
import os
import signal
import socket
import subprocess
import sys
import threading
import warnings
from multiprocessing.connection import Connection

from ..errors import WorkersNotStartedError
from ..printable import one_line
from .memory import keep_freed_memory
from .worker import work

__all__ = ["ForkServer", "serve"]

# A server that has closed its sockets ends in less.
_SECONDS_TO_END = 1.0

_PROGRAM = """\
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.path[:] = {path!r}
from {module} import serve
serve({requests}, {parent}, {preload!r})
"""


class ForkServer:
    """A server of workers; it and they end when this process ends, or by `close`.

    Parameters
    ----------
    preload : str, optional
        Module imported once for all workers, while this process goes on.

    Raises
    ------
    WorkersNotStartedError
        If the server cannot start.
    """

    def __init__(self, preload: str | None = None) -> None:
        self._preload, self._lock, self._n_workers = preload, threading.Lock(), 0
        # workers end when the second end is closed: by us, or by the system if this process is killed
        self._parent, self._held = os.pipe()
        try:
            self._server, self._requests = self._start()
        except BaseException:
            self._close_pipe()
            raise

    def new_worker(self) -> Connection:
        """Start a worker; return the connection to it.

        Raises
        ------
        WorkersNotStartedError
            If it cannot start.
        """
        server, self._n_workers = self._server, self._n_workers + 1
        worker = self._ask()
        if worker is None:
            self._replace(server)
            worker = self._ask()
        if worker is None:
            raise WorkersNotStartedError("worker processes cannot start (their server has ended): use workers=1")
        return worker

    def end_workers(self) -> None:
        """End all workers at once, whatever they are doing, and the server, which may still be importing."""
        os.close(self._held)
        self._held = -1
        self._server.kill()

    def close(self) -> None:
        """End the server, after its workers."""
        self._requests.close()
        if not self._n_workers:
            self._server.kill()
        self._close_pipe()
        self._server.wait()

    def _replace(self, server: "subprocess.Popen[bytes]") -> None:
        """Start another server in the place of one that something has killed."""
        with self._lock:
            if server is self._server:
                with contextlib.suppress(subprocess.TimeoutExpired):  # it runs, but could not fork
                    server.wait(_SECONDS_TO_END)
                    self._requests.close()
                    self._server, self._requests = self._start()

    def _close_pipe(self) -> None:
        os.close(self._parent)
        if self._held >= 0:
            os.close(self._held)

    def _start(self) -> tuple["subprocess.Popen[bytes]", socket.socket]:
        try:
            here, there = socket.socketpair()
            with here, there:
                program = _PROGRAM.format(
                    path=sys.path,
                    module=__name__,
                    requests=there.fileno(),
                    parent=self._parent,
                    preload=self._preload,
                )
                server = run_server(program, (there.fileno(), self._parent))
                return server, socket.socket(fileno=here.detach())
        except OSError as error:
            raise _not_started(error) from error

    def _ask(self) -> Connection | None:
        """Return the connection to a new worker; None if there is none because the server has ended."""
        try:
            here, there = socket.socketpair()
            with here, there:
                socket.send_fds(self._requests, [b"+"], [there.fileno()])
                connection = Connection(here.detach())
        except ConnectionError:
            return None
        except OSError as error:
            raise _not_started(error) from error
        try:
            connection.recv_bytes()
        except (EOFError, ConnectionError):
            connection.close()
            return None
        return connection


def run_server(program: str, descriptors: tuple[int, ...]) -> "subprocess.Popen[bytes]":
    """Start the program of a server, which inherits some descriptors."""
    if not sys.executable:
        raise FileNotFoundError("Python does not know its own program")
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing does
    command = [sys.executable, *flags, "-c", program]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=descriptors)


def serve(requests: int, parent: int, preload: str | None) -> None:
    """Fork a worker for each descriptor that comes, until there are no more; then wait for the workers.

    Parameters
    ----------
    requests : int
        Descriptor of a socket on which those of the workers' connections come.
    parent : int
        See `goodpix.schema.workers.worker.work`.
    preload : str, optional
        Module to import first.
    """
    keep_freed_memory()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system forgets workers that have ended
    if preload is not None:
        importlib.import_module(preload)
    server = socket.socket(fileno=requests)
    while descriptors := socket.recv_fds(server, 1, 1)[1]:
        try:
            child = _fork()
        except OSError:
            child = -1  # the end of its connection says so
        if child == 0:
            server.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _work_and_exit(descriptors[0], parent)
        os.close(descriptors[0])
    with contextlib.suppress(ChildProcessError):
        os.wait()


def _fork() -> int:
    with warnings.catch_warnings():
        # Python 3.12 and newer warn that there are threads: those of libraries, which know what a fork is
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _work_and_exit(jobs: int, parent: int) -> None:
    status = 1
    try:
        work(jobs, parent)
        status = 0
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _not_started(error: OSError) -> WorkersNotStartedError:
    return WorkersNotStartedError(f"worker processes cannot start ({one_line(error)}): use workers=1")
