"""Commands of goodpix in separate processes, with injected faults."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from ..integration.survey import Done
from ..waiting import until
from .forked import Order

__all__ = ["Command", "Forks", "forks_of"]


class Forks:
    """Start commands without delay, as forks of a process that has loaded everything they need; see `forked`.

    Parameters
    ----------
    program : Popen
        The process that forks them.
    folder : Path
        Folder for the files with their output.
    """

    def __init__(self, program: subprocess.Popen[str], folder: Path) -> None:
        self._program, self._folder, self._n = program, folder, 0

    def start(self, *arguments: object, environment: Mapping[str, object], **faults: object) -> "Command":
        """Start a command; `faults` are fields of `Order` that describe the fault."""
        err = self._new("err")
        err.touch()  # it may be read before the command has started
        return self._start(arguments, err, environment, faults)

    @contextmanager
    def talking(self, *arguments: object, environment: Mapping[str, object]) -> Iterator[tuple["Command", TextIO]]:
        """Run a command and stream its standard error, which ends when its last process does."""
        err = self._new("err")
        os.mkfifo(err)
        command = self._start(arguments, err, environment, {})
        try:
            with err.open() as said:
                yield command, said
        finally:
            command.kill()

    def _new(self, name: str) -> Path:
        self._n += 1
        return self._folder / f"{self._n}.{name}"

    def _start(
        self, arguments: Sequence[object], err: Path, environment: Mapping[str, object], faults: Mapping[str, object]
    ) -> "Command":
        out = err.with_suffix(".out")
        variables = {name: str(value) for name, value in environment.items()}
        order = Order([str(each) for each in arguments], str(out), str(err), variables, **faults)  # type: ignore[arg-type]
        process = self._ask(asdict(order))
        assert process is not None
        return Command(self, process, out, err)

    def run(self, *arguments: object, environment: Mapping[str, object], **faults: object) -> Done:
        """Run a command until it ends."""
        return self.start(*arguments, environment=environment, **faults).end()

    def _ask(self, order: object) -> int | None:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(json.dumps(order) + "\n")
        self._program.stdin.flush()
        answer: int | None = json.loads(self._program.stdout.readline())
        return answer


@dataclass(slots=True)
class Command:
    """A running command.

    Parameters
    ----------
    forks : Forks
        The `Forks` that started it.
    process : int
        Process id.
    out, err : Path
        Files with its standard output and standard error.
    status : int or None
        Exit status; None until it is known.
    """

    forks: Forks
    process: int
    out: Path
    err: Path
    status: int | None = None

    def ended(self) -> bool:
        """Tell whether it has ended."""
        if self.status is None:
            self.status = self.forks._ask(self.process)
        return self.status is not None

    def until_stopped(self) -> None:
        """Wait until it has stopped itself."""
        until(lambda: self.ended() or self._state == "T", "the command comes to the step at which it stops")
        assert self.status is None, self.err.read_text()

    def go_on(self) -> None:
        """Continue it after it has stopped itself."""
        os.kill(self.process, signal.SIGCONT)

    def kill(self) -> None:
        """Kill it and wait for its end; its child processes may outlive it."""
        if not self.ended():
            os.kill(self.process, signal.SIGKILL)
        self.wait()

    def until_said(self, words: str) -> None:
        """Wait until a text appears on its standard error."""
        until(lambda: self.ended() or words in self.err.read_text(), f"the command says {words}")
        assert words in self.err.read_text(), self.err.read_text()

    @property
    def asleep(self) -> bool:
        """Whether it is sleeping."""
        return self._state == "S"

    @property
    def _state(self) -> str:
        """The state letter of ``man 5 proc``."""
        return Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()[0]

    def end(self) -> Done:
        """Wait for its end; return its status and output."""
        return Done(self.wait(), self.out.read_text(), self.err.read_text())

    def wait(self) -> int:
        """Wait for its end; return its status, negative for the signal that ended it."""
        until(self.ended, f"the command with standard error in {self.err} ends")
        assert self.status is not None
        return self.status


@contextmanager
def forks_of(folder: Path) -> Iterator[Forks]:
    """Start the process that commands are forked from."""
    path = Path(__file__).with_name("forked.py")
    with subprocess.Popen(
        [sys.executable, path, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            yield Forks(running, folder)
        finally:
            assert running.stdin is not None
            running.stdin.close()
