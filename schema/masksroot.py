"""The folder that holds a catalogue's mask files."""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .errors import CatalogueError, CatalogueVersionError

__all__ = ["FORMAT_VERSION", "MasksRoot"]

FORMAT_VERSION = 1
"""Version of what is stored, files and tables; raised whenever older software would misread it."""

# The underscore keeps it out of the way of readers that take a folder for a Parquet dataset.
_MARKER = "_goodpix.json"


@dataclass(frozen=True, slots=True)
class MasksRoot:
    """The folder of mask files, one subfolder per band.

    Parameters
    ----------
    folder : Path
        Its place, absolute.
    """

    folder: Path

    @classmethod
    def of(cls, place: str | os.PathLike[str]) -> "MasksRoot":
        """Return the root at a place."""
        return cls(Path(os.path.abspath(Path(place).expanduser())))

    def claim(self, uuid: str) -> None:
        """Mark the root as a catalogue's, or check that it is.

        Raises
        ------
        CatalogueError
            If the root belongs to another catalogue, or cannot be written.
        CatalogueVersionError
            If it is of another format version.
        """
        marker = self.folder / _MARKER
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not marker.exists():
                text = json.dumps({"format_version": FORMAT_VERSION, "uuid": uuid}, indent=1) + "\n"
                with self.temporary(_MARKER) as file:
                    file.write(text.encode())
                publish(Path(file.name), marker)
            found = json.loads(marker.read_text())
        except (OSError, ValueError) as error:
            raise CatalogueError(f"masks root {self.folder}: cannot be used ({error})") from error
        if found.get("format_version") != FORMAT_VERSION:
            raise CatalogueVersionError(
                f"masks root {self.folder}: format version {found.get('format_version')}, expected "
                f"{FORMAT_VERSION}: use the goodpix that wrote it"
            )
        if found.get("uuid") != uuid:
            raise CatalogueError(
                f"masks root {self.folder} belongs to catalogue {found.get('uuid')}, expected {uuid}: "
                "give this catalogue a root of its own with --masks"
            )

    def temporary(self, name: str) -> "tempfile._TemporaryFileWrapper[bytes]":
        """Return an open file, of a name that no reader looks at, to be published under `name` later."""
        folder = (self.folder / name).parent
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=".partial", delete=False)

    def path(self, mask_file: str) -> Path:
        """Return the place of a mask file, named relative to the root."""
        return self.folder / mask_file


def publish(temporary: Path, final: Path) -> None:
    """Give a finished file its name, so that after a crash either all of it is there or nothing.

    The file's bytes reach the disk before its name does, and its name before the caller goes on.
    """
    umask = os.umask(0)
    os.umask(umask)
    with temporary.open("rb") as file:
        # a temporary file is its owner's alone; a catalogue is for colleagues too
        os.fchmod(file.fileno(), 0o666 & ~umask)
        os.fsync(file.fileno())
    temporary.replace(final)
    folder = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
