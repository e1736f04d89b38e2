"""What was read of the catalogue, kept for a while and shared by all pages."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from ...schema.rows import MaskKey
from ..listings import Listings
from ..masks.mask import Mask
from ..source import Source

__all__ = ["CatalogueCache"]

_THREADS = 4
_MOST_KEPT = 300
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class _Kept:
    """Something that was read, or is being read; `started` is the time of day when its reading began."""

    started: float
    found: "Future[Any]"


class CatalogueCache:
    """Reads a catalogue in threads of its own, each thing once for all who ask at a time.

    Parameters
    ----------
    source : Source
        The catalogue.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.listings = Listings(source.database)
        self.pool = ThreadPoolExecutor(_THREADS, "goodpix-dashboard")
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._lock = threading.Lock()
        # neither a Parquet file nor a FITS file may be read by two threads at a time
        self.files = threading.Lock()
        self.closed = False

    def get(self, key: Hashable, read: Callable[[sa.Connection], _Found], *, since: float) -> _Found:
        """Return what a function reads, or has read for someone else since a time of day.

        Parameters
        ----------
        key : hashable
            What the function reads: it and all that it depends on.
        read : callable
            Takes a read-only connection; called in this thread.
        since : float
            Seconds since 1970. What was read before is read again.
        """
        with self._lock:
            kept = self._kept.get(key)
            mine = kept is None or kept.started < since
            if kept is None or mine:
                kept = self._kept[key] = _Kept(time.time(), Future())
            self._kept.move_to_end(key)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        if mine:
            self._fill(key, kept, read)
        found: _Found = kept.found.result()
        return found

    def _fill(self, key: Hashable, kept: _Kept, read: Callable[[sa.Connection], Any]) -> None:
        try:
            with self.source.database.engine.connect() as connection:
                kept.found.set_result(read(connection))
        except BaseException as error:
            # those who wait for it get the error, those who come later try again
            with self._lock:
                if self._kept.get(key) is kept:
                    del self._kept[key]
            kept.found.set_exception(error)
            raise

    def mask(self, tilename: str, band: str, expnum: int, ccdnum: int) -> Mask:
        """Return the mask of an epoch; see `goodpix.Catalogue.mask`."""
        with self.files:
            return self.source.mask(MaskKey(tilename, band, "epoch", expnum, ccdnum))

    def close(self) -> None:
        """End the threads, as soon as they have read what they are at."""
        self.closed = True
        self.pool.shutdown(wait=False, cancel_futures=True)
