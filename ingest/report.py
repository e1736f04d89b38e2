"""What an ingest reports."""

import json
import os
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from ..schema.errors import UsageError

__all__ = ["Failure", "IngestReport", "Stages"]

# Prefixes of numbers that are read by people.
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
    """Where the time went, in seconds summed over tiles: side by side they come to more than the run's.

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
    """What an ingest did.

    Parameters
    ----------
    n_tiles : int
        Info files looked at.
    n_epochs : int
        Epochs whose masks were made.
    n_unchanged : int
        Epochs that were up to date.
    n_dropped : int
        Epochs that the info files no longer list.
    failures : tuple of Failure
        What failed now.
    n_failed_before : int
        What failed in an earlier run and was not tried again, since nothing has changed.
    seconds : float
        How long it took.
    n_pixels : int
        Pixels of the epochs whose masks were made.
    n_bytes : int
        Size of the mask files that were written.
    stages : Stages
        Where the time went.
    run_id : int
        The run in the table ``ingest_run``.
    started : str
        When, UTC.
    outcome : str
        ``done``, ``failures`` or ``interrupted``.
    version : str
        Of goodpix.
    database : str
        Its URL, without a password.
    masks : str
        The masks root.
    """

    n_tiles: int
    n_epochs: int
    n_unchanged: int
    n_dropped: int
    failures: tuple[Failure, ...]
    n_failed_before: int
    seconds: float
    n_pixels: int = 0
    n_bytes: int = 0
    stages: Stages = Stages()
    run_id: int = 0
    started: str = ""
    outcome: str = ""
    version: str = ""
    database: str = ""
    masks: str = ""

    @property
    def n_failures(self) -> int:
        """Inputs that are not in the catalogue, or not as they are now."""
        return len(self.failures) + self.n_failed_before

    @property
    def failures_by_type(self) -> dict[str, int]:
        """How many inputs failed now by each type of error, the most frequent first."""
        return dict(Counter(failure.error_type for failure in self.failures).most_common())

    @property
    def pixels_per_second(self) -> float | None:
        """Pixels of masks made by the second, over the whole run; None where that is not known."""
        return self.n_pixels / self.seconds if self.seconds else None

    def json(self) -> str:
        """Return the report as JSON: an object with every value of this one."""
        more = {
            "n_failures": self.n_failures,
            "failures_by_type": self.failures_by_type,
            "pixels_per_second": self.pixels_per_second,
        }
        return json.dumps(asdict(self) | more, indent=1) + "\n"

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the report to a file, as JSON.

        Raises
        ------
        UsageError
            If the file cannot be written.
        """
        try:
            Path(path).write_text(self.json())
        except OSError as error:
            raise UsageError(f"report {os.fspath(path)}: cannot be written ({error.strerror})") from error

    def __str__(self) -> str:
        if not self.n_epochs and not self.n_failures and not self.n_dropped:
            return f"{self._tiles}: nothing to do, {self.n_unchanged} epochs are up to date"
        parts = [f"{self.n_epochs} epochs made", f"{self.n_unchanged} up to date"]
        if self.n_dropped:
            parts.append(f"{self.n_dropped} dropped")
        if self.failures:
            kinds = ", ".join(f"{n} {kind}" for kind, n in self.failures_by_type.items())
            parts.append(f"{len(self.failures)} failed ({kinds})")
        if self.n_failed_before:
            parts.append(f"{self.n_failed_before} failed before and not tried again (--retry-failed does)")
        text = f"{self._tiles}: {', '.join(parts)} in {self.seconds:.1f} s"
        if self.n_epochs:
            text += f"; {_short(self.pixels_per_second or 0)}pixels/s, {_short(self.n_bytes)}B of masks written"
        return text

    @property
    def _tiles(self) -> str:
        return f"{self.n_tiles} {'tile' if self.n_tiles == 1 else 'tiles'}"


def _short(number: float) -> str:
    """Return a number for people, with the prefix of its unit."""
    for factor, prefix in _PREFIXES:
        if number >= factor:
            return f"{number / factor:.3g} {prefix}"
    return f"{number:.3g} "
