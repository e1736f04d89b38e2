"""A file that one process holds, and that it lets go of however it ends."""

import fcntl
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from .errors import CatalogueBusyError, CatalogueError

__all__ = ["holding"]

_UNSAID = "another process"


@contextmanager
def holding(path: Path, what: str) -> Iterator[None]:
    """Hold a file as long as the block lasts; it says who does, and is gone afterwards.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What it stands for, for a message.

    Raises
    ------
    CatalogueBusyError
        If another process holds it, or this one does already.
    CatalogueError
        If there can be no such file.
    """
    descriptor = _take(path, what)
    try:
        holder = {
            "process": os.getpid(),
            "host": platform.node(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with suppress(OSError):  # a full disk holds locks, if not words
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        yield
    finally:
        # while it is held, or the next one's would go
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _take(path: Path, what: str) -> int:
    """Return the descriptor of the file, locked."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise CatalogueError(f"{what} cannot be written: {path}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, path):
                return descriptor
        except BlockingIOError:
            busy = CatalogueBusyError(
                f"{what} is being written by {_holder(descriptor)}: one ingest at a time where the database is "
                "SQLite: try again when it has ended"
            )
            os.close(descriptor)
            raise busy from None
        except OSError as error:
            os.close(descriptor)
            raise CatalogueError(f"{what} cannot be written: {path} cannot be locked: {error.strerror}") from error
        # its last holder has removed it meanwhile
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> str:
    try:
        said = json.loads(os.pread(descriptor, 1000, 0))
        return f"process {said['process']} on {said['host']} since {said['since']}"
    except (OSError, ValueError, TypeError, KeyError):
        return _UNSAID  # it has not said so yet
