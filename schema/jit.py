"""Compilation of kernels with numba, which is imported when one is first called."""

import fcntl
import functools
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

__all__ = ["instruction", "kernel"]

F = TypeVar("F", bound=Callable[..., Any])

# Seconds to wait for a kernel that another process compiles, and between looks at its lock.
_PATIENCE, _PAUSE = 120.0, 0.02


def kernel(function: F) -> F:
    """Compile a function over arrays and scalars, without the GIL and cached on disk if possible.

    Divisions follow IEEE 754, since a check for zero would cost a branch in every inner loop.

    Notes
    -----
    A kernel is compiled when it is first called and its cache is empty; other processes that need it wait, and load
    it from the cache. If neither the package's folder nor the user's cache folder is writable, it is compiled again
    in each process.
    """
    return cast(F, _Kernel(function))


def instruction(define: Callable[..., Any]) -> Any:
    """Make an instruction of the processor callable in kernels: a `numba.extending.intrinsic`."""
    return _Instruction(define)


class _Kernel:
    """A kernel, which is loaded or compiled when Python, or a kernel that is compiled, calls it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._dispatcher: Any = None

    def __call__(self, *args: Any) -> Any:
        try:
            return self.dispatcher(*args)
        except BaseException:
            _lock.abandon()  # compiling may have failed, or have been interrupted
            raise

    @property
    def dispatcher(self) -> Any:
        """Dispatcher of numba, with the compiled versions of the function."""
        with _one_thread:
            if self._dispatcher is None:
                self._dispatcher = _dispatcher(self._function)
            return self._dispatcher

    @property
    def _numba_type_(self) -> Any:
        """The type of the kernel for numba, in a kernel that calls it."""
        from numba.core.types import Dispatcher  # as above

        return Dispatcher(self.dispatcher)


class _Instruction:
    """An instruction, which numba learns of when a kernel that uses it is compiled."""

    def __init__(self, define: Callable[..., Any]) -> None:
        self._define = define

    @functools.cached_property
    def _numba_type_(self) -> Any:
        """The type of the instruction for numba."""
        from numba.core.registry import cpu_target  # as above
        from numba.extending import intrinsic

        self._known = intrinsic(self._define)
        cpu_target.typing_context.refresh()
        return cpu_target.typing_context.resolve_value_type(self._known)


# numba's types refer to a dispatcher weakly, so there must not be a second one of a kernel.
_one_thread = threading.RLock()


def _dispatcher(function: Callable[..., Any]) -> Any:
    from numba import njit  # slow to import

    compiled: Any = njit(nogil=True, error_model="numpy")(function)
    with suppress(RuntimeError):  # no folder is writable
        compiled._cache = _cache_type()(function)  # as `njit(cache=True)` does with numba's own type
    return compiled


@functools.cache
def _cache_type() -> Any:
    from numba.core.caching import FunctionCache  # as above
    from numba.core.runtime.nrt import rtsys

    numbas: Any = FunctionCache

    class KernelCache(numbas):  # type: ignore[misc]  # numba has no types
        """numba's cache of a kernel, which loads it without preparing to compile, and lets one process compile it."""

        def load_overload(self, sig: Any, target_context: Any) -> Any:
            """Return the kernel for a signature; None, holding the lock, if this process has to compile it."""
            # all that a compiled kernel needs; numba would load its whole compiler first, and scipy.linalg with it
            rtsys.initialize(target_context)
            found = self._load_overload(sig, target_context)
            if found is None:
                _lock.acquire()
                found = self._load_overload(sig, target_context)
                if found is not None:
                    _lock.release()
            return found if found is not None else super().load_overload(sig, target_context)

        def save_overload(self, sig: Any, data: Any) -> None:
            """Store a kernel that was compiled, if possible, and release the lock."""
            try:
                # an interrupt is lost in the callback that brings the machine code, and then there is nothing to store
                with suppress(RuntimeError):
                    super().save_overload(sig, data)
            finally:
                _lock.release()

    return KernelCache


class _CompilerLock:
    """Lock between processes that compile kernels; numba's own lock keeps the threads of a process apart.

    A kernel may call others that have to be compiled too, so the lock can be acquired several times.
    """

    def __init__(self) -> None:
        self._depth, self._file = 0, -1

    def acquire(self) -> None:
        """Wait for the lock; go on without it if the file system has no locks, or after a long time."""
        self._depth += 1
        if self._depth > 1:
            return
        until = time.monotonic() + _PATIENCE
        try:
            file = self._file = os.open(__file__, os.O_RDONLY | os.O_CLOEXEC)
            while time.monotonic() <= until:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    time.sleep(_PAUSE)
                else:
                    return
        except OSError:
            return

    def release(self) -> None:
        """Undo one `acquire`."""
        if self._depth > 1:
            self._depth -= 1
        else:
            self.abandon()

    def abandon(self) -> None:
        """Undo every `acquire`."""
        self._depth, file, self._file = 0, self._file, -1
        if file >= 0:
            os.close(file)


_lock = _CompilerLock()
