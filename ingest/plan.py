"""Plan of a tile job: which masks to make and which to copy."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import Enum

from ..schema.bits import BitNames
from ..schema.inputs.fingerprint import FINGERPRINTED, fingerprint
from ..schema.planes.imagefiles import file_state
from ..schema.store.masksroot import MasksRoot
from .infofile import EpochInfo, ImageInfo, TileInfo

__all__ = [
    "Action",
    "EpochKey",
    "Known",
    "KnownTile",
    "Options",
    "Plan",
    "Step",
    "TileTask",
    "epoch_fingerprint",
    "make_plan",
]

EpochKey = tuple[int, int]
"""Key of an epoch: (expnum, ccdnum)."""


@dataclass(frozen=True, slots=True)
class Options:
    """Options that change masks.

    Parameters
    ----------
    wcs_source : str
        Header with an epoch's WCS: ``"image"`` or ``"scamp"``.
    allow_missing_se_seg : bool
        Accept epochs without a segmentation map, as if no pixel were in an object.
    allow_dithered_weights : bool
        Accept weight planes that may have lost their exact zeros.
    """

    wcs_source: str = "image"
    allow_missing_se_seg: bool = False
    allow_dithered_weights: bool = False


class Action(Enum):
    """What to do about a mask."""

    MAKE = "make"
    COPY = "copy"
    SKIP = "skip"  # the same inputs failed before


@dataclass(frozen=True, slots=True)
class Known:
    """A mask in the catalogue."""

    row_group: int
    fingerprint: str
    stale: bool = False


@dataclass(frozen=True, slots=True)
class KnownTile:
    """The catalogue's masks of one tile and band.

    Parameters
    ----------
    generation : int
        Generation of the mask file; 0 if there is none.
    mask_file : str or None
        Mask file, relative to the root.
    coadd, epochs : Known
        Masks in that file.
    """

    generation: int = 0
    mask_file: str | None = None
    coadd: Known | None = None
    epochs: Mapping[EpochKey, Known] = field(default_factory=dict)

    def without(self, name: str) -> "KnownTile":
        """Return the masks without the one named: ``coadd`` or ``expnum/ccdnum``."""
        if name == "coadd":
            return replace(self, coadd=None)
        return replace(self, epochs={key: known for key, known in self.epochs.items() if f"{key[0]}/{key[1]}" != name})


@dataclass(frozen=True, slots=True)
class TileTask:
    """Input of a tile job, small enough to send to a worker.

    Parameters
    ----------
    info_path : str
        The info file.
    info : TileInfo
        Its content.
    root : MasksRoot
        Masks root.
    options : Options
        Options that change masks.
    bit_names : BitNames
        Names of the mask bits, recorded in the mask file.
    known : KnownTile
        The catalogue's masks.
    failed : mapping of str to str or None
        Fingerprints of inputs that failed before, by failure key.
    force : bool
        Make every mask again.
    retry_failed : bool
        Retry inputs that failed before, even if they are unchanged.
    """

    info_path: str
    info: TileInfo
    root: MasksRoot
    options: Options
    bit_names: BitNames
    known: KnownTile = field(default_factory=KnownTile)
    failed: Mapping[str, str | None] = field(default_factory=dict)
    force: bool = False
    retry_failed: bool = False

    def failure_key(self, what: str) -> str:
        """Return the key of a failure, ``<info path>#coadd`` or ``<info path>#expnum/ccdnum``."""
        return f"{self.info_path}#{what}"


@dataclass(frozen=True, slots=True)
class Step:
    """One mask's step in the plan.

    Parameters
    ----------
    name : str
        ``coadd`` or ``expnum/ccdnum``.
    fingerprint : str
        Fingerprint of its inputs as they are now.
    known : Known or None
        The mask in the catalogue.
    action : Action
        What to do.
    """

    name: str
    fingerprint: str
    known: Known | None
    action: Action

    @property
    def changes_nothing(self) -> bool:
        """Whether the row in the catalogue stays as it is."""
        if self.action is Action.COPY:
            return self.known is not None and not self.known.stale
        return self.action is Action.SKIP and (self.known is None or self.known.stale)


@dataclass(frozen=True, slots=True)
class Plan:
    """Plan of a tile job.

    Parameters
    ----------
    coadd : Step
        Step of the coadd's own mask.
    epochs : tuple of (EpochInfo, Step)
        Epochs and their steps, in the info file's order.
    dropped : tuple of (expnum, ccdnum)
        Epochs in the catalogue that the info file no longer lists.
    """

    coadd: Step
    epochs: tuple[tuple[EpochInfo, Step], ...]
    dropped: tuple[EpochKey, ...]

    @property
    def changes_nothing(self) -> bool:
        """Whether the mask file and its rows stay as they are."""
        return not self.dropped and all(step.changes_nothing for step in self.steps)

    @property
    def steps(self) -> list[Step]:
        """The coadd's step, then those of the epochs."""
        return [self.coadd, *(step for _, step in self.epochs)]

    @property
    def needs_coadd(self) -> bool:
        """Whether the coadd's planes must be read."""
        return any(step.action is Action.MAKE for step in self.steps)


def make_plan(task: TileTask) -> Plan:
    """Return the plan of a tile job.

    Parameters
    ----------
    task : TileTask
        The tile, and the catalogue's masks of it.
    """
    of_coadd = _coadd_fingerprint(task.info, task.options)
    epochs = []
    for entry in task.info.src_info:
        of_epoch = epoch_fingerprint(entry, task.options, of_coadd)
        step = _step(task, entry.name, of_epoch, task.known.epochs.get((entry.expnum, entry.ccdnum)))
        epochs.append((entry, step))
    listed = {(entry.expnum, entry.ccdnum) for entry in task.info.src_info}
    return Plan(
        coadd=_step(task, "coadd", of_coadd, task.known.coadd),
        epochs=tuple(epochs),
        dropped=tuple(sorted(set(task.known.epochs) - listed)),
    )


def _step(task: TileTask, name: str, inputs: str, known: Known | None) -> Step:
    failed_unchanged = task.failed.get(task.failure_key(name)) == inputs
    if failed_unchanged and not (task.force or task.retry_failed):
        action = Action.SKIP
    elif known is not None and known.fingerprint == inputs and not (failed_unchanged or task.force):
        action = Action.COPY
    else:
        action = Action.MAKE
    return Step(name, inputs, known, action)


def _coadd_fingerprint(info: TileInfo, options: Options) -> str:
    """Return the fingerprint of a coadd's files, info file values and options."""
    return _digest(info, {"allow_dithered_weights": options.allow_dithered_weights})


def epoch_fingerprint(entry: EpochInfo, options: Options, of_coadd: str) -> str:
    """Return the fingerprint of an epoch, which includes the coadd's, `of_coadd`."""
    # an option that does not affect the epoch must not cause it to be made again
    of_options = asdict(options) | {"allow_missing_se_seg": options.allow_missing_se_seg and not entry.seg_path}
    return _digest(entry, of_options | {"coadd": of_coadd})


def _digest(info: ImageInfo, options: dict[str, object]) -> str:
    paths = [file.path for file in map(info.file, FINGERPRINTED) if file]
    values = info.model_dump(exclude={"src_info"})
    return fingerprint({path: file_state(path) for path in paths}, values, options)
