"""The survey job: many info files into one catalogue."""

import logging
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from ..schema.bits import DES_Y6, BitNames
from ..schema.database import Database, open_for_writing
from ..schema.errors import AmbiguousInputError, InfoFileError, UsageError
from ..schema.fitsplanes import variables
from .fingerprint import Options
from .infofile import TileInfo, campaign_of, find_info_files, read_info_file
from .plan import TileTask
from .tile import Failure, Receipt, ingest_tile
from .writer import Writer

__all__ = ["IngestReport", "ingest_tiles"]

logger = logging.getLogger(__name__)

PathLike = str | os.PathLike[str]
Progress = Callable[[int, int], None]


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
    with open_for_writing(db, masks=masks, campaign=campaign, wcs_source=wcs_source, bit_names=bit_names) as database:
        writer = Writer(database, arguments)
        survey = _Survey(database, writer, options, force=force, retry_failed=retry_failed)
        outcome = "interrupted"
        try:
            for number, each in enumerate(inputs, start=1):
                survey.take(each)
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
    """One run over many tiles: does one after the other and remembers how it went."""

    def __init__(
        self, database: Database, writer: Writer, options: Options, *, force: bool, retry_failed: bool
    ) -> None:
        self._database, self._writer, self._options = database, writer, options
        self._force, self._retry_failed = force, retry_failed
        self._receipts: list[Receipt] = []
        self._info_failures: list[Failure] = []

    def take(self, each: _Input) -> None:
        """Do one tile, or record that its info file cannot be used."""
        if isinstance(each.content, TileInfo):
            self._receipts.append(_run(self._task(each.path, each.content), self._writer))
        else:
            self._info_failures.append(_info_failure(each.path, each.content, self._writer))

    def report(self, seconds: float) -> IngestReport:
        """Return what was done so far."""
        receipts = self._receipts
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


def _run(task: TileTask, writer: Writer) -> Receipt:
    """Do one tile and load its receipt."""
    started = time.monotonic()
    try:
        receipt = ingest_tile(task)
    except Exception as error:  # noqa: BLE001  # the disk is full, say: the old masks hold, other tiles go on
        receipt = _lost(task, error)
    writer.commit(receipt)
    logger.info(
        "%s %s: %d epochs made, %d up to date, %d failed, %.1f s",
        receipt.tilename,
        receipt.band,
        receipt.n_made,
        receipt.n_unchanged,
        len(receipt.failures) + len(receipt.failed_before),
        time.monotonic() - started,
    )
    for expnum, ccdnum in receipt.dropped:
        logger.warning(
            "%s %s: epoch %d/%d is dropped: the info file no longer lists it",
            receipt.tilename,
            receipt.band,
            expnum,
            ccdnum,
        )
    return receipt


def _lost(task: TileTask, error: Exception) -> Receipt:
    message = f"no new mask file could be written: {' '.join(str(error).split()) or type(error).__name__}"
    logger.warning("%s %s: %s", task.info.tilename, task.info.band, message)
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
