"""How a command that takes long is stopped."""

import os
import select
import signal
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from ..schema.errors import GoodpixError
from .output import say

__all__ = ["stoppable"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

# Seconds after which a command that was told to stop is ended, whatever it does.
_PATIENCE = 9.0

# Seconds after which a stop that was lost comes again.
_AGAIN = 0.1


@contextmanager
def stoppable(what_now: str) -> Iterator[None]:
    """Let Ctrl-C or SIGTERM stop a command, which then stores what is done; exit status 130 or 143, within 10 s.

    Parameters
    ----------
    what_now : str
        What is said about it.

    Notes
    -----
    A signal is raised as an exception in the main thread, which leaves what it does or waits for. That can
    fail: an exception is swallowed while Python runs a ``__del__`` or a callback of a weak reference, and
    cannot be raised while foreign code waits, for a lock of the database, say. So a thread of its own, which
    hears of the signal at once, has it raised again as often as it is lost, and at last ends the process.
    """
    stop = _Stop(what_now)
    stop.watch()
    try:
        yield
    except BaseException as error:
        if stop.number is None:
            stop.unwatch()
            raise
        stop.heeded = True
        if isinstance(error, GoodpixError):
            say(f"goodpix: {error}")
        say(what_now)
        raise SystemExit(128 + stop.number) from error
    stop.unwatch()


class _Stopped(KeyboardInterrupt):
    """What a signal raises. Other libraries know what to do about a Ctrl-C: psycopg cancels its query."""


class _Stop:
    """The signal that may come, and what sees to it that it is heeded.

    Attributes
    ----------
    number : int or None
        Which one has come.
    heeded : bool
        Whether it need not be raised any more; the process is to end nevertheless.
    """

    def __init__(self, what_now: str) -> None:
        self._what_now = what_now
        self.number: int | None = None
        self.heeded = False
        self._over = threading.Event()
        # an exception that is on its way, or being handled, is held by somebody; one that was swallowed is gone
        self._raised: weakref.ref[_Stopped] | None = None

    def watch(self) -> None:
        """Take the signals."""
        heard, self._wakeup = os.pipe()
        os.set_blocking(self._wakeup, False)
        self._wakeup_before = signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        self._unraisable_before, sys.unraisablehook = sys.unraisablehook, self._unraisable
        self._thread = threading.Thread(target=self._see_to_it, args=(heard, threading.get_ident()), daemon=True)
        self._thread.start()
        # what a shell runs in the background ignores Ctrl-C
        taken = (each for each in _SIGNALS if signal.getsignal(each) is not signal.SIG_IGN)
        self._before = {each: signal.signal(each, self._take) for each in taken}

    def unwatch(self) -> None:
        """Leave the signals as they were before."""
        self.heeded = True
        self._over.set()
        for number, before in self._before.items():
            signal.signal(number, before or signal.SIG_DFL)
        signal.set_wakeup_fd(self._wakeup_before)
        sys.unraisablehook = self._unraisable_before
        os.close(self._wakeup)
        self._thread.join()

    def _take(self, number: int, _frame: FrameType | None) -> None:
        """Raise a signal, but for those that come while the first is being heeded: batch systems send many."""
        if self.heeded or (self._raised is not None and self._raised() is not None):
            return
        self.number = number
        raise self._new()  # from a frame that has no name for it: its traceback would hold it

    def _new(self) -> _Stopped:
        stopped = _Stopped()
        self._raised = weakref.ref(stopped)
        return stopped

    def _see_to_it(self, heard: int, main: int) -> None:
        """Wait for a signal, then until it is heeded and the process has ended."""
        with os.fdopen(heard, "rb", buffering=0) as signals:
            while (came := signals.read(1)) and came[0] not in _SIGNALS:
                pass
            number, ends = int.from_bytes(came), time.monotonic() + _PATIENCE
            while not self._over.wait(_AGAIN):
                if time.monotonic() > ends:
                    self._end(number)
                if not self.heeded and self._raised is not None and self._raised() is None:
                    signal.pthread_kill(main, number)

    def _end(self, number: int) -> None:
        with suppress(OSError):
            # not where nobody reads it
            if select.select([], [2], [], 0)[1]:
                os.write(2, f"{self._what_now}; what did not end by itself is cut off\n".encode())
        os._exit(128 + number)

    def _unraisable(self, what: "sys.UnraisableHookArgs") -> None:
        """Report what was swallowed, but for a stop: it comes again."""
        if not isinstance(what.exc_value, _Stopped):
            self._unraisable_before(what)
