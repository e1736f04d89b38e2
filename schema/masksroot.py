"""The folder that holds a catalogue's mask files."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import CatalogueError, CatalogueVersionError, UsageError

__all__ = ["FORMAT_VERSION", "MasksRoot", "publish"]

FORMAT_VERSION = 1
"""Version of what is stored, files and tables; raised whenever older software would misread it."""

# The underscore keeps it out of the way of readers that take a folder for a Parquet dataset.
_MARKER = "_goodpix.json"
_FACTS = ("campaign", "wcs_source")


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
        """Return the root at a place.

        Raises
        ------
        UsageError
            If the place is not a folder's.
        """
        if "://" in os.fspath(place):
            raise UsageError(f"masks root {place}: object stores are not supported yet: expected a folder")
        return cls(Path(os.path.abspath(os.path.expanduser(place))))  # ~nobody stays as it is

    @property
    def owner(self) -> str | None:
        """The UUID of the catalogue that the root belongs to; None where there is none yet.

        Raises
        ------
        CatalogueError
            If the root's marker cannot be read.
        CatalogueVersionError
            If it is of another format version.
        """
        return self._marked().get("uuid")

    @property
    def facts(self) -> dict[str, str]:
        """What the root's marker says of its catalogue besides: campaign and wcs_source; an old one says nothing."""
        return {name: value for name, value in self._marked().items() if name != "uuid"}

    def _marked(self) -> dict[str, str]:
        """Return what the marker says; nothing where there is none."""
        marker = self.folder / _MARKER
        try:
            if not marker.exists():
                return {}
            found = json.loads(marker.read_text())
            version = found.pop("format_version")
            marked = {"uuid": str(found["uuid"])} | {name: str(found[name]) for name in _FACTS if name in found}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise CatalogueError(f"masks root {self.folder}: cannot read its {_MARKER} ({error})") from error
        if version != FORMAT_VERSION:
            raise CatalogueVersionError(
                f"masks root {self.folder}: format version {version}, expected {FORMAT_VERSION}: "
                "use the goodpix that wrote it"
            )
        return marked

    def claim(self, uuid: str, *, new: bool = True, facts: Mapping[str, str] | None = None) -> None:
        """Mark the root as a catalogue's, or check that it is.

        Parameters
        ----------
        uuid : str
            The catalogue's.
        new : bool
            Whether the root may be unmarked: it has no masks of this catalogue yet.
        facts : mapping, optional
            ``campaign`` and ``wcs_source``, which the marker keeps for a rebuild: no mask file says them.

        Raises
        ------
        CatalogueError
            If the root belongs to another catalogue, cannot be written, or has lost its marker.
        CatalogueVersionError
            If it is of another format version.
        """
        owner = self.owner
        if owner is None and not new:
            raise CatalogueError(
                f"masks root {self.folder}: its {_MARKER} is missing: is the disk mounted, or was the folder moved?"
            )
        if owner is not None and owner != uuid:
            raise CatalogueError(
                f"masks root {self.folder} belongs to catalogue {owner}, expected {uuid}: "
                "give this catalogue a root of its own with --masks"
            )
        if owner is None or (facts and facts != self.facts):
            self._mark(uuid, facts or {})

    def _mark(self, uuid: str, facts: Mapping[str, str]) -> None:
        text = json.dumps({"format_version": FORMAT_VERSION, "uuid": uuid, **facts}, indent=1) + "\n"
        try:
            file = self.temporary(_MARKER)
            try:
                with file:
                    file.write(text.encode())
                publish(Path(file.name), self.folder / _MARKER)
            finally:
                Path(file.name).unlink(missing_ok=True)
        except OSError as error:
            raise CatalogueError(f"masks root {self.folder}: cannot be used ({error})") from error

    def temporary(self, name: str) -> "tempfile._TemporaryFileWrapper[bytes]":
        """Return an open file, of a name that no reader looks at, to be published under `name` later."""
        folder = (self.folder / name).parent
        _make_folder(folder)
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
    _sync(final.parent)


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that they outlast a crash."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
