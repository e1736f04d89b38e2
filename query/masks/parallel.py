"""Parallel evaluation of a function on many masks."""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ...schema.database import Database, Identity
from ...schema.errors import MaskFileMissingError, MaskNotFoundError, WorkersNotStartedError
from ...schema.executors import Window, check_workers, process_pool
from ...schema.rows import MaskKey
from ...schema.store.masksroot import MasksRoot
from .mask import Mask
from .reader import MaskLocation, MaskReader, read_mask

__all__ = ["Mapped", "map_masks"]

# Masks sent to a worker together, mostly from one file, which it opens once.
_BATCH = 16

# Batches submitted ahead, enough for a few hundred workers.
_AHEAD = 512


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
    locations: tuple[MaskLocation, ...]
    function: Callable[[Mask], Any]


def map_masks(
    function: Callable[[Mask], Any],
    locations: Iterable[MaskLocation],
    database: Database,
    *,
    executor: Executor | None = None,
    workers: int = 1,
) -> Iterator[Mapped]:
    """Yield a function's result for each mask as it completes; see `goodpix.Catalogue.map`.

    Workers do not open the database, but must be able to read its masks root under the same path or URL.
    """
    check_workers(workers)
    root, catalogue = database.root, database.identity
    with ExitStack() as stack:
        reader = MaskReader(root, catalogue)
        stack.callback(reader.close)
        if executor is None and workers == 1:
            results = (_apply(function, reader, location) for location in locations)
        else:
            pool = executor or stack.enter_context(process_pool(workers, "goodpix.query.masks.preload"))
            remaining = iter(locations)
            chunks = iter(lambda: tuple(islice(remaining, _BATCH)), ())
            results = _as_completed(pool, (_Batch(root, catalogue, chunk, function) for chunk in chunks))
        for result in stack.enter_context(closing(results)):
            if isinstance(result, Mapped):
                yield result
            else:
                yield from _apply_to_newer(function, reader, database, result)


def _as_completed(pool: Executor, batches: Iterator[_Batch]) -> Generator[Mapped | MaskLocation, None, None]:
    window = Window(lambda batch: pool.submit(_apply_to_all, batch), _AHEAD, batches)
    try:
        for batch, future in window.as_done():
            error = future.exception()
            if isinstance(error, WorkersNotStartedError):
                raise error
            yield from future.result() if error is None else (_failed(location, error) for location in batch.locations)
    finally:
        window.close()


def _apply_to_all(batch: _Batch) -> list[Mapped | MaskLocation]:
    reader = MaskReader(batch.root, batch.catalogue)
    return [_apply(batch.function, reader, location) for location in batch.locations]


def _apply(function: Callable[[Mask], Any], reader: MaskReader, location: MaskLocation) -> Mapped | MaskLocation:
    """Return the result for a mask, or the `MaskLocation` if its file is missing, as after a replacement."""
    try:
        return Mapped(location.key, function(reader.read(location)))
    except MaskFileMissingError:
        return location
    except Exception as error:  # noqa: BLE001  # one bad mask must not stop the others
        return _failed(location, error)


def _apply_to_newer(
    function: Callable[[Mask], Any], reader: MaskReader, database: Database, location: MaskLocation
) -> Iterator[Mapped]:
    """Yield the result for a mask whose file was missing; nothing if an ingest has removed the mask since."""
    try:
        yield Mapped(location.key, function(read_mask(database, reader, location.key)))
    except MaskNotFoundError:
        return
    except Exception as error:  # noqa: BLE001  # as above
        yield _failed(location, error)


def _failed(location: MaskLocation, error: BaseException) -> Mapped:
    return Mapped(location.key, error=f"{type(error).__name__}: {' '.join(str(error).split())}")
