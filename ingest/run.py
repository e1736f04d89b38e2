"""Ingest run over many tiles."""

import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any

from ..schema.bits import OTHER_BIT, BitNames
from ..schema.database import parse_url, shown
from ..schema.errors import InfoFileError
from ..schema.executors import NumberAhead, Spread, count_workers, in_order
from .attempt import attempt_alone, attempt_apart, attempt_tile, side_by_side
from .database.opening import WritableDatabase
from .database.writer import Writer
from .filestates import FileStates
from .images.sharedarray import scratch_folder
from .infofile import TileInfo
from .infofiles import Input, PackedTile
from .plan import Options, TileTask, plan_unless_made
from .report import Failure, IngestReport, Stages, counted, counted_tiles
from .tile import Receipt
from .tilequeue import Tile, TileQueue

__all__ = ["WINDOW", "Following", "Run"]

logger = logging.getLogger(__name__)

# Tiles submitted per worker, so that a worker that finishes one has the next at hand.
_AHEAD = 2

# Tiles submitted to an executor at least: enough for a few hundred workers, whose number may be unknown.
WINDOW = 512

# Seconds after which an executor is asked again for its number of workers, which may come and go.
_WORKERS_COUNT = 10.0

# Seconds between attempts to claim tiles that other ingests hold, and between log lines about them.
_PAUSE = 0.5
_QUIET = 60.0

# Seconds for which an interrupted run goes on storing finished tiles.
_GRACE = 5.0

# Exceptions that interrupt a run.
_STOPS = (KeyboardInterrupt, SystemExit)


class Run:
    """An ingest run over many tiles; a context manager that records the outcome.

    Parameters
    ----------
    inputs : list of Input
        The info files.
    url : str or path
        Database URL or SQLite file.
    database : WritableDatabase
        That database, open for writing.
    arguments : mapping
        Arguments of the run, to be recorded.
    options : Options
        Options that change masks.
    force, retry_failed, reread : bool
        See `goodpix.ingest_tiles`.
    """

    def __init__(
        self,
        inputs: list[Input],
        url: str | os.PathLike[str],
        database: WritableDatabase,
        arguments: Mapping[str, Any],
        options: Options,
        *,
        force: bool,
        retry_failed: bool,
        reread: bool = False,
    ) -> None:
        self._inputs, self._url = inputs, parse_url(url)
        self._database, self._writer, self._options = database, Writer(database, arguments), options
        self._force, self._retry_failed, self._reread = force, retry_failed, reread or force
        # masks that other ingests make during this run need not be made again
        self._generations = self._writer.generations() if force else {}
        self._claims, self._quiet_until = database.claims, 0.0
        self._states = FileStates()
        self._queue, self._elsewhere = TileQueue([]), list[Tile]()
        self._receipts: list[Receipt] = []
        self._info_failures: list[Failure] = []
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._seconds_commit = 0.0
        self._outcome = "under way"

    def __enter__(self) -> "Run":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._record("interrupted" if error else "failures" if self.report().n_failures else "done")
        except _STOPS:
            self._record("interrupted")
            raise

    def _record(self, outcome: str) -> None:
        """Record the counts and outcome of the run."""
        report, self._outcome = self.report(), outcome
        self._writer.finish(
            n_tiles=report.n_info_files,
            n_epochs=report.n_epochs,
            n_unchanged=report.n_unchanged,
            n_failures=report.n_failures,
            outcome=outcome,
        )

    def tiles(
        self, n_workers: int, executor: Executor | None, pool: Executor | None, threads: Executor | None = None
    ) -> Iterator[None]:
        """Ingest every tile; yield after each one.

        Parameters
        ----------
        n_workers : int
            Number of workers of the executor, pool or threads.
        executor : Executor, optional
            Makes whole tiles, anywhere.
        pool : Executor, optional
            Processes that make tiles, and epochs of the last ones.
        threads : Executor, optional
            Threads of this process that make epochs. Without any of the three, this thread makes all tiles.

        Raises
        ------
        WorkerLostError
            If the executor accepts no more tiles.
        """
        tiles: list[Tile] = []
        for file in self._inputs:
            if isinstance(file.content, PackedTile):
                tiles.append((file.path, file.content))
            else:
                self._info_failures.append(_info_failure(file.name, file.content, self._writer))
                yield
        while tiles:
            self._queue, self._elsewhere = TileQueue(tiles, take_turns=not self._reread), []
            yield from self._round(n_workers, executor, pool, threads)
            if len(self._elsewhere) == len(tiles):
                self._wait()
            tiles = self._elsewhere

    def _round(
        self, n_workers: int, executor: Executor | None, pool: Executor | None, threads: Executor | None
    ) -> Iterator[None]:
        """Ingest the tiles in the queue that no other ingest has claimed."""
        if executor is not None:
            yield from self._by_executor(executor, _AHEAD * n_workers if n_workers > 1 else Following(executor))
        elif pool is not None:
            yield from self._by_pool(pool, n_workers)
        else:
            yield from self._one_by_one(self._queue, map if threads is None else in_order(threads, _AHEAD * n_workers))

    def _one_by_one(self, tiles: Iterable[Tile], spread: Spread = map, scratch: Path | None = None) -> Iterator[None]:
        """Ingest the tiles in this process, one after the other."""
        for task in self._tasks(tiles):
            if self._take(attempt_tile(task, spread, scratch)):
                yield

    def _by_executor(self, executor: Executor, n_ahead: NumberAhead) -> Iterator[None]:
        """Ingest the tiles with an executor; retry each lost one alone before it counts as a failure."""
        lost: list[TileTask] = []
        yield from self._side_by_side(self._queue, executor, n_ahead, lost)
        for task in lost:
            if self._take(attempt_alone(task, executor)):
                yield

    def _by_pool(self, pool: Executor, n_workers: int) -> Iterator[None]:
        """Ingest the tiles with a pool of processes, the last of each turn with their epochs spread over the pool."""
        lost: list[TileTask] = []
        spread = in_order(pool, _AHEAD * n_workers)
        while self._queue:
            tiles = list(self._queue)  # all that need not wait for one another
            # tiles too few to keep every worker busy come last
            n_whole = len(tiles) - len(tiles) % n_workers
            yield from self._side_by_side(tiles[:n_whole], pool, _AHEAD * n_workers, lost)
            for tile in tiles[n_whole:]:
                with scratch_folder() as scratch:
                    yield from self._one_by_one([tile], spread, scratch)
        for task in lost:
            with scratch_folder() as scratch:
                committed = self._take(attempt_apart(task, pool, spread, scratch))
            if committed:
                yield

    def _side_by_side(
        self, tiles: Iterable[Tile], executor: Executor, n_ahead: NumberAhead, lost: list[TileTask]
    ) -> Iterator[None]:
        """Ingest the tiles with an executor, a few submitted at a time; append the lost ones to `lost`."""
        window = side_by_side(self._tasks(tiles), executor, n_ahead)
        try:
            for task, future in window.as_done():
                if not _has_receipt(future):
                    tile = f"{task.info.tilename} {task.info.band}"
                    logger.warning("%s: its worker died: retrying the tile", tile)
                    self._queue.done(task.info.tilename, task.info.band)
                    lost.append(task)
                elif self._take(future.result()):
                    yield
        except _STOPS:
            window.close()
            until = time.monotonic() + _GRACE
            for _, future in window.done():
                if _has_receipt(future):
                    self._take(future.result())
                if time.monotonic() > until:
                    break
            raise

    def _take(self, receipt: Receipt) -> bool:
        """Commit a tile's receipt; return False, and set the tile aside, if another ingest has stored it meanwhile."""
        started, stop = time.monotonic(), None
        try:
            committed = self._writer.commit(receipt)
        except _STOPS as error:
            # rolled back, but the tile is finished
            stop = error
            committed = self._writer.commit(receipt)
        self._claims.release(receipt.tilename, receipt.band)
        self._queue.done(receipt.tilename, receipt.band)
        self._seconds_commit += time.monotonic() - started
        if committed:
            unknown = _unknown_codes(receipt, self._database.identity.bit_names)
            self._receipts.append(replace(receipt, rows=()))  # the rows of a survey would take 50 GB
            _log(receipt, unknown)
        else:
            tile = f"{receipt.tilename} {receipt.band}"
            logger.warning("%s: another ingest has stored it meanwhile: checking it again", tile)
            self._elsewhere += [
                (file.path, file.content)
                for file in self._inputs
                if str(file.path) == receipt.info_path and isinstance(file.content, PackedTile)
            ]
        if stop is not None:
            raise stop
        return committed

    def report(self, seconds: float = 0.0) -> IngestReport:
        """Return the report of the run so far, in the order of the inputs."""
        order = {str(file.path): number for number, file in enumerate(self._inputs)}
        receipts = sorted(self._receipts, key=lambda receipt: order[receipt.info_path])
        return IngestReport(
            n_tiles=len({receipt.tilename for receipt in receipts}),
            n_bands=len({receipt.band for receipt in receipts}),
            n_epochs=sum(receipt.n_made for receipt in receipts),
            n_unchanged=sum(receipt.n_unchanged for receipt in receipts),
            n_dropped=sum(len(receipt.dropped) for receipt in receipts),
            failures=(*self._info_failures, *(failure for receipt in receipts for failure in receipt.failures)),
            n_failed_before=sum(len(receipt.failed_before) for receipt in receipts),
            seconds=seconds,
            n_info_files=len(receipts) + len(self._info_failures),
            n_pixels=sum(receipt.n_pixels for receipt in receipts),
            n_bytes=sum(receipt.n_bytes for receipt in receipts),
            stages=Stages(
                coadd=sum(receipt.seconds_coadd for receipt in receipts),
                epochs=sum(receipt.seconds - receipt.seconds_coadd for receipt in receipts),
                database=self._seconds_commit,
            ),
            run_id=self._writer.run_id,
            started=self._started,
            outcome=self._outcome,
            version=version("goodpix"),
            database=shown(self._url),
            masks=str(self._database.root),
            software=f"goodpix {version('goodpix')}",
            catalogue=self._database.identity.uuid,
            campaign=self._database.identity.campaign,
        )

    def _tasks(self, tiles: Iterable[Tile]) -> Iterator[TileTask]:
        """Claim each tile and return its task; set aside the tiles that other ingests have claimed."""
        # unlike a generator, these ask the queue again after it had no tile
        return filter(None, map(self._claimed_task, tiles))

    def _claimed_task(self, tile: Tile) -> TileTask | None:
        path, info = tile
        if self._claims.take(info.tilename, info.band):
            return self._task(path, info.unpacked())
        self._elsewhere.append(tile)
        self._queue.done(info.tilename, info.band)
        return None

    def _wait(self) -> None:
        """Wait a little for the ingests that have claimed all remaining tiles."""
        _, info = self._elsewhere[0]
        if time.monotonic() > self._quiet_until:
            waiting = [each for _, each in self._elsewhere]
            tiles = counted_tiles(len({each.tilename for each in waiting}), len({each.band for each in waiting}))
            tile, holder = f"{info.tilename} {info.band}", self._claims.holder(info.tilename, info.band)
            logger.info("waiting for %s claimed by other ingests (%s: %s)", tiles, tile, holder)
            self._quiet_until = time.monotonic() + _QUIET
        time.sleep(_PAUSE)

    def _task(self, path: Path, info: TileInfo) -> TileTask:
        known = self._writer.known(info)
        force = self._force and known.generation == self._generations.get((info.tilename, info.band), 0)
        task = TileTask(
            info_path=str(path),
            info=info,
            root=self._database.root,
            options=self._options,
            bit_names=self._database.identity.bit_names,
            known=known,
            failed=self._writer.failed(str(path)),
            force=force,
            retry_failed=self._retry_failed,
        )
        if not force and (known.mask_file is not None or task.failed):
            plan = plan_unless_made(task, self._states.of(info))
            if plan is not None:
                return replace(task, plan=plan)
        return task if self._reread else replace(task, sources=self._writer.sources(info))


class Following:
    """Number of tiles to submit to an executor, which follows its number of workers."""

    def __init__(self, executor: Executor) -> None:
        self._executor, self._n_ahead, self._until = executor, WINDOW, 0.0

    def __call__(self) -> int:
        """Return the number."""
        if time.monotonic() > self._until:
            self._n_ahead = max(WINDOW, _AHEAD * (count_workers(self._executor) or 0))
            self._until = time.monotonic() + _WORKERS_COUNT
        return self._n_ahead


def _has_receipt(future: Future[Receipt]) -> bool:
    return not future.cancelled() and future.exception() is None


def _unknown_codes(receipt: Receipt, bit_names: BitNames) -> dict[str, int]:
    """Return the numbers of pixels of new masks with each mask code that the profile has no meaning for."""
    found: dict[str, int] = {}
    if not any(name.startswith("CODE_") for name in bit_names.se):  # bits, and not codes
        return found
    has_known_others = 1 << OTHER_BIT in bit_names.se.values()
    for each in receipt.rows:
        for bit, n in each.row.bits["se"].items() if each.made else ():
            name = bit_names.name("se", bit)
            if name.startswith("CODE_") or (bit == OTHER_BIT and not has_known_others):
                found[name] = found.get(name, 0) + n
    return found


def _log(receipt: Receipt, unknown: Mapping[str, int]) -> None:
    """Log the result of a tile job, and the pixels with unknown mask codes."""
    tile = f"{receipt.tilename} {receipt.band}"
    for name, n in unknown.items():
        logger.warning("%s: %s: %s with a mask code that the profile does not know", tile, name, counted(n, "pixel"))
    for failure in receipt.failures:
        logger.warning("%s: %s: %s", tile, failure.key.rpartition("#")[2], failure.message)
    logger.info(
        "%s: %s made, %d up to date, %d failed, %.1f s",
        tile,
        counted(receipt.n_made, "epoch"),
        receipt.n_unchanged,
        len(receipt.failures) + len(receipt.failed_before),
        receipt.seconds,
    )
    for expnum, ccdnum in receipt.dropped:
        logger.warning("%s: epoch %d/%d dropped: the info file no longer lists it", tile, expnum, ccdnum)


def _info_failure(path: str, error: InfoFileError, writer: Writer) -> Failure:
    logger.warning("%s", error)
    failure = Failure(f"{path}#info", path, type(error).__name__, str(error))
    writer.commit_failure(failure)
    return failure
