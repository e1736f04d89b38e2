"""A process that ends whatever a run of the tests leaves behind.

    python watchdog.py MARKER

It waits until the process that started it is done or gone, however that ended, and kills every process that has the
marker in its environment: servers, browsers, workers, commands.
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
    """Marks this process, with all that descend from it, and has a process of its own watch over it."""

    def __init__(self) -> None:
        marker = os.environ[VARIABLE] = f"{os.getpid()}-{time.time_ns()}"
        unmarked = {name: value for name, value in os.environ.items() if name != VARIABLE}
        command = [sys.executable, "-ISE", __file__, marker]
        # a session of its own: Ctrl-C in the terminal is not for it
        self._process = subprocess.Popen(command, env=unmarked, stdin=subprocess.PIPE, start_new_session=True)

    def close(self) -> None:
        """Wait until nothing is left."""
        self._process.communicate()


def _marked(marker: str) -> list[int]:
    """Return the processes that have a marker in their environment."""
    sought = f"{VARIABLE}={marker}".encode()
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended, or is another user's
            if sought in environment.read_bytes().split(b"\0"):
                found.append(int(environment.parent.name))
    return found


def _main(marker: str) -> None:
    parent = os.getppid()
    # a process that was forked from the watched one may hold the pipe open after its end
    while not select.select([sys.stdin], [], [], _PAUSE)[0] and os.getppid() == parent:
        pass
    # again and again: what is about to be killed may just be starting another
    while left := _marked(marker):
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(_PAUSE)


if __name__ == "__main__":
    _main(sys.argv[1])
