"""Tile job: from an info file to a mask file and a receipt."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ..schema.errors import MaskFileError, MaskFileUnreadableError
from ..schema.executors import Spread
from ..schema.maskfile import MaskFile, MaskFileWriter
from ..schema.maskfile.filerow import file_row
from ..schema.masks.rle import Runs
from ..schema.rows import EpochFacts, MaskRow
from .images.attempts import EpochJob, Trouble, next_made, try_coadd, try_epoch, try_own_mask
from .images.goodcover import GoodCover
from .images.sourcemask import SourceFiles, SourceMasks
from .infofile import EpochInfo
from .plan import Action, EpochKey, Plan, Step, TileTask, make_plan
from .report import Failure

__all__ = ["Receipt", "StoredRow", "ingest_tile"]

logger = logging.getLogger(__name__)

Mask = tuple[MaskRow, Runs]


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row of a new mask file, and whether its mask was made or copied; a file's own row has no row group."""

    row: MaskRow
    row_group: int | None
    made: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """Result of a tile job.

    Parameters
    ----------
    info_path, tilename, band : str
        Info file, tile and band.
    whole : bool
        Whether the epochs were tried; False if the coadd could not be used.
    mask_file : str or None
        New mask file; None if the previous one remains valid.
    generation : int
        Generation of the tile's mask file after the job; 0 if there is none.
    rows : tuple of StoredRow
        Rows of the new mask file.
    area_good_any_unique : float or None
        Sky area that is good in at least one of its epochs, arcmin^2; see `goodpix.ingest.images.goodcover.GoodCover`.
    failures : tuple of Failure
        Inputs that failed in this job.
    failed_before : tuple of str
        Keys of inputs that failed before and were not retried.
    dropped : tuple of (expnum, ccdnum)
        Epochs that the info file no longer lists.
    n_made, n_unchanged : int
        Numbers of epochs whose masks were made, and of those that were up to date.
    n_pixels : int
        Number of pixels in the masks made.
    n_bytes : int
        Size of the new mask file, bytes.
    seconds, seconds_coadd : float
        Duration of the job, and of reading the coadd.
    """

    info_path: str
    tilename: str
    band: str
    whole: bool
    mask_file: str | None = None
    generation: int = 0
    rows: tuple[StoredRow, ...] = ()
    area_good_any_unique: float | None = None
    failures: tuple[Failure, ...] = ()
    failed_before: tuple[str, ...] = ()
    dropped: tuple[EpochKey, ...] = ()
    n_made: int = 0
    n_unchanged: int = 0
    n_pixels: int = 0
    n_bytes: int = 0
    seconds: float = 0.0
    seconds_coadd: float = 0.0


def ingest_tile(task: TileTask, spread: Spread = map, scratch: Path | None = None) -> Receipt:
    """Make the missing masks of a tile, copy the others, and write a new mask file if anything changed.

    The failure of an epoch is recorded in the receipt and affects no other epoch. The failure of the coadd ends
    the job, and the tile's masks stay as they are.

    Parameters
    ----------
    task : TileTask
        The tile.
    spread : Spread
        Runs the epochs, and the parts of the coadd: the built-in ``map``, or one over worker processes. The
        mask file is the same.
    scratch : Path, optional
        Folder in which worker processes find the coadd's flags.

    Raises
    ------
    OSError
        If the mask file cannot be written, or the previous one cannot be read for the moment.
    """
    started = time.monotonic()
    previous = _open_previous(task)
    if previous is None and task.known.mask_file is not None:
        task = replace(task, known=replace(task.known, coadd=None, epochs={}), plan=None)
    receipt = _ingest(task, previous, spread, scratch)
    if isinstance(receipt, _LostMask) and previous is not None:
        receipt = _ingest(_without_lost(task, previous), previous, spread, scratch)
    if isinstance(receipt, _LostMask):
        raise receipt.error
    return replace(receipt, seconds=time.monotonic() - started)


def _ingest(task: TileTask, previous: MaskFile | None, spread: Spread, scratch: Path | None) -> "Receipt | _LostMask":
    """Run a tile job; stop at the first mask that cannot be copied."""
    plan = task.plan or make_plan(task)
    receipt = Receipt(
        task.info_path,
        task.info.tilename,
        task.info.band,
        whole=plan.coadd is None or plan.coadd.action is not Action.SKIP,
        generation=task.known.generation,
        failed_before=tuple(task.failure_key(step.name) for step in plan.steps if step.action is Action.SKIP),
        n_unchanged=sum(step.action is Action.COPY for _, step in plan.epochs),
    )
    if plan.changes_nothing or not receipt.whole:
        return receipt
    if previous is not None and any(step.action is Action.COPY for step in plan.steps):
        previous = previous.fetched()
    of_coadd: Mask | None = None
    made: Iterator[Mask | Trouble] = iter(())
    if plan.makes_masks:
        started = time.monotonic()
        coadd = None if plan.coadd is None else try_coadd(task.info, task.options, spread, scratch)
        receipt = replace(receipt, seconds_coadd=time.monotonic() - started)
        if isinstance(coadd, Trouble):
            return _without_coadd(task, plan, receipt, coadd)
        for_epochs, own_file = None if coadd is None else coadd.for_epochs, task.known.mask_file
        files = SourceFiles(task.root, {own_file: previous} if own_file else None)
        jobs = (
            EpochJob(
                entry,
                for_epochs,
                task.options,
                step.fingerprint,
                SourceMasks(files, task.sources_of(entry)),
                overlap=spread is map,
            )
            for entry, step in plan.epochs
            if step.action is Action.MAKE
        )
        # worker processes start on the epochs while this one makes the coadd's own mask
        made = spread(try_epoch, jobs)
        if plan.coadd is not None and coadd is not None and plan.coadd.action is Action.MAKE:
            own = try_own_mask(coadd, plan.coadd)
            if isinstance(own, Trouble):
                return _without_coadd(task, plan, receipt, own)
            of_coadd = own
        # frees the data of the coadd's own mask, which is as large as its flags
        del coadd
    return _write(task, plan, receipt, _Sources(previous, of_coadd, made))


def _without_coadd(task: TileTask, plan: Plan, receipt: Receipt, trouble: Trouble) -> Receipt:
    """Return the receipt of a tile whose coadd cannot be used."""
    failures = () if plan.coadd is None else (_failure(task, plan.coadd, trouble, None),)
    return replace(receipt, whole=False, failures=failures, failed_before=(), n_unchanged=0)


@dataclass(frozen=True, slots=True)
class _Sources:
    """Sources of the masks in a new file; `made` follows the order of the plan's epochs."""

    previous: MaskFile | None
    of_coadd: Mask | None
    made: Iterator[Mask | Trouble]


def _write(task: TileTask, plan: Plan, receipt: Receipt, sources: _Sources) -> "Receipt | _LostMask":
    """Write every mask to a new file; keep it only if it differs from the previous one."""
    rows: list[StoredRow] = []
    failures: list[Failure] = []
    changed = task.force or bool(plan.dropped) or sources.of_coadd is not None
    changed |= any(step.changes_files or step.moved for step in plan.steps)
    generation = task.known.generation + 1
    with _writer(task, generation) as writer:
        of_coadd = None
        if plan.coadd is None:
            row = file_row(receipt.tilename, receipt.band, task.options.profile, task.options.segmentation)
            rows.append(StoredRow(row, None, made=True))
        else:
            kept_or_made = sources.of_coadd or _copy(task, sources.previous, plan.coadd)
            if isinstance(kept_or_made, _LostMask):
                return kept_or_made
            of_coadd = kept_or_made
        cover = GoodCover.of(of_coadd and of_coadd[0])

        def add(mask: Mask, *, made: bool) -> None:
            rows.append(StoredRow(mask[0], writer.add(*mask), made))
            cover.add(*mask)

        if of_coadd is not None:
            add(of_coadd, made=sources.of_coadd is not None)
        for entry, step in plan.epochs:
            if step.action is Action.MAKE:
                made = next_made(sources.made)
                if not isinstance(made, Trouble):
                    changed = True
                    add(_listed(made, step), made=True)
                    continue
                failures.append(_failure(task, step, made, entry))
            # a failed epoch keeps its last good mask, marked stale
            stale = step.action is not Action.COPY
            kept = _copy(task, sources.previous, step, stale=stale)
            if isinstance(kept, _LostMask):
                return kept
            if kept is not None and step.known is not None:
                changed |= stale != step.known.stale
                add(kept, made=False)
        receipt = replace(receipt, failures=tuple(failures))
        if not changed:
            return receipt
        mask_file = writer.finish(cover.area)
    of_epochs = [each.row for each in rows if each.made and each.row.key.kind == "epoch"]
    return replace(
        receipt,
        mask_file=mask_file,
        generation=generation,
        rows=tuple(rows),
        area_good_any_unique=cover.area,
        dropped=plan.dropped,
        n_made=len(of_epochs),
        n_pixels=sum(row.nx * row.ny for row in of_epochs),
        n_bytes=writer.n_bytes,
    )


def _writer(task: TileTask, generation: int) -> MaskFileWriter:
    options = task.options
    return MaskFileWriter(
        task.root,
        task.info.tilename,
        task.info.band,
        generation,
        task.bit_names,
        profile=options.profile,
        segmentation=options.segmentation,
        has_coadd=task.info.has_coadd,
    )


@dataclass(frozen=True, slots=True)
class _LostMask:
    """Mask of the catalogue that cannot be copied: it is unreadable, or its row group contains another mask."""

    error: MaskFileError


def _open_previous(task: TileTask) -> MaskFile | None:
    """Open the catalogue's mask file of the tile; return None if there is none or it cannot be read."""
    if task.known.mask_file is None:
        return None
    try:
        return MaskFile.open(task.root.path(task.known.mask_file))
    except MaskFileUnreadableError:
        raise  # made again, it would lose the masks of epochs that cannot be made any more
    except MaskFileError as error:
        logger.warning("%s %s: making all masks again: %s", task.info.tilename, task.info.band, error)
        return None


def _without_lost(task: TileTask, previous: MaskFile) -> TileTask:
    """Return the task without those known masks that cannot be copied."""
    for step in make_plan(task).steps:
        lost = _copy(task, previous, step)
        if isinstance(lost, _LostMask):
            logger.warning("%s %s: %s: %s", task.info.tilename, task.info.band, step.name, lost.error)
            task = replace(task, known=task.known.without(step.name), plan=None)
    return task


def _copy(task: TileTask, previous: MaskFile | None, step: Step, *, stale: bool = False) -> Mask | _LostMask | None:
    """Return a mask of the previous file; None if the catalogue has none."""
    if previous is None or step.known is None:
        return None
    try:
        row, runs = previous.row(step.known.row_group), previous.runs(step.known.row_group)
    except MaskFileUnreadableError:
        raise
    except MaskFileError as error:
        return _LostMask(error)
    identity = (row.key.tilename, row.key.band, row.key.name, row.facts.fingerprint)
    if identity != (task.info.tilename, task.info.band, step.name, step.known.fingerprint):
        return _LostMask(
            MaskFileError(f"{previous.path}: row group {step.known.row_group} holds another mask, of {row.key}")
        )
    facts = row.facts if step.files is None else replace(row.facts, files=step.files)
    if isinstance(facts, EpochFacts):
        facts = replace(facts, stale=stale)
    return _listed((replace(row, facts=facts), runs), step)


def _listed(mask: Mask, step: Step) -> Mask:
    """Return an epoch's mask with its index in the info file; another mask as it is."""
    row, runs = mask
    if isinstance(row.facts, EpochFacts):
        row = replace(row, facts=replace(row.facts, src_index=step.src_index))
    return row, runs


def _failure(task: TileTask, step: Step, trouble: Trouble, entry: EpochInfo | None) -> Failure:
    return Failure(
        key=task.failure_key(step.name),
        path=task.info_path,
        error_type=trouble.error_type,
        message=trouble.message,
        tilename=task.info.tilename,
        band=task.info.band,
        expnum=entry.expnum if entry else None,
        ccdnum=entry.ccdnum if entry else None,
        fingerprint=step.fingerprint if trouble.of_inputs else None,
    )
