"""What a folder and an object store have in common, where the files of a masks root are concerned."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar, Protocol

from ..masks.maskfilename import MaskFileName
from .object import StoredObject

__all__ = ["Draft", "FoundFile", "Place", "Store"]

Place = Path | StoredObject
"""Where one file is; as text, what a person can look for."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file below the root, as a listing tells of it.

    Parameters
    ----------
    name : str
        Relative to the root.
    n_bytes : int
        Its size.
    modified : float
        When it was written, seconds since 1970.
    """

    name: str
    n_bytes: int
    modified: float

    @property
    def is_temporary(self) -> bool:
        """Whether it is in the making, or what a killed job left."""
        last = self.name.rpartition("/")[2]
        return last.startswith(".") and last.endswith(".partial")

    @property
    def mask_file(self) -> MaskFileName | None:
        """What its name says, where it is a mask file."""
        return MaskFileName.of(self.name)


class Draft(Protocol):
    """A file in the making, which no reader sees."""

    @property
    def file(self) -> IO[bytes]:
        """The file, open for writing."""

    def publish(self, name: str) -> None:
        """Give it its name below the root: whatever happens, all of it is there under that name, or nothing."""

    def discard(self) -> None:
        """Leave nothing of it; once it is published, that stays."""


class Store(Protocol):
    """Keeps files under names relative to its root; small enough to travel to a worker.

    Its text is the root as a person writes it. What goes wrong is an OSError.

    Attributes
    ----------
    doubt : str
        What to ask where it is not as expected.
    """

    doubt: ClassVar[str]

    def seen_from(self, folder: Path) -> str:
        """Return the root as it is remembered in a folder: relative if it lies there, so that both can be moved."""

    def exists(self) -> bool:
        """Tell whether the root is there; an object store has none that is empty."""

    def path(self, name: str) -> Place:
        """Return the place of a file."""

    def read(self, name: str) -> bytes | None:
        """Return what a file holds; None where there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file, in the place of any other of its name."""

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless there is one of its name already; return whether it was written."""

    def draft(self, folder: str) -> Draft:
        """Begin a file that is to lie in a folder below the root."""

    def files(self) -> Iterator[FoundFile]:
        """Yield every file below the root, by name; nothing where there is no root. Only the upkeep lists files."""

    def remove(self, file: FoundFile) -> None:
        """Remove a file that was listed, unless it was written again since."""
