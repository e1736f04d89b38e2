"""One run over many tiles."""

import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from pathlib import Path
from types import TracebackType
from typing import Any

from ..schema.database import Database
from ..schema.errors import InfoFileError
from ..schema.workers import Spread, in_order
from .fingerprint import Options
from .infofile import TileInfo
from .inputs import Input
from .plan import TileTask
from .report import Failure, IngestReport
from .sharedarray import scratch_folder
from .tile import Receipt, ingest_tile
from .writer import Writer

__all__ = ["Run"]

logger = logging.getLogger(__name__)

# Tiles submitted per worker: the next one waits where it will be done.
_AHEAD = 2


class Run:
    """One run over many tiles, which remembers how it went; a context manager, which records that.

    Parameters
    ----------
    inputs : list of Input
        The info files.
    database : Database
        Open for writing.
    arguments : mapping
        What the run was asked for, to be recorded.
    options : Options
        What changes masks besides the inputs.
    force, retry_failed : bool
        See `goodpix.ingest_tiles`.
    """

    def __init__(
        self,
        inputs: list[Input],
        database: Database,
        arguments: Mapping[str, Any],
        options: Options,
        *,
        force: bool,
        retry_failed: bool,
    ) -> None:
        self._inputs = inputs
        self._database, self._writer, self._options = database, Writer(database, arguments), options
        self._force, self._retry_failed = force, retry_failed
        self._receipts: list[Receipt] = []
        self._info_failures: list[Failure] = []

    def __enter__(self) -> "Run":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        report = self.report()
        outcome = "failures" if report.n_failures else "done"
        self._writer.finish(
            n_tiles=report.n_tiles,
            n_epochs=report.n_epochs,
            n_unchanged=report.n_unchanged,
            n_failures=report.n_failures,
            outcome=outcome if error is None else "interrupted",
        )

    def tiles(self, n_workers: int, executor: Executor | None, pool: Executor | None) -> Iterator[None]:
        """Do every tile, with an executor, a pool of processes or alone; yield whenever one is done."""
        tiles: list[tuple[Path, TileInfo]] = []
        for each in self._inputs:
            if isinstance(each.content, TileInfo):
                tiles.append((each.path, each.content))
            else:
                self._info_failures.append(_info_failure(each.path, each.content, self._writer))
                yield
        if executor is not None:
            yield from self._side_by_side(tiles, executor, n_workers)
        elif pool is None:
            yield from self._one_by_one(tiles)
        else:
            # those for which there are not tiles enough to keep every worker busy come last, spread out
            n_whole = len(tiles) - len(tiles) % n_workers
            yield from self._side_by_side(tiles[:n_whole], pool, n_workers)
            spread = in_order(pool, _AHEAD * n_workers)
            for tile in tiles[n_whole:]:
                with scratch_folder() as scratch:
                    yield from self._one_by_one([tile], spread, scratch)

    def _one_by_one(
        self, tiles: list[tuple[Path, TileInfo]], spread: Spread = map, scratch: Path | None = None
    ) -> Iterator[None]:
        """Do the tiles here, one after the other."""
        for path, info in tiles:
            self._take(_attempt(self._task(path, info), spread, scratch))
            yield

    def _side_by_side(self, tiles: list[tuple[Path, TileInfo]], executor: Executor, n_workers: int) -> Iterator[None]:
        """Have an executor do the tiles, a few submitted at a time; take each as it is done."""
        pending: dict[Future[Receipt], TileTask] = {}
        for path, info in tiles:
            if len(pending) == _AHEAD * n_workers:
                yield from self._collect(pending)
            task = self._task(path, info)
            pending[executor.submit(ingest_tile, task)] = task
        while pending:
            yield from self._collect(pending)

    def _collect(self, pending: dict[Future[Receipt], TileTask]) -> Iterator[None]:
        """Take the tiles that are done, at least one."""
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            task = pending.pop(future)
            error = future.exception()
            self._take(future.result() if error is None else _lost(task, error))
            yield

    def _take(self, receipt: Receipt) -> None:
        """Load the receipt of a tile."""
        self._writer.commit(receipt)
        self._receipts.append(receipt)
        _log(receipt)

    def report(self, seconds: float = 0.0) -> IngestReport:
        """Return what was done so far."""
        given = {str(each.path): number for number, each in enumerate(self._inputs)}
        receipts = sorted(self._receipts, key=lambda receipt: given[receipt.info_path])
        return IngestReport(
            n_tiles=len(receipts) + len(self._info_failures),
            n_epochs=sum(receipt.n_made for receipt in receipts),
            n_unchanged=sum(receipt.n_unchanged for receipt in receipts),
            n_dropped=sum(len(receipt.dropped) for receipt in receipts),
            failures=(*self._info_failures, *(failure for receipt in receipts for failure in receipt.failures)),
            n_failed_before=sum(len(receipt.failed_before) for receipt in receipts),
            seconds=seconds,
        )

    def _task(self, path: Path, info: TileInfo) -> TileTask:
        known = self._writer.known(info)
        return TileTask(
            info_path=str(path),
            info=info,
            root=self._database.root,
            options=self._options,
            bit_names=self._database.identity.bit_names,
            generation=known.generation,
            mask_file=known.mask_file,
            coadd=known.coadd,
            epochs=known.epochs,
            failed=self._writer.failed(str(path)),
            force=self._force,
            retry_failed=self._retry_failed,
        )


def _attempt(task: TileTask, spread: Spread = map, scratch: Path | None = None) -> Receipt:
    """Do one tile here."""
    try:
        return ingest_tile(task, spread, scratch)
    except Exception as error:  # noqa: BLE001  # the disk is full, say: the old masks hold, other tiles go on
        return _lost(task, error)


def _log(receipt: Receipt) -> None:
    """Say what a tile job did."""
    tile = f"{receipt.tilename} {receipt.band}"
    for failure in receipt.failures:
        logger.warning("%s: %s: %s", tile, failure.key.rpartition("#")[2], failure.message)
    logger.info(
        "%s: %d epochs made, %d up to date, %d failed, %.1f s",
        tile,
        receipt.n_made,
        receipt.n_unchanged,
        len(receipt.failures) + len(receipt.failed_before),
        receipt.seconds,
    )
    for expnum, ccdnum in receipt.dropped:
        logger.warning("%s: epoch %d/%d is dropped: the info file no longer lists it", tile, expnum, ccdnum)


def _lost(task: TileTask, error: BaseException) -> Receipt:
    message = f"no new mask file could be written: {' '.join(str(error).split()) or type(error).__name__}"
    failure = Failure(
        key=task.failure_key("coadd"),
        path=task.info_path,
        error_type=type(error).__name__,
        message=message,
        tilename=task.info.tilename,
        band=task.info.band,
    )
    return Receipt(task.info_path, task.info.tilename, task.info.band, whole=False, failures=(failure,))


def _info_failure(path: Path, error: InfoFileError, writer: Writer) -> Failure:
    logger.warning("%s", error)
    failure = Failure(f"{path}#info", str(path), type(error).__name__, str(error))
    writer.commit_failure(failure)
    return failure
