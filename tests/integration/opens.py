"""Count of how often files are opened, by whatever process."""

import ctypes
import os
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["counted_opens"]

_IN_OPEN = 0x20
_EVENT = struct.Struct("iIII")


@contextmanager
def counted_opens(paths: Iterable[Path]) -> Iterator[Counter[Path]]:
    """Count the opens of files while the block runs, by Linux's inotify; the count is filled in at its end."""
    libc, counts = ctypes.CDLL(None, use_errno=True), Counter[Path]()
    descriptor = libc.inotify_init1(os.O_NONBLOCK)
    try:
        watched = {libc.inotify_add_watch(descriptor, os.fsencode(path), _IN_OPEN): path for path in paths}
        assert min(watched) > 0
        yield counts
        with suppress(BlockingIOError):
            while events := os.read(descriptor, 1 << 16):
                start = 0
                while start < len(events):
                    number, mask, _, n_bytes = _EVENT.unpack_from(events, start)
                    counts[watched[number]] += mask == _IN_OPEN
                    start += _EVENT.size + n_bytes
    finally:
        os.close(descriptor)
