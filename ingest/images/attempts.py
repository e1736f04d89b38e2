"""Attempts to make masks, of which one that fails never ends a survey job."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...schema.errors import WorkerLostError, interruption, may_pass
from ...schema.executors import Spread
from ...schema.masks.rle import Runs
from ...schema.printable import one_line
from ...schema.rows import MaskRow
from ..infofile import EpochInfo, TileInfo
from ..plan import Options, Step
from .coadd import Coadd, ReadCoadd, read_coadd
from .epoch import make_epoch_mask
from .sourcemask import SourceMasks

__all__ = ["EpochJob", "Trouble", "next_made", "try_coadd", "try_epoch", "try_own_mask"]

logger = logging.getLogger(__name__)

Mask = tuple[MaskRow, Runs]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Reason why a mask could not be made: an error that can be sent between processes.

    Parameters
    ----------
    error_type, message : str
        Type of the error, and its message in one line.
    of_inputs : bool
        Whether the same inputs would fail again; a full disk or a missing permission, for instance, may not recur.
    """

    error_type: str
    message: str
    of_inputs: bool

    @classmethod
    def of(cls, error: Exception) -> "Trouble":
        """Describe an exception; one behind which there is an interrupt is no reason, and that is raised again."""
        if (stop := interruption(error)) is not None:
            raise stop
        logger.debug("traceback", exc_info=error)
        return cls(type(error).__name__, one_line(error), not may_pass(error))


@dataclass(frozen=True, slots=True, eq=False)
class EpochJob:
    """One epoch, as sent to a worker; `overlap` is False where other epochs fill the cores."""

    entry: EpochInfo
    coadd: Coadd | None
    options: Options
    fingerprint: str
    sources: SourceMasks
    overlap: bool


def try_epoch(job: EpochJob) -> Mask | Trouble:
    """Return the mask of an epoch, or why it could not be made."""
    try:
        made = make_epoch_mask(job.entry, job.coadd, job.options, job.fingerprint, job.sources, overlap=job.overlap)
        return _checked(made)
    except Exception as error:  # noqa: BLE001  # one bad epoch never ends a survey job
        return Trouble.of(error)


def next_made(made: Iterator[Mask | Trouble]) -> Mask | Trouble:
    """Return the next mask made, or why it could not be made."""
    try:
        return next(made)
    except WorkerLostError as error:
        return Trouble.of(error)


def try_coadd(info: TileInfo, options: Options, spread: Spread, scratch: Path | None) -> ReadCoadd | Trouble:
    """Return the coadd, or why it cannot be used."""
    try:
        return read_coadd(info, options, spread=spread, scratch=scratch)
    except Exception as error:  # noqa: BLE001  # one bad coadd never ends a survey job
        return Trouble.of(error)


def try_own_mask(coadd: ReadCoadd, step: Step) -> Mask | Trouble:
    """Return the coadd's own mask, or why it could not be made."""
    try:
        return _checked(coadd.own_mask(step.fingerprint))
    except Exception as error:  # noqa: BLE001  # as above
        return Trouble.of(error)


def _checked(mask: Mask) -> Mask:
    """Return a mask after checking its row: a number that JSON cannot express fails here, for this mask alone."""
    _ = mask[0].record
    return mask
