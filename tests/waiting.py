"""Waiting for what other processes do, on a machine that may be busy."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["DEADLINE", "Allowance", "until"]

DEADLINE = 120.0
"""Seconds of an idle machine after which what a test waits for will not come any more."""

_PRESSURE = Path("/proc/pressure/cpu")
_MOST_STALLED = 0.9
_PAUSES = (0.01, 0.05)  # seconds, of which the first is that after the first look


def stalled_seconds() -> float:
    """Return for how long some process of this machine has waited for a processor; 0 where the kernel does not say."""
    try:
        some = _PRESSURE.read_text().splitlines()[0]
    except OSError:
        return 0.0
    return int(some.rpartition("total=")[2]) / 1e6


@dataclass(frozen=True, slots=True)
class Allowance:
    """Some seconds, of which those in which processes wait for a processor hardly count.

    Parameters
    ----------
    seconds : float
        On a machine that has nothing else to do; on one that is busy up to ten times as many.
    """

    seconds: float
    _began: float = field(default_factory=lambda: time.monotonic())  # noqa: PLW0108  # a test stops the clock
    _stalled: float = field(default_factory=stalled_seconds)

    def left(self) -> float:
        """Return the seconds that are left; none where the number is not above 0."""
        passed = time.monotonic() - self._began
        return self.seconds - passed + min(stalled_seconds() - self._stalled, _MOST_STALLED * passed)


def until(true: Callable[[], object], what: str) -> None:
    """Return when a condition holds; fail when it does not within `DEADLINE`."""
    allowance = Allowance(DEADLINE)
    pause, longest = _PAUSES
    while not true():
        if allowance.left() <= 0:
            raise TimeoutError(what)
        time.sleep(pause)
        pause = min(1.5 * pause, longest)
