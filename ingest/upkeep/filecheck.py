"""Check of a mask file by itself, without the database."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from ...schema.amplifiers import Amplifiers
from ...schema.bits import BitNames
from ...schema.columns import json_object, values_of
from ...schema.counts import BitCounts, Counts, count, count_coadd
from ...schema.errors import DamagedValueError, MaskFileError, MaskFileUnreadableError, StoreError, WcsError
from ...schema.executors import Spread, check_workers, in_order
from ...schema.maskfile import MaskFile
from ...schema.maskfile.filerow import file_row
from ...schema.masks.maskfilename import MaskFileName
from ...schema.masks.rle import Runs
from ...schema.rows import SEG_FROM_FILE, SEG_NONE, EpochFacts, MaskRow, nonzero_bits
from ...schema.store.masksroot import MasksRoot
from ...schema.wcs.solution import Wcs
from ...schema.workers.pool import process_pool

__all__ = ["CheckedFile", "CheckedMask", "FileJob", "check_file", "rows_of", "spread_over"]


@dataclass(frozen=True, slots=True)
class FileJob:
    """A mask file to check, as sent to a worker process.

    Parameters
    ----------
    root : MasksRoot
        Masks root.
    name : str
        Name of the file, relative to the root.
    row_groups : collection of int, optional
        Row groups to read; by default all.
    """

    root: MasksRoot
    name: str
    row_groups: Collection[int] | None = None


@dataclass(frozen=True, slots=True)
class CheckedMask:
    """One mask of a checked file.

    Parameters
    ----------
    row_group : int or None
        Its row group in the file; None for the row of a file without a coadd, which is not in the file.
    row : MaskRow or None
        Its row in the file; None if that cannot be read.
    trouble : str or None
        What is wrong with the mask; None if nothing is.
    """

    row_group: int | None
    row: MaskRow | None
    trouble: str | None


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A mask file that was checked.

    Parameters
    ----------
    name : str
        Name of the file, relative to the root.
    generation : int
        Generation in the name; 0 if it has none.
    masks : tuple of CheckedMask
        Masks in file order.
    bit_names : BitNames or None
        Names of the mask bits, as recorded in the file.
    trouble : str or None
        Why the file as a whole is unusable; None if it can be used.
    unreadable : str or None
        Why its content is unknown for the moment; None if it was read.
    recorded_area : float or None
        ``area_good_any_unique`` as recorded in the file.
    """

    name: str
    generation: int
    masks: tuple[CheckedMask, ...] = ()
    bit_names: BitNames | None = None
    trouble: str | None = None
    unreadable: str | None = None
    recorded_area: float | None = None

    @property
    def whole(self) -> bool:
        """True if nothing is wrong and the coadd's mask is present, without which no epoch can be stored."""
        readable = not self.trouble and not self.unreadable
        return readable and "coadd" in self.usable and all(each.trouble is None for each in self.masks)

    @property
    def area_good_any_unique(self) -> float | None:
        """Area that is good in at least one usable epoch, arcmin^2; None if an epoch is lost, or it is not recorded."""
        return self.recorded_area if self.whole else None

    def of_coadd(self, generation: int) -> dict[str, Any]:
        """Return the database columns of the coadd's row that tell of the file, with a generation."""
        return {
            "mask_file": self.name,
            "generation": generation,
            "area_good_any_unique": self.area_good_any_unique,
        }

    @property
    def usable(self) -> dict[str, CheckedMask]:
        """Undamaged masks by name: ``expnum/ccdnum`` or ``coadd``."""
        return {each.row.key.name: each for each in self.masks if each.row is not None and each.trouble is None}

    @property
    def troubles(self) -> dict[int, str]:
        """Errors of damaged masks, by row group."""
        found = {each.row_group: each.trouble for each in self.masks if each.trouble is not None}
        return {row_group: trouble for row_group, trouble in found.items() if row_group is not None}


def rows_of(masks: Iterable[CheckedMask]) -> list[tuple[MaskRow, int | None]]:
    """Return the row and row group of each mask that has a row."""
    return [(each.row, each.row_group) for each in masks if each.row is not None]


def check_file(job: FileJob) -> CheckedFile:
    """Read a mask file and check each mask: its checksum, and its counts against those of its runs."""
    name = MaskFileName.of(job.name)
    if name is None:
        return CheckedFile(job.name, 0, trouble="not named like a mask file")
    path = job.root.path(job.name)
    try:
        file = MaskFile.open(path, whole=job.row_groups is None)
        bit_names, area = file.bit_names, file.area_good_any_unique
        wanted = range(len(file)) if job.row_groups is None else sorted(job.row_groups)
        masks = [_check(file, row_group, name) for row_group in wanted]
        if not file.has_coadd:
            row = file_row(name.tilename, name.band, file.profile_id, file.segmentation or SEG_FROM_FILE)
            masks.append(CheckedMask(None, row, None))
    except (MaskFileUnreadableError, StoreError) as error:
        return CheckedFile(job.name, name.generation, unreadable=str(error))
    except MaskFileError as error:
        return CheckedFile(job.name, name.generation, trouble=str(error))
    except MemoryError:
        return CheckedFile(job.name, name.generation, unreadable=f"mask file {path}: not enough memory to check it")
    return CheckedFile(job.name, name.generation, tuple(_marked_duplicates(masks)), bit_names, recorded_area=area)


def _check(file: MaskFile, row_group: int, name: MaskFileName) -> CheckedMask:
    row = None
    try:
        row = file.row(row_group)
        runs = file.runs(row_group, recheck=True)
    except MaskFileUnreadableError:
        raise
    except MaskFileError as error:
        return CheckedMask(row_group, row, str(error))
    if (row.key.tilename, row.key.band) != (name.tilename, name.band):
        trouble = (
            f"belongs to tile {row.key.tilename}, band {row.key.band}: "
            f"the file name says tile {name.tilename}, band {name.band}"
        )
        return CheckedMask(row_group, row, trouble)
    return CheckedMask(row_group, row, _unusable_wcs(row) or _wrong_counts(row, runs))


def _marked_duplicates(masks: list[CheckedMask]) -> list[CheckedMask]:
    """Return the masks, with a second mask of the same name marked as damaged."""
    seen: set[str] = set()
    out = []
    for mask in masks:
        name = mask.row.key.name if mask.row else ""
        repeated = mask.trouble is None and name in seen
        out.append(CheckedMask(mask.row_group, mask.row, f"the file contains {name} twice") if repeated else mask)
        seen.add(name)
    return out


def _unusable_wcs(row: MaskRow) -> str | None:
    """Return why the recorded WCS cannot be used; None if it can."""
    try:
        Wcs.from_header(json_object(row.facts.wcs, "wcs"), "recorded WCS")
    except (WcsError, DamagedValueError) as error:
        return str(error)
    return None


def _wrong_counts(row: MaskRow, runs: Runs) -> str | None:
    """Return how the recorded counts differ from those of the runs; None if they agree."""
    n_flagged = int(runs.lengths[runs.flags != 0].sum())
    if row.counts.n_good + n_flagged != row.counts.n_pixels:
        return (
            f"n_good is {row.counts.n_good} and {n_flagged} pixels have flags: "
            f"expected a sum of n_pixels, {row.counts.n_pixels}"
        )
    counts, bits = _recount(row, runs)
    recorded, expected = values_of(row.counts), values_of(counts)
    wrong = [
        f"{name} is {recorded[name]}, but {value} in the runs"
        for name, value in expected.items()
        if recorded[name] != value
    ]
    if nonzero_bits(bits) != row.bits:
        wrong.append("the pixel counts of mask bits differ from those of the runs")
    n_unique, n_good_unique = row.counts.n_unique, row.counts.n_good_unique
    if n_unique is not None and n_good_unique is not None:
        n_possible = min(row.counts.n_good, n_unique)
        if not (0 <= n_unique <= (row.counts.n_on_coadd or 0) and 0 <= n_good_unique <= n_possible):
            wrong.append(f"n_unique is {n_unique}, n_good_unique {n_good_unique}: impossible with the other counts")
    return "; ".join(wrong[:3]) or None


def _recount(row: MaskRow, runs: Runs) -> tuple[Counts, BitCounts]:
    recorded = row.counts
    # the runs do not tell which pixels lie in the unique region
    unique = None
    if recorded.n_unique is not None and recorded.n_good_unique is not None:
        unique = (recorded.n_unique, recorded.n_good_unique)
    if not isinstance(row.facts, EpochFacts):
        return count_coadd(runs, pixel_area=recorded.pixel_area, unique=unique)
    return count(
        runs,
        amplifiers=Amplifiers.of_image(values_of(row.facts), (row.ny, row.nx)),
        pixel_area=recorded.pixel_area,
        unique=unique,
        se_seg_used=row.facts.se_seg_used and row.facts.segmentation != SEG_NONE,
        has_coadd=row.counts.n_on_coadd is not None,
    )


# Files per worker that are being read or wait to be collected.
_AHEAD = 2


@contextmanager
def spread_over(workers: int) -> Iterator[Spread]:
    """Provide a ``map`` over worker processes, or the built-in one if `workers` is 1.

    Raises
    ------
    UsageError
        If `workers` is not positive.
    """
    check_workers(workers)
    with ExitStack() as stack:
        yield map if workers == 1 else in_order(stack.enter_context(process_pool(workers)), _AHEAD * workers)
