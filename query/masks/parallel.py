"""Parallel evaluation of a function on many masks."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from operator import length_hint
from typing import Any, Protocol

from ...schema.database import Database, Identity
from ...schema.errors import MaskFileMissingError, MaskNotFoundError, UsageError, WorkerLostError
from ...schema.executors import Window, check_workers, watched
from ...schema.printable import one_line
from ...schema.rows import MaskKey
from ...schema.store.masksroot import MasksRoot
from ...schema.workers.pool import process_pool
from ...schema.workers.portable import Portable
from .mask import Mask
from .reader import MaskReader

__all__ = ["Mapped", "Readable", "map_masks"]

# Masks sent to a worker together, mostly from one file, which it opens once.
_BATCH = 16

# Batches submitted ahead, enough for a few hundred workers.
_AHEAD = 512


class Readable(Protocol):
    """Location of a mask, or of the masks that it is merged from."""

    @property
    def key(self) -> MaskKey:
        """Key of the mask."""
        ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 that changes with the mask."""
        ...

    def read(self, reader: MaskReader) -> Mask:
        """Return the mask."""
        ...

    def read_newer(self, database: Database, reader: MaskReader) -> Mask:
        """Return the mask as it is in the catalogue now."""
        ...


@dataclass(frozen=True, slots=True)
class Mapped:
    """Result of a function for one mask.

    Parameters
    ----------
    key : MaskKey
        Key of the mask.
    value : object
        Return value of the function; None if it failed.
    error : str or None
        Class and message of the error if it failed.
    """

    key: MaskKey
    value: Any = None
    error: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Masks sent to a worker together."""

    root: MasksRoot
    catalogue: Identity
    locations: tuple[Readable, ...]
    function: Portable[[Mask], Any]


def map_masks(
    function: Callable[[Mask], Any],
    locations: Iterable[Readable],
    database: Database,
    *,
    executor: Executor | None = None,
    workers: int = 1,
    count: Callable[[], int] | None = None,
) -> Iterator[Mapped]:
    """Yield a function's result for each mask as it completes; see `goodpix.Catalogue.map`.

    `count` returns how many masks there are, for a bar of progress; needed where `locations` has no length.
    Workers do not open the database, but must be able to read its masks root under the same path or URL.
    """
    check_workers(workers)
    if not callable(function):
        raise UsageError(f"func is {function!r}: expected a function of a mask")
    root, catalogue = database.root, database.identity
    with ExitStack() as stack:
        reader = MaskReader(root, catalogue)
        stack.callback(reader.close)
        if executor is None and workers == 1:
            results = (_apply(function, reader, location) for location in locations)
        else:
            pool = executor or stack.enter_context(process_pool(workers, "goodpix.query.masks.preload"))
            remaining, portable = iter(locations), Portable(function)
            chunks = iter(lambda: tuple(islice(remaining, _BATCH)), ())
            results = _as_completed(pool, (_Batch(root, catalogue, chunk, portable) for chunk in chunks))
        for result in watched(stack.enter_context(closing(results)), count or partial(length_hint, locations)):
            if isinstance(result, Mapped):
                yield result
            else:
                yield from _apply_to_newer(function, reader, database, result)


def _as_completed(pool: Executor, batches: Iterator[_Batch]) -> Generator[Mapped | Readable, None, None]:
    """Yield the results of batches.

    Raises
    ------
    UsageError
        If the function cannot be sent to workers, or these cannot start.
    BrokenExecutor
        If the executor can do no more work.
    """
    window = Window(lambda batch: pool.submit(_apply_to_all, batch), _AHEAD, batches)
    try:
        for batch, future in window.as_done():
            error = future.exception()
            if error is None:
                yield from future.result()
            elif isinstance(error, BrokenExecutor):
                yield from _apart(pool, batch)
            elif isinstance(error, UsageError | ImportError):
                raise error  # of the batch, not of a mask: nothing was done
            else:
                yield from (_failed(location, error) for location in batch.locations)
    finally:
        window.close()


def _apart(pool: Executor, batch: _Batch) -> Iterator[Mapped | Readable]:
    """Yield the results of a batch whose worker died, so that a mask that kills its worker fails alone."""
    for location in batch.locations:
        future = pool.submit(_apply_to_all, replace(batch, locations=(location,)))
        try:
            yield from future.result()
        except BrokenExecutor as error:
            yield _failed(location, WorkerLostError(one_line(error)))


def _apply_to_all(batch: _Batch) -> list[Mapped | Readable]:
    reader, function = _reader.of(batch.root, batch.catalogue), batch.function.function
    return [_apply(function, reader, location) for location in batch.locations]


class _Reader(threading.local):
    """Reader of a worker thread, which keeps files open from one batch to the next."""

    last: tuple[MasksRoot, Identity, MaskReader] | None = None

    def of(self, root: MasksRoot, catalogue: Identity) -> MaskReader:
        """Return the reader of a catalogue's masks."""
        if self.last is None or self.last[:2] != (root, catalogue):
            self.last = (root, catalogue, MaskReader(root, catalogue))
        return self.last[2]


_reader = _Reader()


def _apply(function: Callable[[Mask], Any], reader: MaskReader, location: Readable) -> Mapped | Readable:
    """Return the result for a mask, or its location if its file is missing, as after a replacement."""
    try:
        return Mapped(location.key, function(location.read(reader)))
    except MaskFileMissingError:
        return location
    except Exception as error:  # noqa: BLE001  # one bad mask must not stop the others
        return _failed(location, error)


def _apply_to_newer(
    function: Callable[[Mask], Any], reader: MaskReader, database: Database, location: Readable
) -> Iterator[Mapped]:
    """Yield the result for a mask whose file was missing; nothing if an ingest has removed the mask since."""
    try:
        yield Mapped(location.key, function(location.read_newer(database, reader)))
    except MaskNotFoundError:
        return
    except Exception as error:  # noqa: BLE001  # as above
        yield _failed(location, error)


def _failed(location: Readable, error: BaseException) -> Mapped:
    return Mapped(location.key, error=f"{type(error).__name__}: {one_line(error)}")
