"""Tile jobs for executors; each returns a receipt, even after an error."""

from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor, Future, wait
from contextlib import suppress
from functools import partial
from pathlib import Path

from ..schema.errors import WorkerLostError, WorkersNotStartedError, interruption
from ..schema.executors import NumberAhead, Spread, Window, in_order
from ..schema.printable import printable
from .images.coadd import read_coadd
from .plan import TileTask
from .report import Failure
from .tile import Receipt, ingest_tile

__all__ = ["attempt_alone", "attempt_apart", "attempt_tile", "side_by_side"]


def attempt_tile(task: TileTask, spread: Spread = map, scratch: Path | None = None) -> Receipt:
    """Run a tile job; see `goodpix.ingest.tile.ingest_tile`.

    Returns
    -------
    Receipt
        If the mask file could not be written, it records that failure, so that an exception from an executor
        is always the executor's own and never the tile's.
    """
    try:
        return ingest_tile(task, spread, scratch)
    except Exception as error:  # a full disk, for instance: the old masks remain, other tiles go on
        if (stop := interruption(error)) is not None:
            raise stop from None
        if isinstance(error, WorkersNotStartedError):
            raise  # nothing is known of the tile
        return _without_file(task, error, "no new mask file was written")


def side_by_side(tasks: Iterator[TileTask], executor: Executor, n_ahead: NumberAhead) -> Window[TileTask, Receipt]:
    """Submit tiles to an executor, a few at a time; a tile whose future has no receipt is lost.

    The window raises `WorkerLostError` if the executor accepts no more tiles.
    """
    return Window(partial(_submit, executor), n_ahead, tasks)


def attempt_alone(task: TileTask, executor: Executor) -> Receipt:
    """Retry a tile on an executor that has no other job.

    Raises
    ------
    WorkerLostError
        If the executor accepts no more tiles.
    """
    future = _submit(executor, task)
    wait([future])
    error = CancelledError("cancelled") if future.cancelled() else future.exception()
    if error is None:
        return future.result()
    # each executor has its own exceptions
    why = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return _without_file(
        task, WorkerLostError(why), "its worker died, and so did the next one, which ran this tile alone"
    )


def attempt_apart(task: TileTask, pool: Executor, spread: Spread, scratch: Path) -> Receipt:
    """Retry a tile whose worker died with one job per epoch, so that an epoch that kills its worker fails alone.

    Parameters
    ----------
    task : TileTask
        The tile.
    pool : concurrent.futures.Executor
        A pool of processes that has no other job.
    spread : Spread
        A ``map`` over that pool.
    scratch : Path
        See `goodpix.ingest.tile.ingest_tile`.
    """
    try:
        # this process reads the coadd's headers only after a worker has survived it
        list(in_order(pool, 1)(_read_coadd, [task]))
    except WorkerLostError as error:
        return _without_file(task, error, "its coadd cannot be read")
    return attempt_tile(task, spread, scratch)


def _read_coadd(task: TileTask) -> None:
    # errors in the coadd are reported when the tile is ingested
    with suppress(Exception):
        read_coadd(task.info, task.options)


def _submit(executor: Executor, task: TileTask) -> Future[Receipt]:
    try:
        return executor.submit(attempt_tile, task)
    except Exception as error:
        raise WorkerLostError(
            f"the executor accepts no more tiles ({type(error).__name__}: {' '.join(str(error).split())}): "
            "finished tiles are stored, and the same call continues with the rest"
        ) from error


def _without_file(task: TileTask, error: Exception, what: str) -> Receipt:
    failure = Failure(
        key=task.failure_key("coadd"),
        path=task.info_path,
        error_type=type(error).__name__,
        message=f"{what}: {printable(' '.join(str(error).split())) or type(error).__name__}",
        tilename=task.info.tilename,
        band=task.info.band,
    )
    return Receipt(task.info_path, task.info.tilename, task.info.band, whole=False, failures=(failure,))
