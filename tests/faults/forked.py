"""A program that forks commands of goodpix with injected faults from a process that has loaded everything they need.

    python forked.py SCRATCH

To load everything, it ingests a small tile in SCRATCH and reads the catalogue. Then it reads requests from standard
input, one line of JSON each, and answers each with a line. ``{"arguments": [...], ...}``, the fields of `Order`,
starts a command; the answer is its process id. A process id asks for the exit status; the answer is null while the
command runs, and negative for the signal that ended it. The fork server of a command's workers is a fork as well.
"""

import contextlib
import json
import multiprocessing.util
import os
import pwd
import resource
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.forkserver import _forkserver
from pathlib import Path
from types import FrameType
from typing import Any

import sqlalchemy as sa

from goodpix.cli import main, signals
from goodpix.ingest import survey as survey_module
from goodpix.ingest.synthetic import TileSpec, make_tile
from goodpix.schema import dialects

__all__ = ["Order"]


@dataclass(frozen=True, slots=True)
class Order:
    """A command and the fault to inject.

    Parameters
    ----------
    arguments : list of str
        Command-line arguments.
    out, err : str
        Files for standard output and standard error.
    environment : dict of str to str
        Environment variables to set.
    kill_at_step, stop_at_step : int
        Step at which the command kills itself, or stops until it is continued; 0 for never. The steps are before and
        after each sync, rename and removal of a file, each connection to SQLite, each commit, and each statement
        that writes, unless the previous one was of the same kind.
    step : str
        Kind of step to count: ``fsync``, ``replace``, ``unlink``, ``sqlite3.connect``, ``commit`` or the first word
        of a statement; all kinds by default.
    signal_at : str
        Qualified name of a function, such as ``goodpix.ingest.plan.make_plan``: when the command or one of its workers
        first calls it, the command gets a signal. Empty for no function.
    signal : int
        That signal.
    busy_ms : int
        Milliseconds to wait for an SQLite lock; 0 for the usual time.
    largest_file : int
        Limit on the size of a file in bytes; 0 for none.
    user : str
        User to run the command as; empty for the user of this program.
    """

    arguments: list[str]
    out: str
    err: str
    environment: dict[str, str]
    kill_at_step: int = 0
    stop_at_step: int = 0
    step: str = ""
    signal_at: str = ""
    signal: int = 0
    busy_ms: int = 0
    largest_file: int = 0
    user: str = ""

    def obey(self) -> None:
        """Run the command and exit this process."""
        os.environ.update(self.environment)
        tempfile.tempdir = None  # so that TMPDIR applies
        os.setsid()
        # SIGINT is ignored if a shell runs the tests in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # a busy machine may need longer to end a command than users should wait; test_signals states the deadline
        signals._TIMEOUT = signals._DEAF = 120.0
        for descriptor, path in ((1, self.out), (2, self.err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), descriptor)
        if self.largest_file:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.largest_file, self.largest_file))
        if self.user:
            _become(self.user)
        if self.busy_ms:
            dialects._BUSY_MS = self.busy_ms
        if self.kill_at_step or self.stop_at_step:
            number = signal.SIGKILL if self.kill_at_step else signal.SIGSTOP
            _Steps(self.kill_at_step or self.stop_at_step, self.step, number).watch()
        if self.signal_at:
            _signal_at(self.signal_at, self.signal)
        os._exit(_status(self.arguments))


class _Steps:
    """Count steps, of all kinds or one, and send this process a signal at the last."""

    def __init__(self, last: int, kind: str, number: int) -> None:
        self._left, self._counted, self._number = last, kind, number
        self._kind = ""

    def take(self, kind: str) -> None:
        self._kind = kind
        self._left -= not self._counted or kind == self._counted
        if self._left == 0:
            self._left = -1
            os.kill(os.getpid(), self._number)

    def watch(self) -> None:
        """Count steps from now on."""
        for name in ("fsync", "replace", "unlink"):
            setattr(os, name, self._around(getattr(os, name), name))
        sa.event.listen(sa.Engine, "before_cursor_execute", self._statement)
        sa.event.listen(sa.Engine, "commit", lambda _: self.take("commit"))
        sys.addaudithook(lambda event, _: self.take(event) if event == "sqlite3.connect" else None)

    def _statement(self, *arguments: Any) -> None:
        kind = arguments[2].split()[0]  # connection, cursor, statement ...
        if kind not in ("SELECT", "PRAGMA", "BEGIN", self._kind):
            self.take(kind)

    def _around(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Wrap a function in a step before and a step after."""

        def stepping(*arguments: Any, **options: Any) -> Any:
            self.take(name)
            result = function(*arguments, **options)
            self.take(name)
            return result

        return stepping


def _signal_at(function: str, number: int) -> None:
    """Send this process a signal when it, one of its threads or of its workers first calls a function."""
    command = os.getpid()

    def look(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}" == function:
            threading.setprofile(None)
            sys.setprofile(None)
            os.kill(command, number)

    threading.setprofile(look)
    sys.setprofile(look)


def _spawn(path: bytes, args: Sequence[Any], passfds: Sequence[int]) -> int:
    """Fork the fork server, which would otherwise load everything again; start other programs as usual."""
    program = args[-1]
    if "multiprocessing.forkserver" not in program:
        return _spawn_program(path, args, passfds)
    with warnings.catch_warnings():
        # Python 3.12 and newer warn that the command has threads; its standard error must stay what users see
        warnings.simplefilter("ignore", DeprecationWarning)
        process = os.fork()
    if process == 0:
        for descriptor in map(int, os.listdir("/proc/self/fd")):
            if descriptor > 2 and descriptor not in passfds:
                with contextlib.suppress(OSError):  # the descriptor of /proc/self/fd, closed by now
                    os.close(descriptor)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _forkserver.__init__()  # type: ignore[misc]  # its lock was held when it was forked
        try:
            exec(program, {})
        finally:
            os._exit(0)
    return process


_spawn_program = multiprocessing.util.spawnv_passfds


def _become(user: str) -> None:
    """Switch this process to another user, irrevocably."""
    account = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


def _status(arguments: list[str]) -> int:
    """Run a command and return its exit status."""
    sys.argv = ["goodpix", *arguments]
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except BaseException:  # noqa: BLE001  # shown as by the interpreter
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _load(scratch: Path) -> None:
    """Import and compile everything that commands need, because another user may be unable to read it from disk."""
    survey = scratch / "survey"
    make_tile(survey, TileSpec(bands=("r",), n_epochs=2, coadd_shape=(160, 170), ccd_shape=(128, 64)))
    os.environ["MEDS_DIR"] = os.fspath(survey)
    db = ["--db", os.fspath(scratch / "goodpix.db")]
    key = ["--band", "r"]
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        for command in (
            ["ingest", os.fspath(survey), *db, "--masks", os.fspath(scratch / "masks"), "--workers", "1"],
            ["epochs", *db, *key],
            ["verify", *db],
            ["gc", *db],
        ):
            if _status(command) != 0:
                raise RuntimeError(f"goodpix {' '.join(command)} failed without a fault")


def _ended(process: int) -> int | None:
    """Return the exit status of a process; None while it runs."""
    ended, status = os.waitpid(process, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _serve() -> None:
    """Answer requests until there are no more."""
    for line in sys.stdin:
        order = json.loads(line)
        if isinstance(order, int):
            answer = _ended(order)
        else:
            answer = os.fork()
            if answer == 0:
                Order(**order).obey()
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _load(Path(sys.argv[1]))
    multiprocessing.util.spawnv_passfds = _spawn
    survey_module.BYTES_PER_WORKER = 1  # so that workers are started even for a small tile
    _serve()
