"""Report of an ingest run."""

import json
import os
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from ..schema.errors import UsageError

__all__ = ["Failure", "IngestReport", "Stages", "counted", "counted_tiles"]

# SI prefixes of numbers in the summary.
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


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
class Stages:
    """Time by stage, in seconds summed over tiles; with several workers more than the run took.

    Parameters
    ----------
    coadd : float
        Reading coadds.
    epochs : float
        Making masks, copying them and writing mask files.
    database : float
        Storing rows.
    """

    coadd: float = 0.0
    epochs: float = 0.0
    database: float = 0.0


@dataclass(frozen=True, slots=True)
class IngestReport:
    """Summary of an ingest run.

    Parameters
    ----------
    n_tiles : int
        Tiles in the run, each counted once.
    n_epochs : int
        Epochs whose masks were made.
    n_unchanged : int
        Epochs that were up to date.
    n_dropped : int
        Epochs that the info files no longer list.
    failures : tuple of Failure
        Inputs that failed in this run.
    n_failed_before : int
        Inputs that failed in an earlier run and, being unchanged, were not tried again.
    seconds : float
        Duration of the run.
    n_bands : int
        Bands of these tiles.
    n_info_files : int
        Info files in the run: one per tile and band, and those that could not be read.
    n_pixels : int
        Pixels of the epochs whose masks were made.
    n_bytes : int
        Size of the mask files written, bytes.
    stages : Stages
        Time by stage.
    run_id : int
        Key of the run in the table ``ingest_run``.
    started : str
        Start of the run, UTC.
    outcome : str
        ``done``, ``failures`` or ``interrupted``.
    version : str
        Version of goodpix.
    database : str
        Database URL, without the password.
    masks : str
        Masks root.
    software : str
        ``goodpix`` and its version, as files that leave the catalogue name it.
    catalogue : str
        UUID of the catalogue.
    campaign : str
        Processing campaign of the catalogue.

    Examples
    --------
    >>> report = goodpix.ingest_tiles(survey, db="goodpix.db")
    >>> report.n_epochs, report.n_failures
    (0, 0)
    """

    n_tiles: int
    n_epochs: int
    n_unchanged: int
    n_dropped: int
    failures: tuple[Failure, ...]
    n_failed_before: int
    seconds: float
    n_bands: int = 1
    n_info_files: int = 0
    n_pixels: int = 0
    n_bytes: int = 0
    stages: Stages = Stages()
    run_id: int = 0
    started: str = ""
    outcome: str = ""
    version: str = ""
    database: str = ""
    masks: str = ""
    software: str = ""
    catalogue: str = ""
    campaign: str = ""

    @property
    def n_failures(self) -> int:
        """Number of inputs that the catalogue does not hold in their present state."""
        return len(self.failures) + self.n_failed_before

    @property
    def failures_by_type(self) -> dict[str, int]:
        """Number of failures in this run by type of error, most frequent first."""
        return dict(Counter(failure.error_type for failure in self.failures).most_common())

    @property
    def pixels_per_second(self) -> float | None:
        """Mask pixels made per second of the run; None if `seconds` is 0."""
        return self.n_pixels / self.seconds if self.seconds else None

    def json(self) -> str:
        """Return the report as a JSON object of all fields and properties.

        Examples
        --------
        >>> import json
        >>> json.loads(goodpix.ingest_tiles(survey, db="goodpix.db").json())["n_failures"]
        0
        """
        more = {
            "n_failures": self.n_failures,
            "failures_by_type": self.failures_by_type,
            "pixels_per_second": self.pixels_per_second,
        }
        return json.dumps(asdict(self) | more, indent=1) + "\n"

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the report to a JSON file.

        Raises
        ------
        UsageError
            If the file cannot be written.

        Examples
        --------
        >>> goodpix.ingest_tiles(survey, db="goodpix.db").write("report.json")
        """
        try:
            Path(path).write_text(self.json())
        except OSError as error:
            raise UsageError(f"report {os.fspath(path)}: cannot be written ({error.strerror})") from error

    def __str__(self) -> str:
        tiles = counted_tiles(self.n_tiles, self.n_bands)
        if not self.n_epochs and not self.n_failures and not self.n_dropped:
            return f"{tiles}: nothing to do, {counted(self.n_unchanged, 'epoch')} up to date"
        parts = [f"{counted(self.n_epochs, 'epoch')} made", f"{self.n_unchanged:,} up to date"]
        if self.n_dropped:
            parts.append(f"{self.n_dropped:,} dropped")
        if self.failures:
            kinds = ", ".join(f"{n:,} {kind}" for kind, n in self.failures_by_type.items())
            parts.append(f"{len(self.failures):,} failed ({kinds})")
        if self.n_failed_before:
            cure = "use --retry-failed, retry_failed=True"
            parts.append(f"{self.n_failed_before:,} failed before and not tried again ({cure})")
        text = f"{tiles}: {', '.join(parts)} in {self.seconds:.1f} s"
        if self.n_epochs:
            text += f"; {_short(self.pixels_per_second or 0)}pixels/s, {_short(self.n_bytes)}B of masks written"
        return text


def counted(n: int, noun: str) -> str:
    """Return a number and its noun, such as ``1 epoch`` or ``2,000 epochs``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def counted_tiles(n_tiles: int, n_bands: int) -> str:
    """Return a number of tiles, each counted once, and of bands if there are several: ``7 tiles in 3 bands``."""
    return counted(n_tiles, "tile") + (f" in {n_bands:,} bands" if n_bands > 1 else "")


def _short(number: float) -> str:
    """Return a number to three digits with an SI prefix."""
    for factor, prefix in _PREFIXES:
        if number >= factor:
            return f"{number / factor:.3g} {prefix}"
    return f"{number:.3g} "
