"""Cache of query results, shared by all pages."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
    """A result that was read or is being read, with the time when the read started, in seconds since 1970.

    While it is being read, `before` is the result that is there.
    """

    started: float
    result: "Future[Any]"
    before: "_Kept | None" = None

    def of_age(self, since: float) -> "_Kept | None":
        """Return the newest result that is there and was read since then, else one that is being read, if any."""
        if self.before is not None and not self.result.done() and self.before.started >= since:
            return self.before
        return self if self.started >= since else None


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
        self._noted = threading.local()
        self.closed = False

    @contextmanager
    def noting(self) -> Iterator[list[float]]:
        """Provide a list to which each `get` of this thread adds the time when its result was read."""
        times: list[float] = []
        self._noted.times = times
        try:
            yield times
        finally:
            del self._noted.times

    def at_once(self, read: Callable[[], _Result]) -> _Result:
        """Return what a function makes of results that are there, without reading any.

        Parameters
        ----------
        read : callable
            Calls `get`, in this thread.

        Raises
        ------
        LookupError
            If a result is not there.
        """
        self._noted.at_once = True
        try:
            return read()
        finally:
            del self._noted.at_once

    def get(self, key: Hashable, read: Callable[[sa.Connection], _Result], *, since: float) -> _Result:
        """Return the result of a read, from the cache if it is recent enough.

        Parameters
        ----------
        key : hashable
            Identifies the result: what is read and everything it depends on.
        read : callable
            Takes a read-only connection and returns the result; called in this thread.
        since : float
            Oldest acceptable start of a cached read, seconds since 1970; 0 for any that is there.

        Raises
        ------
        LookupError
            In `at_once`, if there is none.
        """
        with self._lock:
            known = self._kept.get(key)
            kept = None if known is None else known.of_age(since)
            if hasattr(self._noted, "at_once") and (kept is None or not kept.result.done()):
                raise LookupError(key)
            mine = kept is None
            if kept is None:
                there = known if known is None or known.result.done() else known.before
                kept = self._kept[key] = _Kept(time.time(), Future(), there)
            self._kept.move_to_end(key)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        if mine:
            self._fill(key, kept, read)
        if hasattr(self._noted, "times"):
            self._noted.times.append(kept.started)
        result: _Result = kept.result.result()
        return result

    def _fill(self, key: Hashable, kept: _Kept, read: Callable[[sa.Connection], Any]) -> None:
        try:
            with self.source.database.engine.connect() as connection:
                kept.result.set_result(read(connection))
        except BaseException as error:
            # concurrent requests get the error, later ones retry
            self._replace(key, kept, kept.before)
            kept.result.set_exception(error)
            raise
        self._replace(key, kept, replace(kept, before=None))

    def _replace(self, key: Hashable, kept: _Kept, other: _Kept | None) -> None:
        """Keep another result in place of one, if that is still kept; None for no result."""
        with self._lock:
            if self._kept.get(key) is kept:
                if other is None:
                    del self._kept[key]
                else:
                    self._kept[key] = other

    def mask(self, tilename: str, band: str, expnum: int, ccdnum: int) -> Mask:
        """Return the mask of an epoch; see `goodpix.Catalogue.mask`."""
        with self.files:
            return self.source.mask(MaskKey(tilename, band, "epoch", expnum, ccdnum))

    def close(self) -> None:
        """End the threads once their current reads have finished."""
        self.closed = True
        self.pool.shutdown(wait=False, cancel_futures=True)
