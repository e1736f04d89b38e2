"""Common interface of folders and object stores for mask files."""

from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar, Protocol

from ..files.object import StoredObject
from ..masks.maskfilename import MaskFileName

__all__ = ["Draft", "FoundFile", "Listing", "Place", "Store"]

Place = Path | StoredObject
"""Location of one file; as text, something that a person can look up."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file below the root, as listed.

    Parameters
    ----------
    name : str
        Name relative to the root.
    n_bytes : int
        Size in bytes.
    modified : float
        Modification time, seconds since 1970.
    """

    name: str
    n_bytes: int
    modified: float

    @property
    def is_temporary(self) -> bool:
        """True if the file is unfinished, or left over from a killed job."""
        last = self.name.rpartition("/")[2]
        return last.startswith(".") and last.endswith(".partial")

    @property
    def mask_file(self) -> MaskFileName | None:
        """Its parsed name; None if it is not a mask file."""
        return MaskFileName.of(self.name)


@dataclass(frozen=True, slots=True)
class Listing:
    """The files below a root.

    Parameters
    ----------
    files : tuple of FoundFile
        Files, sorted by name; none without a root.
    unlisted : tuple of str
        Folders whose files are unknown, and why, one line each.
    """

    files: tuple[FoundFile, ...]
    unlisted: tuple[str, ...] = ()


class Draft(Protocol):
    """An unfinished file, which no reader sees."""

    @property
    def file(self) -> IO[bytes]:
        """The file, open for writing."""

    def publish(self, name: str) -> None:
        """Name the file below the root; whatever happens, it appears there complete or not at all."""

    def discard(self) -> None:
        """Remove the draft; a published file stays."""


class Store(Protocol):
    """A store of files under names relative to its root; small enough to send to a worker.

    Its text is the root as a person writes it. Failures raise OSError.

    Attributes
    ----------
    doubt : str
        Question for the user if the root is not as expected.
    """

    doubt: ClassVar[str]

    def seen_from(self, folder: Path) -> str:
        """Return the root as stored in a folder: relative if it lies inside, so that both can be moved."""

    def check(self) -> None:
        """Check that the store's library is installed, without contacting the store; else raise UsageError."""

    def exists(self) -> bool:
        """Tell whether the root exists; an empty root in an object store does not.

        Raises
        ------
        StoreError
            If that cannot be found out.
        """

    def path(self, name: str) -> Place:
        """Return the location of a file."""

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None if it does not exist."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file, replacing any of the same name."""

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless one of its name exists; return whether it was written."""

    def draft(self, folder: str) -> Draft:
        """Begin a file in a folder below the root."""

    def listing(self) -> Listing:
        """List every file below the root; only the upkeep does so.

        Raises
        ------
        StoreError
            If not even the root can be listed.
        """

    def remove(self, file: FoundFile) -> None:
        """Remove a listed file, unless it has been rewritten since."""
