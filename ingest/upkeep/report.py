"""Reports of catalogue upkeep."""

from dataclasses import dataclass
from pathlib import Path

from ..report import counted, counted_tiles

__all__ = ["GcReport", "OldFile", "Problem", "RebuildReport", "UpgradeReport", "VerifyReport"]


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem in a catalogue.

    Parameters
    ----------
    what : str
        Kind of problem: ``masks root``, ``mask file``, ``mask``, ``row``, ``bit counts``, ``footprint``, ``summary``,
        ``tiles disagree``, ``selection`` or ``image``.
    where : str
        Mask, file or row.
    message : str
        Description, in one line.

    Examples
    --------
    >>> goodpix.verify("goodpix.db").problems
    ()
    """

    what: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.what}: {self.where}: {self.message}"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Result of the check of a catalogue.

    Parameters
    ----------
    problems : tuple of Problem
        Problems that remain.
    repaired : tuple of Problem
        Problems that were repaired; a lost mask is now a recorded failure.
    notes : tuple of str
        Remarks that are not problems.
    n_files, n_masks, n_images : int
        Number of mask files and masks checked, and of masks derived again from the images.
    seed : int or None
        Seed of the random sample; None if nothing was sampled.
    n_lost : int
        Number of lost masks, recorded as failures, which the next ingest makes again.
    n_coadds : int
        Number of the masks checked that are a coadd's own.

    Examples
    --------
    >>> goodpix.verify("goodpix.db").ok
    True
    """

    problems: tuple[Problem, ...]
    repaired: tuple[Problem, ...]
    notes: tuple[str, ...]
    n_files: int
    n_masks: int
    n_images: int
    seed: int | None
    n_lost: int = 0
    n_coadds: int = 0

    @property
    def ok(self) -> bool:
        """True if no problem remains."""
        return not self.problems

    def __str__(self) -> str:
        checked = [f"{counted(self.n_masks, 'mask')} in {counted(self.n_files, 'file')} checked"]
        if self.n_coadds:
            n_epochs = self.n_masks - self.n_coadds
            checked[0] += f" ({counted(n_epochs, 'epoch')}, {counted(self.n_coadds, 'coadd')})"
        if self.n_images:
            checked.append(f"{self.n_images:,} derived again from the images")
        if self.seed is not None:
            checked.append(f"chosen with seed {self.seed}")
        results = []
        if self.repaired:
            results.append(f"{counted(len(self.repaired), 'problem')} repaired")
        if self.n_lost:
            results.append(f"{counted(self.n_lost, 'mask')} lost until the next goodpix ingest")
        if self.problems:
            results.append(counted(len(self.problems), "problem") + " left" * bool(self.repaired))
        return f"{', '.join(checked)}: {', '.join(results) or 'nothing is wrong'}"


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """Result of a rebuild.

    Parameters
    ----------
    n_tiles, n_epochs : int
        Number of tiles, each counted once, and of epochs in the new database.
    failures : tuple of str
        Mask files and masks that could not be used, also recorded in the table ``failure``.
    notes : tuple of str
        Remarks that are not failures.
    n_bands : int
        Number of bands in the new database.
    unreadable : tuple of str
        Folders that cannot be listed and mask files that cannot be read for the moment.
    replaced : bool
        Whether the new database took its place; false if a good one was kept because something could not be read.

    Examples
    --------
    >>> goodpix.rebuild("rebuilt.db", "goodpix-masks").ok
    True
    """

    n_tiles: int
    n_epochs: int
    failures: tuple[str, ...]
    notes: tuple[str, ...]
    n_bands: int = 1
    unreadable: tuple[str, ...] = ()
    replaced: bool = True

    @property
    def ok(self) -> bool:
        """True if everything could be read and used."""
        return not self.failures and not self.unreadable

    def __str__(self) -> str:
        lost = f", {counted(len(self.failures), 'failure')}" if self.failures else ""
        kept = "" if self.replaced else ": the old database is kept (--force-partial, force_partial=True, replaces it)"
        return f"{counted(self.n_epochs, 'epoch')} of {counted_tiles(self.n_tiles, self.n_bands)}{lost}{kept}"


@dataclass(frozen=True, slots=True)
class OldFile:
    """A file in the masks root that is no longer needed.

    Parameters
    ----------
    name : str
        Name of the file, relative to the root.
    n_bytes : int
        Size, bytes.
    days : float
        Age, days.
    """

    name: str
    n_bytes: int
    days: float


@dataclass(frozen=True, slots=True)
class GcReport:
    """Result of garbage collection in a masks root.

    Parameters
    ----------
    files : tuple of OldFile
        Files older than a day that no row names, including temporary files of killed jobs.
    n_kept : int
        Number of files that no row names but that are kept: too new, or of the highest generation.
    deleted : bool
        Whether the files were removed.
    unreadable : tuple of str
        Folders that cannot be listed and mask files that cannot be read; nothing is removed while there are any.

    Examples
    --------
    >>> goodpix.gc("goodpix.db").n_bytes
    0
    """

    files: tuple[OldFile, ...]
    n_kept: int
    deleted: bool
    unreadable: tuple[str, ...] = ()

    @property
    def n_bytes(self) -> int:
        """Total size of the files, bytes."""
        return sum(each.n_bytes for each in self.files)

    def __str__(self) -> str:
        done = "removed" if self.deleted else "that no row needs"
        kept = f"; {self.n_kept} kept, new or of the highest generation" if self.n_kept else ""
        cure = "" if self.deleted or not self.files else " (--delete, delete=True, removes them)"
        if self.unreadable:
            cure = " (none is removed until everything can be read)"
        return f"{counted(len(self.files), 'file')} {done}, {self.n_bytes:,} bytes{cure}{kept}"


@dataclass(frozen=True, slots=True)
class UpgradeReport:
    """Result of an upgrade.

    Parameters
    ----------
    before, after : str
        Revisions of the tables; equal if there was nothing to do.
    backup : Path or None
        Copy of the database before the upgrade; None if nothing was done, and for Postgres, which has its own
        backups.

    Examples
    --------
    >>> report = goodpix.upgrade("goodpix.db")
    >>> report.before == report.after
    True
    """

    before: str
    after: str
    backup: Path | None

    def __str__(self) -> str:
        if self.before == self.after:
            return f"nothing more to do: tables at revision {self.after}, all views present"
        backup = f", backup in {self.backup}" if self.backup else ""
        return f"revision {self.before} -> {self.after}{backup}"
