"""A mask file that was read in full and checked by itself, without the database."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ...schema.amplifiers import Amplifiers
from ...schema.bits import BitNames
from ...schema.columns import values_of
from ...schema.counts import BitCounts, Counts, count, count_coadd
from ...schema.errors import MaskFileError, UsageError
from ...schema.executors import Spread, in_order, process_pool
from ...schema.maskfile import MaskFile
from ...schema.masks.maskfilename import MaskFileName
from ...schema.masks.rle import Runs
from ...schema.rows import EpochFacts, MaskRow, nonzero_bits
from ...schema.store.masksroot import MasksRoot

__all__ = ["CheckedFile", "CheckedMask", "FileJob", "check_file", "rows_of", "spread_over"]


@dataclass(frozen=True, slots=True)
class FileJob:
    """A mask file to check, small enough to travel to a worker.

    Parameters
    ----------
    root : MasksRoot
        Where it lies.
    name : str
        Relative to the root.
    row_groups : collection of int, optional
        The masks to read; by default every one.
    """

    root: MasksRoot
    name: str
    row_groups: Collection[int] | None = None


@dataclass(frozen=True, slots=True)
class CheckedMask:
    """One mask of a file.

    Parameters
    ----------
    row_group : int
        Where in the file.
    row : MaskRow or None
        What the file says of it; None where that cannot be read.
    trouble : str or None
        What is wrong with it.
    """

    row_group: int
    row: MaskRow | None
    trouble: str | None


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A mask file that was read.

    Parameters
    ----------
    name : str
        Relative to the root.
    generation : int
        By its name; 0 where that says none.
    masks : tuple of CheckedMask
        In file order.
    bit_names : BitNames or None
        The names of the mask bits that it carries.
    trouble : str or None
        Why it cannot be used at all.
    """

    name: str
    generation: int
    masks: tuple[CheckedMask, ...] = ()
    bit_names: BitNames | None = None
    trouble: str | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong, and there is a coadd's mask, without which no epoch can be stored."""
        return not self.trouble and "coadd" in self.usable and all(each.trouble is None for each in self.masks)

    @property
    def usable(self) -> dict[str, CheckedMask]:
        """The masks with which nothing is wrong, by name: ``expnum/ccdnum`` or ``coadd``."""
        return {each.row.key.name: each for each in self.masks if each.row is not None and each.trouble is None}

    @property
    def troubles(self) -> dict[int, str]:
        """What is wrong with masks, by row group."""
        return {each.row_group: each.trouble for each in self.masks if each.trouble is not None}


def rows_of(masks: Iterable[CheckedMask]) -> list[tuple[MaskRow, int]]:
    """Return row and row group of each mask that has a row."""
    return [(each.row, each.row_group) for each in masks if each.row is not None]


def check_file(job: FileJob) -> CheckedFile:
    """Read a mask file and check each mask: its checksum, and its counts against those of its runs."""
    said = MaskFileName.of(job.name)
    generation = said.generation if said else 0
    if said is None:
        return CheckedFile(job.name, generation, trouble="its name is not that of a mask file")
    try:
        file = MaskFile.open(job.root.path(job.name), whole=job.row_groups is None)
        bit_names = file.bit_names
    except MaskFileError as error:
        return CheckedFile(job.name, generation, trouble=str(error))
    wanted = range(len(file)) if job.row_groups is None else sorted(job.row_groups)
    masks = [_check(file, row_group, said) for row_group in wanted]
    return CheckedFile(job.name, generation, tuple(_without_twins(masks)), bit_names)


def _check(file: MaskFile, row_group: int, said: MaskFileName) -> CheckedMask:
    try:
        row = file.row(row_group)
    except MaskFileError as error:
        return CheckedMask(row_group, None, str(error))
    try:
        runs = file.runs(row_group)
    except MaskFileError as error:
        return CheckedMask(row_group, row, str(error))
    if (row.key.tilename, row.key.band) != (said.tilename, said.band):
        trouble = f"it is of tile {row.key.tilename}, band {row.key.band}: the file's name says another"
        return CheckedMask(row_group, row, trouble)
    return CheckedMask(row_group, row, _wrong_counts(row, runs))


def _without_twins(masks: list[CheckedMask]) -> list[CheckedMask]:
    """Mark a mask that is there twice."""
    seen: set[str] = set()
    out = []
    for each in masks:
        name = each.row.key.name if each.row else ""
        twin = each.trouble is None and name in seen
        out.append(CheckedMask(each.row_group, each.row, f"the file holds {name} twice") if twin else each)
        seen.add(name)
    return out


def _wrong_counts(row: MaskRow, runs: Runs) -> str | None:
    """Return how the counts that stand beside runs differ from theirs; None where they do not."""
    n_flagged = int(runs.lengths[runs.flags != 0].sum())
    if row.counts.n_good + n_flagged != row.counts.n_pixels:
        return (
            f"n_good is {row.counts.n_good} and {n_flagged} pixels have flags: "
            f"expected n_pixels, {row.counts.n_pixels}, together"
        )
    counts, bits = _recount(row, runs)
    told, found = values_of(row.counts), values_of(counts)
    wrong = [f"{name} is {told[name]}, its runs say {found[name]}" for name in found if told[name] != found[name]]
    if nonzero_bits(bits) != row.bits:
        wrong.append("the pixels of each mask bit are not those of its runs")
    n_unique, n_good_unique = row.counts.n_unique, row.counts.n_good_unique
    if n_unique is not None and n_good_unique is not None:
        n_possible = min(row.counts.n_good, n_unique)
        if not (0 <= n_unique <= row.counts.n_on_coadd and 0 <= n_good_unique <= n_possible):
            wrong.append(f"n_unique is {n_unique}, n_good_unique {n_good_unique}: more than there can be")
    return "; ".join(wrong[:3]) or None


def _recount(row: MaskRow, runs: Runs) -> tuple[Counts, BitCounts]:
    told = row.counts
    # the runs do not tell which pixels lie in the unique region
    unique = None if told.n_unique is None or told.n_good_unique is None else (told.n_unique, told.n_good_unique)
    if not isinstance(row.facts, EpochFacts):
        return count_coadd(runs, pixel_area=told.pixel_area, unique=unique)
    return count(
        runs,
        amplifiers=Amplifiers.of(row.facts.dataseca, row.facts.datasecb, (row.ny, row.nx)),
        pixel_area=told.pixel_area,
        unique=unique,
        se_seg_used=row.facts.se_seg_used,
    )


# Files per worker that are read or wait to be taken.
_AHEAD = 2


@contextmanager
def spread_over(workers: int) -> Iterator[Spread]:
    """Give a ``map`` over worker processes, or the built-in one where there is to be one process.

    Raises
    ------
    UsageError
        If the number is not positive.
    """
    if workers < 1:
        raise UsageError(f"workers is {workers}: expected 1 or more")
    with ExitStack() as stack:
        yield map if workers == 1 else in_order(stack.enter_context(process_pool(workers)), _AHEAD * workers)
