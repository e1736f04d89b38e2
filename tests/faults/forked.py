"""Run as a program: commands of goodpix in copies of a process that has loaded all they need, each with a fault.

The server that forks a command's workers is such a copy, too.

    python forked.py SCRATCH

Makes a small tile in SCRATCH, ingests it and looks at the catalogue, to load everything. Then it takes orders, a line
of JSON each, and answers with one: ``{"arguments": [...], ...}``, the fields of `Order`, starts a command and is
answered by its process; that number asks how it ended, and is answered by null as long as it has not, then by its
exit status, which is negative for the signal that ended it.
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.forkserver import _forkserver
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from goodpix.cli import main
from goodpix.ingest import survey as survey_module
from goodpix.ingest.synthetic import TileSpec, make_tile
from goodpix.schema import dialects

__all__ = ["Order"]


@dataclass(frozen=True, slots=True)
class Order:
    """A command, and what is to go wrong.

    Parameters
    ----------
    arguments : list of str
        Of the command line.
    out, err : str
        Files for its standard output and standard error.
    environment : dict of str to str
        Variables to set.
    kill_at_step, stop_at_step : int
        The step at which it kills itself, or stops until it is told to go on; 0 for none. Steps are what changes what
        is stored: a sync, renaming or removal of a file before and after, a connection to SQLite, a commit, and a
        statement that writes, unless the one before it was of the same kind.
    step : str
        The only kind of step that counts: ``fsync``, ``replace``, ``unlink``, ``sqlite3.connect``, ``commit`` or the
        first word of a statement; by default every kind does.
    busy_ms : int
        Milliseconds for which it waits for a lock of SQLite; 0 for as long as everybody else.
    largest_file : int
        Bytes that no file may pass; 0 for no limit.
    user : str
        Who runs it; empty for who runs this program.
    """

    arguments: list[str]
    out: str
    err: str
    environment: dict[str, str]
    kill_at_step: int = 0
    stop_at_step: int = 0
    step: str = ""
    busy_ms: int = 0
    largest_file: int = 0
    user: str = ""

    def obey(self) -> None:
        """Run the command, and end this process."""
        os.environ.update(self.environment)
        tempfile.tempdir = None  # that of the environment
        os.setsid()
        # a shell that runs the tests in the background has them ignore Ctrl-C
        signal.signal(signal.SIGINT, signal.default_int_handler)
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
        os._exit(_status(self.arguments))


class _Steps:
    """Counts steps, all or of one kind; at the last one the process sends itself a signal."""

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
        """Count what is done from here on."""
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
        """Return the function with a step before it and one after."""

        def stepping(*arguments: Any, **options: Any) -> Any:
            self.take(name)
            result = function(*arguments, **options)
            self.take(name)
            return result

        return stepping


def _spawn(path: bytes, args: Sequence[Any], passfds: Sequence[int]) -> int:
    """Fork the server of workers where one would be started and load everything again; start other programs."""
    program = args[-1]
    if "multiprocessing.forkserver" not in program:
        return _spawn_program(path, args, passfds)
    process = os.fork()
    if process == 0:
        for descriptor in map(int, os.listdir("/proc/self/fd")):
            if descriptor > 2 and descriptor not in passfds:
                with contextlib.suppress(OSError):  # that of the folder itself
                    os.close(descriptor)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _forkserver.__init__()  # type: ignore[misc]  # it is locked, as it is being started
        try:
            exec(program, {})
        finally:
            os._exit(0)
    return process


_spawn_program = multiprocessing.util.spawnv_passfds


def _become(user: str) -> None:
    """Give this process to another user, for good."""
    found = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(found.pw_gid)
    os.setuid(found.pw_uid)


def _status(arguments: list[str]) -> int:
    """Run a command and return its exit status."""
    sys.argv = ["goodpix", *arguments]
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except BaseException:  # noqa: BLE001  # as the interpreter itself would show it
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _load(scratch: Path) -> None:
    """Have everything imported and compiled that commands take: another user may not read it from the disk."""
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
                raise RuntimeError(f"goodpix {' '.join(command)} failed by itself")


def _ended(process: int) -> int | None:
    """Return the exit status of a process; None as long as it has none."""
    found, status = os.waitpid(process, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _serve() -> None:
    """Take orders until there are no more."""
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
    survey_module.BYTES_PER_WORKER = 1  # workers are worth starting for a small tile
    _serve()
