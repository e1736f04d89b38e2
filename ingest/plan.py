"""The plan of a tile job: which masks to make, which to copy."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import Enum

from ..schema.bits import BitNames
from ..schema.fingerprint import FINGERPRINTED, fingerprint
from ..schema.planes.files import file_state
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
"""(expnum, ccdnum)"""


@dataclass(frozen=True, slots=True)
class Options:
    """What changes masks besides the inputs.

    Parameters
    ----------
    wcs_source : str
        ``"image"`` or ``"scamp"``: where an epoch's coordinates come from.
    allow_missing_se_seg : bool
        Whether an epoch without a segmentation map is taken, with no pixel in an object.
    allow_dithered_weights : bool
        Whether a weight plane that lost its exact zeros is taken as it is.
    """

    wcs_source: str = "image"
    allow_missing_se_seg: bool = False
    allow_dithered_weights: bool = False


class Action(Enum):
    """What to do about one mask."""

    MAKE = "make"
    COPY = "copy"
    SKIP = "skip"  # the same inputs have failed before


@dataclass(frozen=True, slots=True)
class Known:
    """A mask that the catalogue has already."""

    row_group: int
    fingerprint: str
    stale: bool = False


@dataclass(frozen=True, slots=True)
class KnownTile:
    """The masks that the catalogue has of a tile and band.

    Parameters
    ----------
    generation : int
        Of their mask file; 0 where there is none.
    mask_file : str or None
        That file, relative to the root.
    coadd, epochs : Known
        The masks in it.
    """

    generation: int = 0
    mask_file: str | None = None
    coadd: Known | None = None
    epochs: Mapping[EpochKey, Known] = field(default_factory=dict)

    def without(self, name: str) -> "KnownTile":
        """Return the same but for one mask: ``coadd`` or ``expnum/ccdnum``."""
        if name == "coadd":
            return replace(self, coadd=None)
        return replace(self, epochs={key: known for key, known in self.epochs.items() if f"{key[0]}/{key[1]}" != name})


@dataclass(frozen=True, slots=True)
class TileTask:
    """What the tile job needs; small enough to travel to a worker.

    Parameters
    ----------
    info_path : str
        The info file.
    info : TileInfo
        What it says.
    root : MasksRoot
        Where mask files go.
    options : Options
        What changes masks besides the inputs.
    bit_names : BitNames
        Recorded in the mask file.
    known : KnownTile
        The masks that the catalogue has.
    failed : mapping of str to str or None
        Fingerprints of what failed before, by failure key.
    force : bool
        Make every mask again.
    retry_failed : bool
        Try what failed again, though nothing has changed.
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
        """Return the key of a failure: info path # expnum/ccdnum or coadd."""
        return f"{self.info_path}#{what}"


@dataclass(frozen=True, slots=True)
class Step:
    """What to do about one mask.

    Parameters
    ----------
    name : str
        ``coadd`` or ``expnum/ccdnum``.
    fingerprint : str
        Of its inputs as they are now.
    known : Known or None
        The catalogue's mask of it.
    action : Action
        What to do.
    """

    name: str
    fingerprint: str
    known: Known | None
    action: Action

    @property
    def changes_nothing(self) -> bool:
        """Whether the catalogue's row stays as it is."""
        if self.action is Action.COPY:
            return self.known is not None and not self.known.stale
        return self.action is Action.SKIP and (self.known is None or self.known.stale)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a tile job is to do.

    Parameters
    ----------
    coadd : Step
        The coadd's own mask.
    epochs : tuple of (EpochInfo, Step)
        The epochs, in the info file's order.
    dropped : tuple of (expnum, ccdnum)
        Epochs of the catalogue that the info file no longer lists.
    """

    coadd: Step
    epochs: tuple[tuple[EpochInfo, Step], ...]
    dropped: tuple[EpochKey, ...]

    @property
    def changes_nothing(self) -> bool:
        """Whether mask file and rows stay as they are."""
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
    """Return what is to be done of a tile.

    Parameters
    ----------
    task : TileTask
        The tile, and what the catalogue has of it.
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
    failed_alike = task.failed.get(task.failure_key(name)) == inputs
    if failed_alike and not (task.force or task.retry_failed):
        action = Action.SKIP
    elif known is not None and known.fingerprint == inputs and not (failed_alike or task.force):
        action = Action.COPY
    else:
        action = Action.MAKE
    return Step(name, inputs, known, action)


def _coadd_fingerprint(info: TileInfo, options: Options) -> str:
    """Return the fingerprint of a coadd: of its files, its info values and the options."""
    return _digest(info, {"allow_dithered_weights": options.allow_dithered_weights})


def epoch_fingerprint(entry: EpochInfo, options: Options, of_coadd: str) -> str:
    """Return the fingerprint of an epoch; it changes with the coadd's, `of_coadd`."""
    # an option that does not matter to the epoch is no reason to make it again
    of_options = asdict(options) | {"allow_missing_se_seg": options.allow_missing_se_seg and not entry.seg_path}
    return _digest(entry, of_options | {"coadd": of_coadd})


def _digest(info: ImageInfo, options: dict[str, object]) -> str:
    paths = [file.path for file in map(info.file, FINGERPRINTED) if file]
    values = info.model_dump(exclude={"src_info"})
    return fingerprint({path: file_state(path) for path in paths}, values, options)
