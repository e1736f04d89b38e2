"""A process that kills whatever a test run leaves running.

    python watchdog.py MARKER

It waits until its parent finishes or dies, then kills every process with the marker in its environment: servers,
browsers, workers, commands.
"""

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["VARIABLE", "Watchdog"]

VARIABLE = "GOODPIX_TEST_RUN"

_PAUSE = 0.25


class Watchdog:
    """Mark this process and its descendants, and start a process that watches over it."""

    def __init__(self) -> None:
        marker = os.environ[VARIABLE] = f"{os.getpid()}-{time.time_ns()}"
        unmarked = {name: value for name, value in os.environ.items() if name != VARIABLE}
        command = [sys.executable, "-ISE", __file__, marker]
        # a new session, so that Ctrl-C in the terminal does not reach it
        self._process = subprocess.Popen(command, env=unmarked, stdin=subprocess.PIPE, start_new_session=True)

    def close(self) -> None:
        """Wait until no marked process is left."""
        self._process.communicate()


def _marked(marker: str) -> list[int]:
    """Return the ids of processes with the marker in their environment."""
    sought = f"{VARIABLE}={marker}".encode()
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended or belongs to another user
            if sought in environment.read_bytes().split(b"\0"):
                found.append(int(environment.parent.name))
    return found


def _main(marker: str) -> None:
    parent = os.getppid()
    # a fork of the watched process may keep the pipe open after that has ended
    while not select.select([sys.stdin], [], [], _PAUSE)[0] and os.getppid() == parent:
        pass
    # repeatedly, because a process about to be killed may be starting another
    while left := _marked(marker):
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(_PAUSE)


if __name__ == "__main__":
    _main(sys.argv[1])
