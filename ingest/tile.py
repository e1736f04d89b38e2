"""The tile job: from an info file to a mask file and a receipt."""

import logging
from dataclasses import dataclass, replace

from ..schema.errors import MaskFileError
from ..schema.maskfile import MaskFile, MaskFileWriter
from ..schema.rle import Runs
from ..schema.rows import EpochFacts, MaskRow
from .coadd import Coadd, make_coadd_mask, read_coadd
from .epoch import make_epoch_mask
from .infofile import EpochInfo
from .plan import Action, EpochKey, Known, Plan, Step, TileTask, make_plan

__all__ = ["Failure", "Receipt", "StoredRow", "ingest_tile"]

logger = logging.getLogger(__name__)

Mask = tuple[MaskRow, Runs]


@dataclass(frozen=True, slots=True)
class Failure:
    """One input that failed."""

    key: str
    path: str
    error_type: str
    message: str
    tilename: str | None = None
    band: str | None = None
    expnum: int | None = None
    ccdnum: int | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class StoredRow:
    """One row of a new mask file, and whether its mask was made now or copied."""

    row: MaskRow
    row_group: int
    made: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a tile job did.

    Parameters
    ----------
    info_path, tilename, band : str
        Which tile.
    whole : bool
        Whether the job came to the epochs: False when the coadd could not be used.
    mask_file : str or None
        The new mask file; None when the last one still holds.
    generation : int
        Its generation.
    rows : tuple of StoredRow
        What it holds.
    failures : tuple of Failure
        What failed now.
    failed_before : tuple of str
        Keys of what failed before and was not tried again.
    dropped : tuple of (expnum, ccdnum)
        Epochs that the info file no longer lists.
    n_unchanged : int
        Epochs that were up to date.
    """

    info_path: str
    tilename: str
    band: str
    whole: bool
    mask_file: str | None = None
    generation: int = 0
    rows: tuple[StoredRow, ...] = ()
    failures: tuple[Failure, ...] = ()
    failed_before: tuple[str, ...] = ()
    dropped: tuple[EpochKey, ...] = ()
    n_unchanged: int = 0

    @property
    def n_made(self) -> int:
        """Epochs whose masks were made."""
        return sum(each.made for each in self.rows if each.row.key.kind == "epoch")


def ingest_tile(task: TileTask) -> Receipt:
    """Make what is missing of a tile's masks, copy the rest, and write a new mask file if need be.

    A failure of one epoch is in the receipt and stops nothing; one of the coadd stops the tile.

    Raises
    ------
    OSError
        If the mask file cannot be written.
    """
    previous = _open_previous(task)
    plan = make_plan(task, previous_usable=previous is not None)
    skipped = tuple(task.failure_key(step.name) for step in plan.steps if step.action is Action.SKIP)
    n_copied = sum(step.action is Action.COPY for _, step in plan.epochs)
    receipt = Receipt(
        task.info_path,
        task.info.tilename,
        task.info.band,
        whole=plan.coadd.action is not Action.SKIP,
        failed_before=skipped,
        n_unchanged=n_copied,
    )
    if plan.changes_nothing or not receipt.whole:
        return receipt
    coadd = None
    if plan.needs_coadd:
        try:
            coadd = read_coadd(task.info, task.options)
        except Exception as error:  # noqa: BLE001  # whatever a file does to its reader, the survey goes on
            failure = _failure(task, plan.coadd, error, None)
            return replace(receipt, whole=False, failures=(failure,), failed_before=(), n_unchanged=0)
    try:
        return _write(task, plan, previous, coadd, receipt)
    except MaskFileError as error:
        logger.warning("%s: every mask is made again", error)
        return ingest_tile(replace(task, mask_file=None))


def _write(task: TileTask, plan: Plan, previous: MaskFile | None, coadd: Coadd | None, receipt: Receipt) -> Receipt:
    """Write every mask into a new file; keep it only if it differs from the last one."""
    rows: list[StoredRow] = []
    failures: list[Failure] = []
    generation = task.generation + 1
    changed = task.force or bool(plan.dropped) or plan.coadd.action is Action.MAKE
    with MaskFileWriter(task.root, task.info.tilename, task.info.band, generation, task.bit_names) as writer:
        mask: Mask | None
        if plan.coadd.action is Action.MAKE and coadd is not None:
            mask = make_coadd_mask(coadd, task.info, plan.coadd.fingerprint)
        else:
            mask = _copy(previous, plan.coadd.known)
        if mask is not None:
            rows.append(StoredRow(mask[0], writer.add(*mask), plan.coadd.action is Action.MAKE))
        for entry, step in plan.epochs:
            made = None
            if step.action is Action.MAKE and coadd is not None:
                try:
                    made = make_epoch_mask(entry, coadd, task.options, step.fingerprint)
                except Exception as error:  # noqa: BLE001  # one bad epoch never ends a survey job
                    failures.append(_failure(task, step, error, entry))
            # the last good mask of a failed epoch stays, and says that it is not the newest
            mask = made or _copy(previous, step.known, stale=step.action is not Action.COPY)
            if mask is not None:
                rows.append(StoredRow(mask[0], writer.add(*mask), made is not None))
                changed |= made is not None or _is_stale(mask) != (step.known and step.known.stale)
        receipt = replace(receipt, failures=tuple(failures))
        if not changed:
            return receipt
        return replace(
            receipt,
            mask_file=writer.finish(),
            generation=generation,
            rows=tuple(rows),
            dropped=plan.dropped,
        )


def _open_previous(task: TileTask) -> MaskFile | None:
    """Return the catalogue's mask file of the tile; None where there is none that can be read."""
    if task.mask_file is None:
        return None
    try:
        return MaskFile.open(task.root.path(task.mask_file))
    except MaskFileError as error:
        logger.warning("%s: every mask is made again", error)
        return None


def _copy(previous: MaskFile | None, known: Known | None, *, stale: bool = False) -> Mask | None:
    """Return a mask of the last file; None where it has none that can be read."""
    if previous is None or known is None:
        return None
    row = previous.row(known.row_group)
    if isinstance(row.facts, EpochFacts):
        row = replace(row, facts=replace(row.facts, stale=stale))
    return row, previous.runs(known.row_group)


def _is_stale(mask: Mask) -> bool:
    facts = mask[0].facts
    return isinstance(facts, EpochFacts) and facts.stale


def _failure(task: TileTask, step: Step, error: Exception, entry: EpochInfo | None) -> Failure:
    message = " ".join(str(error).split()) or type(error).__name__
    logger.warning("%s %s: %s: %s", task.info.tilename, task.info.band, step.name, message)
    logger.debug("the error in full", exc_info=error)
    return Failure(
        key=task.failure_key(step.name),
        path=task.info_path,
        error_type=type(error).__name__,
        message=message,
        tilename=task.info.tilename,
        band=task.info.band,
        expnum=entry.expnum if entry else None,
        ccdnum=entry.ccdnum if entry else None,
        fingerprint=step.fingerprint,
    )
