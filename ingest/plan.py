"""Plan of a tile job: which masks to make and which to copy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from ..schema.bits import BitNames
from ..schema.inputs.fingerprint import fingerprint
from ..schema.inputs.recordedfiles import SE_PLANES, RecordedFile, State, files_column, recorded_files
from ..schema.planes.imagefiles import planes_column
from ..schema.store.masksroot import MasksRoot
from .infofile import EpochInfo, ImageInfo, TileInfo
from .inputs import compare_files, file_states, input_paths, supposed_states
from .options import Options

__all__ = [
    "Action",
    "EpochKey",
    "Known",
    "KnownTile",
    "Options",
    "Plan",
    "SourceMask",
    "Step",
    "TileTask",
    "make_plan",
    "plan_unless_made",
    "se_fingerprint",
]

EpochKey = tuple[int, int]
"""Key of an epoch: (expnum, ccdnum)."""


class Action(Enum):
    """Treatment of a mask by a tile job."""

    MAKE = "make"
    COPY = "copy"
    SKIP = "skip"  # the same inputs failed before


@dataclass(frozen=True, slots=True)
class Known:
    """A mask in the catalogue; `files` and `src_index` are the columns of these names, None in older files."""

    row_group: int
    fingerprint: str
    stale: bool = False
    files: str | None = None
    src_index: int | None = None


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
class SourceMask:
    """Place of a mask whose single-epoch flags may replace the planes of the same CCD image.

    Parameters
    ----------
    mask_file : str
        Its mask file, relative to the root.
    row_group : int
        Its row group in that file.
    """

    mask_file: str
    row_group: int


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
    sources : mapping of (expnum, ccdnum) to tuple of SourceMask
        The catalogue's masks of the tile's CCD images, in this tile and others; none to read the files instead.
    plan : Plan, optional
        The plan, if the run has found that nothing is to be made; by default the job makes it.
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
    sources: Mapping[EpochKey, tuple[SourceMask, ...]] = field(default_factory=dict)
    plan: "Plan | None" = None
    force: bool = False
    retry_failed: bool = False

    def failure_key(self, what: str) -> str:
        """Return the key of a failure, ``<info path>#coadd`` or ``<info path>#expnum/ccdnum``."""
        return f"{self.info_path}#{what}"

    def sources_of(self, entry: EpochInfo) -> tuple[SourceMask, ...]:
        """Return the catalogue's masks of an epoch's CCD image."""
        return self.sources.get((entry.expnum, entry.ccdnum), ())


@dataclass(frozen=True, slots=True)
class Step:
    """One mask's step in the plan.

    Parameters
    ----------
    name : str
        ``coadd`` or ``expnum/ccdnum``.
    fingerprint : str
        Fingerprint of its inputs as they are now; that of a mask to copy stays, even if its files were copied.
    known : Known or None
        The mask in the catalogue.
    action : Action
        What to do.
    files : str or None
        For a mask to copy, its column ``files``, with the present modification times.
    src_index : int or None
        Index of the epoch in the info file; None without one, and for a coadd.
    """

    name: str
    fingerprint: str
    known: Known | None
    action: Action
    files: str | None = None
    src_index: int | None = None

    @property
    def changes_files(self) -> bool:
        """True if the modification times in the column ``files`` of a mask to copy have changed."""
        return self.files is not None and self.known is not None and self.files != self.known.files

    @property
    def moved(self) -> bool:
        """True if the epoch has another index in the info file than the catalogue records.

        An index that older software has not recorded is no reason to write 8 million masks again.
        """
        return self.known is not None and self.known.src_index not in (None, self.src_index)

    @property
    def changes_nothing(self) -> bool:
        """True if the row in the catalogue stays unchanged."""
        if self.moved:
            return False
        if self.action is Action.COPY:
            return self.known is not None and not self.known.stale and not self.changes_files
        return self.action is Action.SKIP and (self.known is None or self.known.stale)


@dataclass(frozen=True, slots=True)
class Plan:
    """Plan of a tile job.

    Parameters
    ----------
    coadd : Step or None
        Step of the coadd's own mask; None if there is no coadd.
    epochs : tuple of (EpochInfo, Step)
        Epochs and their steps, in the info file's order.
    dropped : tuple of (expnum, ccdnum)
        Epochs in the catalogue that the info file no longer lists.
    """

    coadd: Step | None
    epochs: tuple[tuple[EpochInfo, Step], ...]
    dropped: tuple[EpochKey, ...]

    @property
    def changes_nothing(self) -> bool:
        """True if the mask file and its rows stay unchanged."""
        return not self.dropped and all(step.changes_nothing for step in self.steps)

    @property
    def steps(self) -> list[Step]:
        """The coadd's step, if there is one, then those of the epochs."""
        return [*([] if self.coadd is None else [self.coadd]), *(step for _, step in self.epochs)]

    @property
    def makes_masks(self) -> bool:
        """True if a mask is to be made, for which the coadd's planes must be read."""
        return any(step.action is Action.MAKE for step in self.steps)


def make_plan(task: TileTask) -> Plan:
    """Return the plan of a tile job.

    Parameters
    ----------
    task : TileTask
        The tile, and the catalogue's masks of it.
    """
    return _plan(task, _Look(file_states, compare_files))


def plan_unless_made(task: TileTask, states: Mapping[str, State]) -> Plan | None:
    """Return the plan of a tile job if the states of the input files tell that nothing is to be made, else None.

    No file is read: None as well if a file must be compared with what is recorded of it.

    Parameters
    ----------
    task : TileTask
        The tile, and the catalogue's masks of it.
    states : mapping of str to State
        State of each of its input files, by path.
    """
    plan = _plan(task, _Look(lambda info: {path: states[path] for path in input_paths(info)}, _if_same_states))
    return None if plan.makes_masks else plan


@dataclass(frozen=True, slots=True)
class _Look:
    """Functions that return the states of an image's files, and their records if the files have not changed."""

    states: Callable[[ImageInfo], Mapping[str, State]]
    compare: Callable[[ImageInfo, Mapping[str, RecordedFile], Mapping[str, State]], Mapping[str, RecordedFile] | None]


def _if_same_states(
    _info: ImageInfo, recorded: Mapping[str, RecordedFile], states: Mapping[str, State]
) -> Mapping[str, RecordedFile] | None:
    return recorded if all(states.get(path) == file.state for path, file in recorded.items()) else None


def _plan(task: TileTask, look: _Look) -> Plan:
    known = task.known
    coadd = None
    if task.info.has_coadd:
        coadd = _step(task, "coadd", task.info, _coadd_options(task.options), known.coadd, look)
    epochs = []
    for index, entry in enumerate(task.info.src_info):
        of_epoch = known.epochs.get((entry.expnum, entry.ccdnum))
        options = _epoch_options(entry, task.options, None if coadd is None else coadd.fingerprint)
        step = _step(task, entry.name, entry, options, of_epoch, look)
        epochs.append((entry, replace(step, src_index=index if task.info.lists_epochs else None)))
    listed = {(entry.expnum, entry.ccdnum) for entry in task.info.src_info}
    return Plan(coadd, tuple(epochs), dropped=tuple(sorted(set(known.epochs) - listed)))


def _step(
    task: TileTask, name: str, info: ImageInfo, options: dict[str, object], known: Known | None, look: _Look
) -> Step:
    states = look.states(info)
    failed = task.failed.get(task.failure_key(name))
    if known is not None and known.files is not None and failed is None and not task.force:
        files = _files_if_unchanged(info, states, options, known.fingerprint, known.files, look)
        if files is not None:
            return Step(name, known.fingerprint, known, Action.COPY, files)
        return Step(name, _digest(info, states, options), known, Action.MAKE)
    inputs = _digest(info, states, options)
    failed_unchanged = failed == inputs
    if failed_unchanged and not (task.force or task.retry_failed):
        return Step(name, inputs, known, Action.SKIP)
    if known is not None and not (failed_unchanged or task.force):
        if known.files is None:
            if known.fingerprint == inputs:
                return Step(name, inputs, known, Action.COPY)
        elif (files := _files_if_unchanged(info, states, options, known.fingerprint, known.files, look)) is not None:
            return Step(name, known.fingerprint, known, Action.COPY, files)
    return Step(name, inputs, known, Action.MAKE)


def _files_if_unchanged(
    info: ImageInfo, states: Mapping[str, State], options: dict[str, object], known: str, files: str, look: _Look
) -> str | None:
    """Return the column ``files`` with the present modification times; None if the inputs of a mask have changed.

    Parameters
    ----------
    info : ImageInfo
        The info file's entry for the image.
    states : mapping of str to State
        Present states of its files.
    options : dict
        Options that affect the mask.
    known, files : str
        Fingerprint and column ``files`` of the mask.
    look : _Look
        Compares files.
    """
    recorded = recorded_files(files, info.files)
    if _digest(info, supposed_states(recorded, states), options) != known:
        return None
    now = look.compare(info, recorded, states)
    if now is None:
        return None
    return files if now is recorded else files_column(now, info.files)


def _coadd_options(options: Options) -> dict[str, object]:
    """Return the options that affect a coadd's own mask."""
    names = ("allow_dithered_weights", "allow_damaged", "profile")
    return {name: value for name, value in options.fingerprinted.items() if name in names}


def _epoch_options(entry: EpochInfo, options: Options, of_coadd: str | None) -> dict[str, object]:
    """Return the options that affect an epoch's mask, and its coadd's fingerprint, None without a coadd."""
    # an option that does not affect the epoch must not cause it to be made again
    made = options.segment is not None and not entry.seg_path
    return options.fingerprinted | {
        "allow_missing_se_seg": options.allow_missing_se_seg and not entry.seg_path,
        "coadd": of_coadd,
        **({"segment": str(options.segment)} if made else {}),
    }


def se_fingerprint(entry: EpochInfo, options: Options, states: Mapping[str, State]) -> str:
    """Return the fingerprint of an epoch's single-epoch inputs, equal in all tiles that contain the CCD image.

    Parameters
    ----------
    entry : EpochInfo
        The info file's entry. Only the CCD image and the files of its planes count, for no other value affects them.
    options : Options
        Options that affect masks; the WCS source does not affect single-epoch planes.
    states : mapping of str to State
        States of the epoch's files, by path.
    """
    planes = {name: file for name in SE_PLANES if (file := entry.file(name))}
    image = {"band": entry.band, "expnum": entry.expnum, "ccdnum": entry.ccdnum}
    of_options = _epoch_options(entry, options, "")
    for name in ("wcs_source", "scamp_rule", "coadd"):
        of_options.pop(name, None)
    return fingerprint(
        {file.path: states.get(file.path) for file in planes.values()},
        image | {"planes": planes_column(planes)},
        of_options,
    )


def _digest(info: ImageInfo, states: Mapping[str, State], options: Mapping[str, object]) -> str:
    return fingerprint(states, info.model_dump(exclude={"src_info"}), options)
