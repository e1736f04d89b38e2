"""Memory that a process keeps for its next arrays."""

import ctypes
import os

__all__ = ["keep_freed_memory"]

# Parameters of mallopt: variables of the environment that set them, their numbers in malloc.h, and bytes.
_PARAMETERS = (("MALLOC_TRIM_THRESHOLD_", -1, 1 << 26), ("MALLOC_MMAP_THRESHOLD_", -3, 1 << 23))


def keep_freed_memory() -> None:
    """Let this process keep up to 64 MB of freed memory for its next arrays, of up to 8 MB each.

    Fetching the pages of a few megabytes from the system again and again takes glibc's malloc as long as all else that
    is done with a mask. For processes of our own: a library leaves the memory of the program that imports it alone.

    Notes
    -----
    Does nothing where the C library is not glibc. Settings in the environment come first.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    for variable, number, size in _PARAMETERS:
        if set_option is not None and variable not in os.environ:
            set_option(number, size)
