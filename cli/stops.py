"""How a command that takes long is stopped."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from .output import say

__all__ = ["stoppable"]


@contextmanager
def stoppable(what_now: str) -> Iterator[None]:
    """Let SIGTERM stop a command as Ctrl-C does, so that it stores what is done; exit status 143.

    Parameters
    ----------
    what_now : str
        What is said about it.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        # batch systems may send more than one, and what they stop has its hands full
        signal.signal(number, signal.SIG_IGN)
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        say(what_now)
        raise
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
