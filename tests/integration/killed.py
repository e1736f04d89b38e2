"""Run as a program: an ingest that is killed between two of its steps.

    python killed.py SURVEY WORK

Copies the folder that holds SURVEY to WORK/<k> for k = 1, 2, 3 ..., ingests the copy in a process of
its own, and kills that process at its k-th step, until there is a k that it outlives. Steps are what
changes what is on the disk: a sync, renaming or removal of a file before and after, a connection to
the database, a commit, and a statement that writes, unless the one before it was of the same kind.
"""

import itertools
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import goodpix

__all__ = ["main"]


class _Steps:
    """Counts steps; at the last one the process kills itself."""

    def __init__(self, last: int) -> None:
        self._left = last
        self._kind = ""

    def take(self, kind: str) -> None:
        self._kind = kind
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Count what the ingest does from here on."""
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


def _ingest(folder: Path) -> None:
    """Ingest in this process."""
    os.environ["MEDS_DIR"] = os.fspath(folder / "survey")
    goodpix.ingest_tiles(folder / "survey", db=folder / "goodpix.db", masks=folder / "masks")


def _outlived(folder: Path, last: int) -> bool:
    """Ingest in a copy of this process; return whether it came to an end of its own."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _Steps(last).watch()
            _ingest(folder)
            status = 0
        finally:
            os._exit(status)
    ended = os.waitpid(child, 0)[1]
    if os.WIFEXITED(ended) and os.WEXITSTATUS(ended) != 0:
        raise RuntimeError(f"the ingest that was to be killed at step {last} failed by itself")
    return os.WIFEXITED(ended)


def main(survey: Path, work: Path) -> None:
    """Kill an ingest at every step."""
    undisturbed = work / "undisturbed"
    shutil.copytree(survey.parent, undisturbed)
    _ingest(undisturbed)  # kernels and libraries are loaded now, and by each copy of this process no more
    for last in itertools.count(1):
        folder = work / str(last)
        shutil.copytree(survey.parent, folder)
        if _outlived(folder, last):
            shutil.rmtree(folder)
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
