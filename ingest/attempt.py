"""The tile job as executors do it: whatever goes wrong, there is a receipt."""

from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor, Future, wait
from contextlib import suppress
from functools import partial
from pathlib import Path

from ..schema.errors import WorkerLostError
from ..schema.executors import Spread, Window, in_order
from .images.coadd import read_coadd
from .plan import TileTask
from .report import Failure
from .tile import Receipt, ingest_tile

__all__ = ["attempt_alone", "attempt_apart", "attempt_tile", "side_by_side"]


def attempt_tile(task: TileTask, spread: Spread = map, scratch: Path | None = None) -> Receipt:
    """Do a tile; see `goodpix.ingest.tile.ingest_tile`.

    Returns
    -------
    Receipt
        If the mask file could not be written, one that says so: what an executor raises is then always
        its own trouble and not the tile's.
    """
    try:
        return ingest_tile(task, spread, scratch)
    except Exception as error:  # noqa: BLE001  # the disk is full, say: the old masks hold, other tiles go on
        return _without_file(task, error, "no new mask file could be written")


def side_by_side(tasks: Iterator[TileTask], executor: Executor, n_ahead: int) -> Window[TileTask, Receipt]:
    """Have an executor do tiles, a few submitted at a time; one whose future has no receipt is lost.

    The window raises `WorkerLostError` if the executor takes no more tiles.
    """
    return Window(partial(_submit, executor), n_ahead, tasks)


def attempt_alone(task: TileTask, executor: Executor) -> Receipt:
    """Have an executor that has nothing else to do try a tile again.

    Raises
    ------
    WorkerLostError
        If the executor takes no more tiles.
    """
    future = _submit(executor, task)
    wait([future])
    error = CancelledError("cancelled") if future.cancelled() else future.exception()
    if error is None:
        return future.result()
    # every executor has errors of its own
    why = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return _without_file(task, WorkerLostError(why), "its worker was lost, and once more when it did nothing else")


def attempt_apart(task: TileTask, pool: Executor, spread: Spread, scratch: Path) -> Receipt:
    """Try a tile again whose worker died, its epochs apart: one that kills its worker is then a failure by itself.

    Parameters
    ----------
    task : TileTask
        The tile.
    pool : concurrent.futures.Executor
        A pool of processes, with nothing else to do.
    spread : Spread
        Over that pool.
    scratch : Path
        See `goodpix.ingest.tile.ingest_tile`.
    """
    try:
        # this process is to read the coadd's headers: not before another has outlived it
        list(in_order(pool, 1)(_read_coadd, [task]))
    except WorkerLostError as error:
        return _without_file(task, error, "its coadd cannot be read")
    return attempt_tile(task, spread, scratch)


def _read_coadd(task: TileTask) -> None:
    # what is wrong with the coadd is found out where it matters
    with suppress(Exception):
        read_coadd(task.info, task.options)


def _submit(executor: Executor, task: TileTask) -> Future[Receipt]:
    try:
        return executor.submit(attempt_tile, task)
    except Exception as error:
        raise WorkerLostError(
            f"the executor takes no more tiles ({type(error).__name__}: {' '.join(str(error).split())}): "
            "what is done is stored, the same call goes on with the rest"
        ) from error


def _without_file(task: TileTask, error: Exception, what: str) -> Receipt:
    failure = Failure(
        key=task.failure_key("coadd"),
        path=task.info_path,
        error_type=type(error).__name__,
        message=f"{what}: {' '.join(str(error).split()) or type(error).__name__}",
        tilename=task.info.tilename,
        band=task.info.band,
    )
    return Receipt(task.info_path, task.info.tilename, task.info.band, whole=False, failures=(failure,))
