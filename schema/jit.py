"""Compilation of kernels with numba."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

__all__ = ["kernel"]

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile a function over arrays and scalars, without the GIL and cached on disk if possible.

    Divisions follow IEEE 754, since a check for zero would cost a branch in every inner loop.

    Notes
    -----
    numba raises RuntimeError if neither the package's folder nor the user's cache folder is writable; the kernel is
    then compiled again in each process.
    """
    try:
        compiled: Any = njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:
        compiled = njit(nogil=True, error_model="numpy")(function)
    return cast(F, compiled)
