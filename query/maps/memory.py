"""Memory that is free for an answer."""

from pathlib import Path

from ...schema.errors import UsageError

__all__ = ["check_memory", "free_memory"]

_MEMINFO = Path("/proc/meminfo")
_LIMIT, _USED = (Path(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")


def free_memory() -> int | None:
    """Return the bytes of memory that this process may still take, given its container's limit; None if unknown."""
    try:
        lines = _MEMINFO.read_text().splitlines()
        free = next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return None
    try:
        return min(free, max(0, int(_LIMIT.read_text()) - int(_USED.read_text())))
    except (OSError, ValueError):  # no such limit
        return free


def check_memory(what: str, n_bytes: int) -> None:
    """Raise an error if an answer takes more memory than is free.

    Parameters
    ----------
    what : str
        Option that sets the size, and its value.
    n_bytes : int
        Bytes that the answer takes.

    Raises
    ------
    UsageError
        If so many bytes are not free.
    """
    free = free_memory()
    if free is not None and n_bytes > free:
        raise UsageError(
            f"{what}: this takes {_size(n_bytes)} of memory, {_size(free)} are free: expected a smaller one"
        )


def _size(n_bytes: float) -> str:
    """Return a size in words, such as ``1.5 GB``."""
    unit = 0
    while n_bytes >= 1000 and unit < len(_UNITS) - 1:
        n_bytes, unit = n_bytes / 1000, unit + 1
    return f"{n_bytes:.3g} {_UNITS[unit]}"
