"""A function applied to many masks, side by side."""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ...schema.bits import BitNames
from ...schema.database import Database
from ...schema.errors import MaskFileMissingError, MaskNotFoundError, UsageError
from ...schema.executors import Window, process_pool
from ...schema.rows import MaskKey
from ...schema.store.masksroot import MasksRoot
from .mask import Mask
from .reader import MaskPlace, MaskReader, read_mask

__all__ = ["Mapped", "map_masks"]

# Masks that travel to a worker together: of one file if possible, which is opened once.
_BATCH = 16

# Batches that wait for a worker: enough for a cluster of a few hundred.
_AHEAD = 512


@dataclass(frozen=True, slots=True)
class Mapped:
    """What came of one mask.

    Parameters
    ----------
    key : MaskKey
        Which mask.
    value : object
        What the function returned; None where it failed.
    error : str or None
        Why there is no value: the error's class and text.
    """

    key: MaskKey
    value: Any = None
    error: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Some masks, as they travel to a worker."""

    root: MasksRoot
    bit_names: BitNames
    places: tuple[MaskPlace, ...]
    function: Callable[[Mask], Any]


def map_masks(
    function: Callable[[Mask], Any],
    places: Iterable[MaskPlace],
    database: Database,
    *,
    executor: Executor | None = None,
    workers: int = 1,
) -> Iterator[Mapped]:
    """Yield what a function returns for each mask, as it comes; see `goodpix.Catalogue.map`.

    Workers never open the database, but see its masks root under the same name.
    """
    if workers < 1:
        raise UsageError(f"workers is {workers}: expected 1 or more")
    root, bit_names = database.root, database.identity.bit_names
    with ExitStack() as stack:
        reader = MaskReader(root, bit_names)
        stack.callback(reader.close)
        if executor is None and workers == 1:
            found = (_apply(function, reader, place) for place in places)
        else:
            pool = executor or stack.enter_context(process_pool(workers))
            left = iter(places)
            some = iter(lambda: tuple(islice(left, _BATCH)), ())
            found = _as_they_come(pool, (_Batch(root, bit_names, each, function) for each in some))
        for each in stack.enter_context(closing(found)):
            if isinstance(each, Mapped):
                yield each
            else:
                yield from _apply_to_newer(function, reader, database, each)


def _as_they_come(pool: Executor, batches: Iterator[_Batch]) -> Generator[Mapped | MaskPlace, None, None]:
    window = Window(lambda batch: pool.submit(_apply_to_all, batch), _AHEAD, batches)
    try:
        for batch, future in window.as_done():
            error = future.exception()
            yield from future.result() if error is None else (_failed(place, error) for place in batch.places)
    finally:
        window.close()


def _apply_to_all(batch: _Batch) -> list[Mapped | MaskPlace]:
    reader = MaskReader(batch.root, batch.bit_names)
    return [_apply(batch.function, reader, place) for place in batch.places]


def _apply(function: Callable[[Mask], Any], reader: MaskReader, place: MaskPlace) -> Mapped | MaskPlace:
    """Return what comes of a mask; its place where its file is not there, or not any more."""
    try:
        return Mapped(place.key, function(reader.read(place)))
    except MaskFileMissingError:
        return place
    except Exception as error:  # noqa: BLE001  # one bad mask never ends the work on others
        return _failed(place, error)


def _apply_to_newer(
    function: Callable[[Mask], Any], reader: MaskReader, database: Database, place: MaskPlace
) -> Iterator[Mapped]:
    """Yield what comes of a mask whose file was not there; nothing where an ingest has dropped it since."""
    try:
        yield Mapped(place.key, function(read_mask(database, reader, place.key)))
    except MaskNotFoundError:
        return
    except Exception as error:  # noqa: BLE001  # as above
        yield _failed(place, error)


def _failed(place: MaskPlace, error: BaseException) -> Mapped:
    return Mapped(place.key, error=f"{type(error).__name__}: {' '.join(str(error).split())}")
