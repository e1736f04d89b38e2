"""Waiting for other processes on a possibly busy machine."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["DEADLINE", "Allowance", "until"]

DEADLINE = 120.0
"""Seconds that a test waits for a condition on an idle machine."""

_PRESSURE = Path("/proc/pressure/cpu")
_MOST_STALLED = 0.9
_PAUSES = (0.01, 0.05)  # seconds: first and longest


def stalled_seconds() -> float:
    """Return the total seconds with a process waiting for a processor; 0 if the kernel does not report them."""
    try:
        some = _PRESSURE.read_text().splitlines()[0]
    except OSError:
        return 0.0
    return int(some.rpartition("total=")[2]) / 1e6


@dataclass(frozen=True, slots=True)
class Allowance:
    """A time limit that hardly counts seconds in which processes wait for a processor.

    Parameters
    ----------
    seconds : float
        Limit on an idle machine; up to ten times as long on a busy one.
    """

    seconds: float
    _began: float = field(default_factory=lambda: time.monotonic())  # noqa: PLW0108  # a test stops the clock
    _stalled: float = field(default_factory=stalled_seconds)

    def left(self) -> float:
        """Return the remaining seconds; 0 or less if the time is up."""
        passed = time.monotonic() - self._began
        return self.seconds - passed + min(stalled_seconds() - self._stalled, _MOST_STALLED * passed)


def until(true: Callable[[], object], what: str) -> None:
    """Wait until a condition holds; fail after `DEADLINE`."""
    allowance = Allowance(DEADLINE)
    pause, longest = _PAUSES
    while not true():
        if allowance.left() <= 0:
            raise TimeoutError(what)
        time.sleep(pause)
        pause = min(1.5 * pause, longest)
