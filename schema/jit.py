"""The decorator that compiles a kernel."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

__all__ = ["kernel"]

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile a function over arrays and scalars, without the GIL and cached on disk where possible.

    Divisions follow IEEE 754: a check for zero would cost a branch in every inner loop.

    Notes
    -----
    numba raises RuntimeError when neither the package's folder nor the user's cache folder can be
    written; the kernel is then compiled anew in each process.
    """
    try:
        compiled: Any = njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:
        compiled = njit(nogil=True, error_model="numpy")(function)
    return cast(F, compiled)
