"""What an ingest reports."""

from dataclasses import dataclass

__all__ = ["Failure", "IngestReport"]


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
    """

    n_tiles: int
    n_epochs: int
    n_unchanged: int
    n_dropped: int
    failures: tuple[Failure, ...]
    n_failed_before: int
    seconds: float

    @property
    def n_failures(self) -> int:
        """Inputs that are not in the catalogue, or not as they are now."""
        return len(self.failures) + self.n_failed_before

    def __str__(self) -> str:
        if not self.n_epochs and not self.n_failures and not self.n_dropped:
            return f"{self._tiles}: nothing to do, {self.n_unchanged} epochs are up to date"
        parts = [f"{self.n_epochs} epochs made", f"{self.n_unchanged} up to date"]
        if self.n_dropped:
            parts.append(f"{self.n_dropped} dropped")
        if self.failures:
            parts.append(f"{len(self.failures)} failed")
        if self.n_failed_before:
            parts.append(f"{self.n_failed_before} failed before and not tried again (--retry-failed does)")
        return f"{self._tiles}: {', '.join(parts)} in {self.seconds:.1f} s"

    @property
    def _tiles(self) -> str:
        return f"{self.n_tiles} {'tile' if self.n_tiles == 1 else 'tiles'}"
