"""Cache of query results, shared by all pages."""

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
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class _Kept:
    """A result that was read or is being read, with the time when the read started, in seconds since 1970."""

    started: float
    result: "Future[Any]"


class CatalogueCache:
    """Cached reads of a catalogue in a thread pool; concurrent requests for the same key share one read.

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
        # a Parquet or FITS file must not be read by two threads at the same time
        self.files = threading.Lock()
        self.closed = False

    def get(self, key: Hashable, read: Callable[[sa.Connection], _Result], *, since: float) -> _Result:
        """Return the result of a read, from the cache if it is recent enough.

        Parameters
        ----------
        key : hashable
            Identifies the result: what is read and everything it depends on.
        read : callable
            Takes a read-only connection and returns the result; called in this thread.
        since : float
            Oldest acceptable start of a cached read, seconds since 1970.
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
        result: _Result = kept.result.result()
        return result

    def _fill(self, key: Hashable, kept: _Kept, read: Callable[[sa.Connection], Any]) -> None:
        try:
            with self.source.database.engine.connect() as connection:
                kept.result.set_result(read(connection))
        except BaseException as error:
            # concurrent requests get the error, later ones retry
            with self._lock:
                if self._kept.get(key) is kept:
                    del self._kept[key]
            kept.result.set_exception(error)
            raise

    def mask(self, tilename: str, band: str, expnum: int, ccdnum: int) -> Mask:
        """Return the mask of an epoch; see `goodpix.Catalogue.mask`."""
        with self.files:
            return self.source.mask(MaskKey(tilename, band, "epoch", expnum, ccdnum))

    def close(self) -> None:
        """End the threads once their current reads have finished."""
        self.closed = True
        self.pool.shutdown(wait=False, cancel_futures=True)
