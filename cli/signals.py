"""Interruption of long commands by Ctrl-C and SIGTERM."""

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

from ..schema.errors import GoodpixError, stop_request
from .output import say

__all__ = ["stoppable"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

# Seconds after which an interrupted command is killed if it is still running, and if it has not noticed the signal.
_TIMEOUT, _DEAF = 9.0, 1.5

# Seconds after which an exception that was lost is raised again.
_AGAIN = 0.1


@contextmanager
def stoppable(what_now: str) -> Iterator[None]:
    """Let Ctrl-C or SIGTERM stop a command cleanly, with exit status 130 or 143, within 2 s if nothing is to be stored.

    Parameters
    ----------
    what_now : str
        Message printed after the stop: what is stored and how to continue.

    Notes
    -----
    A signal raises an exception in the main thread. The exception can be lost: Python swallows it inside
    ``__del__`` methods and weak-reference callbacks, and cannot raise it while foreign code waits, for example
    for a database lock. A watcher thread, which is notified of the signal at once, therefore repeats the signal
    until the exception gets through. It kills the process if foreign code runs on, or if storing finished work takes
    too long.
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
    else:
        stop.unwatch()
    finally:
        stop_request.interrupt = None


class _Stopped(KeyboardInterrupt):
    """Exception raised by a signal; a KeyboardInterrupt, because libraries handle that: psycopg cancels its query."""


class _Stop:
    """A watch for stop signals.

    Attributes
    ----------
    number : int or None
        Number of the signal received.
    heeded : bool
        Whether the exception has reached the command, so that the signal need not be repeated. The process still
        has to end in time.
    """

    def __init__(self, what_now: str) -> None:
        self._what_now = what_now
        self.number: int | None = None
        self.heeded = False
        self._n_noticed = 0
        self._over = threading.Event()
        # a weak reference: dead once the exception was swallowed, alive while it propagates or is handled
        self._raised: weakref.ref[_Stopped] | None = None

    def watch(self) -> None:
        """Install the signal handlers and start the watcher thread."""
        wakeup, self._wakeup = os.pipe()
        os.set_blocking(self._wakeup, False)
        self._wakeup_before = signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        self._unraisable_before, sys.unraisablehook = sys.unraisablehook, self._unraisable
        self._thread = threading.Thread(target=self._enforce, args=(wakeup, threading.get_ident()), daemon=True)
        self._thread.start()
        # shells start background jobs with Ctrl-C ignored
        handled = (number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN)
        self._before = {number: signal.signal(number, self._handle) for number in handled}

    def unwatch(self) -> None:
        """Restore the previous signal handlers and end the watcher thread."""
        self.heeded = True
        self._over.set()
        for number, before in self._before.items():
            signal.signal(number, before or signal.SIG_DFL)
        signal.set_wakeup_fd(self._wakeup_before)
        sys.unraisablehook = self._unraisable_before
        os.close(self._wakeup)
        self._thread.join()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        """Raise the exception, unless an earlier one is still being handled: batch systems send several signals."""
        self._n_noticed += 1
        if self.heeded or (self._raised is not None and self._raised() is not None):
            return
        self.number, stop_request.interrupt = number, self._again
        raise self._new()  # a local variable would keep the exception alive through its traceback

    def _new(self) -> _Stopped:
        stopped = _Stopped()
        self._raised = weakref.ref(stopped)
        return stopped

    def _again(self) -> KeyboardInterrupt:
        """Return the exception in place of one that was lost."""
        return self._new() if threading.current_thread() is threading.main_thread() else KeyboardInterrupt()

    def _enforce(self, wakeup: int, main_thread: int) -> None:
        """Wait for a signal, repeat it until the exception gets through, and kill the process at the deadlines."""
        with os.fdopen(wakeup, "rb", buffering=0) as signals:
            while (received := signals.read(1)) and received[0] not in _SIGNALS:
                pass
            number, n_noticed = int.from_bytes(received), 0
            began = sent = time.monotonic()
            while not self._over.wait(_AGAIN):
                now, is_deaf = time.monotonic(), self._n_noticed == n_noticed
                if now > began + _TIMEOUT or (is_deaf and now > sent + _DEAF):
                    self._kill(number)
                if not (is_deaf or self.heeded) and self._raised is not None and self._raised() is None:
                    sent, n_noticed = now, self._n_noticed
                    signal.pthread_kill(main_thread, number)

    def _kill(self, number: int) -> None:
        with suppress(OSError):
            # a pipe that nobody reads would block
            if select.select([], [2], [], 0)[1]:
                os.write(2, f"{self._what_now}; unfinished work was killed\n".encode())
        os._exit(128 + number)

    def _unraisable(self, unraisable: "sys.UnraisableHookArgs") -> None:
        """Report a swallowed exception, except a stop, which is raised again."""
        if not isinstance(unraisable.exc_value, _Stopped):
            self._unraisable_before(unraisable)
