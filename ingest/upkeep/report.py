"""What the upkeep of a catalogue reports."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["GcReport", "OldFile", "Problem", "RebuildReport", "UpgradeReport", "VerifyReport"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a catalogue.

    Parameters
    ----------
    what : str
        ``masks root``, ``mask file``, ``mask``, ``row``, ``bit counts``, ``footprint``, ``summary``,
        ``tiles disagree`` or ``image``.
    where : str
        The mask, file or row.
    message : str
        What is wrong, in one line.
    """

    what: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.what}: {self.where}: {self.message}"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a look at a whole catalogue found.

    Parameters
    ----------
    problems : tuple of Problem
        What is wrong, and was not repaired.
    repaired : tuple of Problem
        What was wrong, and is not any more; a mask that is gone is a recorded failure now.
    notes : tuple of str
        What someone should know, and is no damage.
    n_files, n_masks, n_images : int
        Mask files and masks that were checked; masks that were derived again from the images.
    seed : int or None
        What the random choice came from; None where nothing was left to chance.
    n_lost : int
        Masks that a repair could not put right: they are failures, which the next ingest tries again.
    """

    problems: tuple[Problem, ...]
    repaired: tuple[Problem, ...]
    notes: tuple[str, ...]
    n_files: int
    n_masks: int
    n_images: int
    seed: int | None
    n_lost: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong now."""
        return not self.problems

    def __str__(self) -> str:
        checked = [f"{self.n_masks:,} masks in {self.n_files:,} files checked"]
        if self.n_images:
            checked.append(f"{self.n_images:,} derived again from the images")
        if self.seed is not None:
            checked.append(f"chosen with seed {self.seed}")
        found = [f"{len(self.problems):,} problems" if self.problems else "nothing is wrong"]
        if self.n_lost:
            found.insert(0, f"{self.n_lost:,} masks are lost until goodpix ingest makes them again")
        if self.repaired:
            found.insert(0, f"{len(self.repaired):,} repaired")
        return f"{', '.join(checked)}: {', '.join(found)}"


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What a rebuild made.

    Parameters
    ----------
    n_tiles, n_epochs : int
        Tiles and bands, and epochs, that the database has now.
    failures : tuple of str
        What could not be used of the mask files; recorded in the table ``failure``.
    notes : tuple of str
        What someone should know.
    """

    n_tiles: int
    n_epochs: int
    failures: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        lost = f", {len(self.failures)} masks or files could not be used" if self.failures else ""
        return f"{self.n_epochs:,} epochs of {self.n_tiles:,} tiles and bands{lost}"


@dataclass(frozen=True, slots=True)
class OldFile:
    """A file below the masks root that nobody needs.

    Parameters
    ----------
    name : str
        Relative to the root.
    n_bytes : int
        Its size.
    days : float
        Since it was written.
    """

    name: str
    n_bytes: int
    days: float


@dataclass(frozen=True, slots=True)
class GcReport:
    """What a sweep of the masks root found.

    Parameters
    ----------
    files : tuple of OldFile
        Files that no row names, older than a day; temporary ones of killed jobs among them.
    n_kept : int
        Files that no row names and that stay: too new, or of the highest generation.
    deleted : bool
        Whether the files were removed.
    """

    files: tuple[OldFile, ...]
    n_kept: int
    deleted: bool

    @property
    def n_bytes(self) -> int:
        """Size of the files together."""
        return sum(each.n_bytes for each in self.files)

    def __str__(self) -> str:
        done = "removed" if self.deleted else "that no row needs"
        kept = f"; {self.n_kept} kept, new or of the highest generation" if self.n_kept else ""
        cure = "" if self.deleted or not self.files else " (--delete removes them)"
        return f"{len(self.files)} files {done}, {self.n_bytes:,} bytes{cure}{kept}"


@dataclass(frozen=True, slots=True)
class UpgradeReport:
    """What an upgrade did.

    Parameters
    ----------
    before, after : str
        Revisions of the tables; equal where there was nothing to do.
    backup : Path or None
        The database as it was; None where nothing was done, and for Postgres, which has its own backups.
    """

    before: str
    after: str
    backup: Path | None

    def __str__(self) -> str:
        if self.before == self.after:
            return f"nothing more to do: the tables are of revision {self.after}, with all their views"
        backup = f", the database as it was is {self.backup}" if self.backup else ""
        return f"revision {self.before} -> {self.after}{backup}"
