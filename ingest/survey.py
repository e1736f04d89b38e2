"""The survey job: many info files into one catalogue."""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from ..schema.bits import DES_Y6, BitNames
from ..schema.database import Database, open_for_writing
from ..schema.errors import AmbiguousInputError, InfoFileError, UsageError
from ..schema.fitsplanes import file_state, variables
from .fingerprint import Options
from .infofile import TileInfo, campaign_of, find_info_files, read_info_file
from .plan import TileTask
from .sharedarray import scratch_folder
from .tile import Failure, Receipt, ingest_tile
from .workers import Spread, in_order, process_pool, usable_cores
from .writer import Writer

__all__ = ["IngestReport", "ingest_tiles"]

logger = logging.getLogger(__name__)

PathLike = str | os.PathLike[str]
Progress = Callable[[int, int], None]

# Tiles submitted per worker: the next one waits where it will be done.
_AHEAD = 2

BYTES_PER_WORKER = 40_000_000
"""Bytes of images that are worth a worker process: what is read in the time that one takes to start."""


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did.

    Parameters
    ----------
    n_tiles : int
        Info files looked at.
    n_epochs : int
        Epochs whose masks were made.
    n_unchanged : int
        Epochs that were up to date.
    n_dropped : int
        Epochs that the info files no longer list.
    failures : tuple of Failure
        What failed now.
    n_failed_before : int
        What failed in an earlier run and was not tried again, since nothing has changed.
    seconds : float
        How long it took.
    """

    n_tiles: int
    n_epochs: int
    n_unchanged: int
    n_dropped: int
    failures: tuple[Failure, ...]
    n_failed_before: int
    seconds: float

    @property
    def n_failures(self) -> int:
        """Inputs that are not in the catalogue, or not as they are now."""
        return len(self.failures) + self.n_failed_before

    def __str__(self) -> str:
        if not self.n_epochs and not self.n_failures and not self.n_dropped:
            return f"{self._tiles}: nothing to do, {self.n_unchanged} epochs are up to date"
        parts = [f"{self.n_epochs} epochs made", f"{self.n_unchanged} up to date"]
        if self.n_dropped:
            parts.append(f"{self.n_dropped} dropped")
        if self.failures:
            parts.append(f"{len(self.failures)} failed")
        if self.n_failed_before:
            parts.append(f"{self.n_failed_before} failed before and not tried again (--retry-failed does)")
        return f"{self._tiles}: {', '.join(parts)} in {self.seconds:.1f} s"

    @property
    def _tiles(self) -> str:
        return f"{self.n_tiles} {'tile' if self.n_tiles == 1 else 'tiles'}"


@dataclass(frozen=True, slots=True)
class _Input:
    """One info file, read; or why it cannot be used."""

    path: Path
    content: TileInfo | InfoFileError


def ingest_tiles(
    info_paths: Iterable[PathLike] | PathLike,
    *,
    db: PathLike = "sqlite:///goodpix.db",
    masks: PathLike | None = None,
    wcs_source: str = "image",
    workers: int | None = 1,
    executor: Executor | None = None,
    force: bool = False,
    retry_failed: bool = False,
    allow_missing_se_seg: bool = False,
    allow_dithered_weights: bool = False,
    bit_names: BitNames = DES_Y6,
    progress: Progress | None = None,
) -> IngestReport:
    """Compute the masks of every epoch that info files list, and store them.

    Parameters
    ----------
    info_paths : path or iterable of paths
        Info files, and folders that are searched for ``*_pizza_cutter_info.yaml``.
    db : str or path
        Database URL, or a SQLite file; made where there is none.
    masks : path, optional
        Masks root. By default what the catalogue remembers, else ``goodpix-masks``.
    wcs_source : str
        ``"image"``: an epoch's coordinates are those of its image header; ``"scamp"``: those of
        its ``head_path``.
    workers : int, optional
        Processes that work side by side, at most: on several tiles, or, where there are fewer tiles
        than workers, on the epochs of one. 1 is this process alone, which also does what is not worth
        starting others for; None is as many as the cores that this process may use. A script that asks
        for more than 1 keeps its own work under ``if __name__ == "__main__":``, as with all of
        multiprocessing.
    executor : concurrent.futures.Executor, optional
        What does the tiles instead; it has `workers` workers. They write mask files, and need the
        masks root and the survey's files where this process has them.
    force : bool
        Make every mask again.
    retry_failed : bool
        Try what failed before again, though its inputs have not changed.
    allow_missing_se_seg : bool
        Take epochs without a segmentation map.
    allow_dithered_weights : bool
        Take weight planes that may have lost their exact zeros.
    bit_names : BitNames
        Names of the survey's mask bits; recorded when the catalogue is made.
    progress : callable, optional
        Called with the tiles that are done, and all of them.

    Returns
    -------
    IngestReport
        What was done and what failed; a failure is recorded and stops nothing else.

    Raises
    ------
    UsageError
        If an input path does not exist, inputs contradict each other or the catalogue.
    CatalogueError
        If the catalogue or its masks root cannot be used.
    """
    started = time.monotonic()
    if wcs_source not in ("image", "scamp"):
        raise UsageError(f"wcs_source is {wcs_source!r}: expected image or scamp")
    given = [info_paths] if isinstance(info_paths, str | os.PathLike) else list(info_paths)
    inputs = [_read(path) for path in find_info_files([Path(each) for each in given])]
    if not inputs:
        raise UsageError("no info files were given: expected at least one")
    campaign = _check_inputs(inputs)
    options = Options(wcs_source, allow_missing_se_seg, allow_dithered_weights)
    arguments = asdict(options) | {
        "inputs": [str(each) for each in given],
        "masks": None if masks is None else str(masks),
        "force": force,
        "retry_failed": retry_failed,
        "variables": _variables(inputs),
    }
    n_workers = usable_cores() if workers is None else workers
    if n_workers < 1:
        raise UsageError(f"workers is {workers}: expected 1 or more")
    if executor is None:
        n_workers = _worth_starting(n_workers, inputs)
    with ExitStack() as stack:
        # what workers need is imported while the database is opened
        pool = stack.enter_context(process_pool(n_workers)) if executor is None and n_workers > 1 else None
        database = stack.enter_context(
            open_for_writing(db, masks=masks, campaign=campaign, wcs_source=wcs_source, bit_names=bit_names)
        )
        writer = Writer(database, arguments)
        survey = _Survey(inputs, database, writer, options, force=force, retry_failed=retry_failed)
        outcome = "interrupted"
        try:
            done = survey.run(n_workers, executor, pool)
            for number, _ in enumerate(done, start=1):
                if progress is not None:
                    progress(number, len(inputs))
            outcome = "done"
        finally:
            report = survey.report(time.monotonic() - started)
            writer.finish(
                n_tiles=report.n_tiles,
                n_epochs=report.n_epochs,
                n_unchanged=report.n_unchanged,
                n_failures=report.n_failures,
                outcome="failures" if report.n_failures and outcome == "done" else outcome,
            )
    return report


class _Survey:
    """One run over many tiles, which remembers how it went."""

    def __init__(
        self,
        inputs: list[_Input],
        database: Database,
        writer: Writer,
        options: Options,
        *,
        force: bool,
        retry_failed: bool,
    ) -> None:
        self._inputs = inputs
        self._database, self._writer, self._options = database, writer, options
        self._force, self._retry_failed = force, retry_failed
        self._receipts: list[Receipt] = []
        self._info_failures: list[Failure] = []

    def run(self, n_workers: int, executor: Executor | None, pool: Executor | None) -> Iterator[None]:
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

    def report(self, seconds: float) -> IngestReport:
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


def _read(path: Path) -> _Input:
    try:
        return _Input(path, read_info_file(path))
    except InfoFileError as error:
        return _Input(path, error)


def _variables(inputs: list[_Input]) -> dict[str, str]:
    """Return the environment variables that the inputs' paths use, folders among them as absolute paths."""
    paths: list[str] = []
    for each in inputs:
        if isinstance(each.content, TileInfo):
            paths += [each.content.image_path, each.content.src_info[0].image_path]
    values = {name: os.environ[name] for name in variables(paths) if name in os.environ}
    return {name: os.path.abspath(value) if Path(value).is_dir() else value for name, value in values.items()}


def _check_inputs(inputs: list[_Input]) -> str:
    """Return the campaign of all inputs, after checking that no two contradict each other."""
    first = inputs[0].path
    tiles: dict[tuple[str, str], Path] = {}
    for each in inputs:
        if campaign_of(each.path) != campaign_of(first):
            raise AmbiguousInputError(
                f"{first} is of campaign {campaign_of(first)}, {each.path} of {campaign_of(each.path)}: "
                "one catalogue is one campaign"
            )
        if isinstance(each.content, TileInfo):
            tile = (each.content.tilename, each.content.band)
            if tile in tiles:
                raise AmbiguousInputError(
                    f"{tiles[tile]} and {each.path} are both of tile {tile[0]}, band {tile[1]}: give one of them"
                )
            tiles[tile] = each.path
    return campaign_of(first)


def _worth_starting(n_workers: int, inputs: list[_Input]) -> int:
    """Return how many workers have enough to do; looks at no more files than it takes to tell."""
    n_bytes = 0
    for each in inputs:
        if isinstance(each.content, TileInfo):
            for entry in (each.content, *each.content.src_info):
                if n_bytes >= n_workers * BYTES_PER_WORKER:
                    return n_workers
                state = file_state(entry.image_path)
                n_bytes += 0 if state is None else state[0]
    return max(1, min(n_workers, n_bytes // BYTES_PER_WORKER))


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
