"""The root of a catalogue's mask files."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import (
    CatalogueError,
    CatalogueVersionError,
    GoodpixError,
    MaskFileMissingError,
    StoreError,
    UsageError,
    check_utf_8,
)
from ..files.object import local_text
from .bucket import ObjectStore
from .folder import LocalFolder
from .protocol import Place, Store

__all__ = ["FORMAT_VERSION", "MOVED_ROOT_CURE", "READABLE_FORMATS", "MasksRoot"]

FORMAT_VERSION = 2
"""Version of the stored files and tables; raised whenever older software would misread them."""

READABLE_FORMATS = (1, FORMAT_VERSION)
"""Versions that this software reads, side by side in one root."""

MOVED_ROOT_CURE = "goodpix rebuild --force --masks FOLDER takes a folder that was moved"
"""Cure of a root that is not where the catalogue remembers it."""

# The underscore hides it from readers that treat a folder as a Parquet dataset.
_MARKER = "_goodpix.json"
_FACTS = ("campaign", "wcs_source")
_VERSION = "format_version"


@dataclass(frozen=True, slots=True)
class MasksRoot:
    """The location of the mask files, one subfolder per band, marked with their catalogue.

    Parameters
    ----------
    store : Store
        A folder, or its equivalent in an object store.
    """

    store: Store

    @classmethod
    def of(cls, place: str | os.PathLike[str], beside: Path | None = None) -> "MasksRoot":
        """Return the root at a location.

        Parameters
        ----------
        place : str or path
            A folder, or a URL of an object store; see `ObjectStore`.
        beside : Path, optional
            Folder that a stored path is relative to; by default the working directory.

        Raises
        ------
        UsageError
            If the location is neither.
        """
        text = local_text(place, "masks root")
        check_utf_8(text, "masks root")
        if "://" in text:
            return cls(ObjectStore.at(text))
        path = beside / text if beside else os.path.expanduser(text)  # ~nobody stays as it is
        return cls(LocalFolder(Path(os.path.abspath(path))))

    def __str__(self) -> str:
        return str(self.store)

    def seen_from(self, folder: Path | None) -> str:
        """Return the location as stored by a database in a folder, or by one on a server if None."""
        return str(self) if folder is None else self.store.seen_from(folder)

    def path(self, mask_file: str) -> Place:
        """Return the location of a mask file, named relative to the root."""
        return self.store.path(mask_file)

    @property
    def owner(self) -> str | None:
        """The UUID of the catalogue that owns the root; None if the root is unmarked.

        Raises
        ------
        CatalogueError
            If the root's marker cannot be read.
        CatalogueVersionError
            If the marker has another format version.
        """
        owner: str | None = self._marked().get("uuid")
        return owner

    @property
    def facts(self) -> dict[str, str]:
        """The catalogue's campaign and wcs_source from the root's marker; an old marker has neither."""
        return _facts(self._marked())

    def trouble(self, uuid: str) -> str | None:
        """Return why the root does not belong to a catalogue; None if it does.

        Parameters
        ----------
        uuid : str
            UUID of the catalogue.

        Raises
        ------
        CatalogueError
            If the root's marker cannot be read.
        CatalogueVersionError
            If the marker has another format version.
        """
        owner = self.owner
        if owner is None:
            return f"its {_MARKER} is missing: {self.store.doubt}"
        return None if owner == uuid else f"it belongs to catalogue {owner}, expected {uuid}"

    def missing(self, error: MaskFileMissingError) -> MaskFileMissingError:
        """Return what to say of a mask file that is missing: the error, or one about the root if its marker is, too."""
        try:
            marker = self.store.read(_MARKER)
        except (GoodpixError, OSError):
            return error
        if marker is not None:
            return error
        return MaskFileMissingError(
            f"masks root {self}: its {_MARKER} is missing: {self.store.doubt} ({MOVED_ROOT_CURE})"
        )

    def claim(self, uuid: str, *, new: bool = True, facts: Mapping[str, str] | None = None) -> None:
        """Mark the root as belonging to a catalogue, or check that it does.

        Parameters
        ----------
        uuid : str
            UUID of the catalogue.
        new : bool
            Whether the root may be unmarked, because the catalogue has no masks yet.
        facts : mapping, optional
            ``campaign`` and ``wcs_source``, kept in the marker for a rebuild because no mask file records them.

        Raises
        ------
        CatalogueError
            If the root belongs to another catalogue, cannot be written, or has lost its marker.
        CatalogueVersionError
            If the marker has another format version.
        """
        marked = self._marked()
        if not marked and not new:
            raise CatalogueError(f"masks root {self}: {self.trouble(uuid)}")
        try:
            if not marked:
                # of two catalogues that find it unmarked at once, one marks it and the other reads that marker
                self.store.create(_MARKER, _content({_VERSION: FORMAT_VERSION, "uuid": uuid, **(facts or {})}))
                marked = self._marked()
            owner = marked.get("uuid")
            if owner == uuid and facts and facts != _facts(marked):
                self.store.write(_MARKER, _content({_VERSION: marked[_VERSION], "uuid": uuid, **facts}))
        except CatalogueError:
            raise
        except StoreError as error:
            raise CatalogueError(f"masks root {error}") from error
        except OSError as error:
            raise CatalogueError(f"masks root {self}: cannot be used ({error})") from error
        if owner != uuid:
            raise CatalogueError(
                f"masks root {self} belongs to catalogue {owner}, expected {uuid}: "
                "give this catalogue a root of its own with --masks"
            )

    def raise_version(self) -> None:
        """Raise the marker's format version to that of the files written now, so that older software refuses the root.

        Raises
        ------
        CatalogueError
            If the root's marker cannot be read.
        OSError
            If it cannot be written.
        """
        marked = self._marked()
        if marked and marked[_VERSION] != FORMAT_VERSION:
            self.store.write(_MARKER, _content(marked | {_VERSION: FORMAT_VERSION}))

    def _marked(self) -> dict[str, Any]:
        """Return the content of the marker; empty if there is none."""
        try:
            content = self.store.read(_MARKER)
            if content is None:
                return {}
            marker = json.loads(content)
            version = marker.pop(_VERSION)
            marked = {_VERSION: version, "uuid": str(marker["uuid"])}
            marked |= {name: str(marker[name]) for name in _FACTS if name in marker}
        except StoreError as error:
            raise CatalogueError(f"masks root {error}") from error
        except UsageError:
            raise
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise CatalogueError(f"masks root {self}: cannot read its {_MARKER} ({error})") from error
        if version not in READABLE_FORMATS:
            raise CatalogueVersionError(
                f"masks root {self}: format version {version}, expected {FORMAT_VERSION} or older: "
                "use the version of goodpix that wrote it"
            )
        return marked


def _content(marked: Mapping[str, Any]) -> bytes:
    return (json.dumps(marked, indent=1) + "\n").encode()


def _facts(marked: Mapping[str, Any]) -> dict[str, str]:
    return {name: marked[name] for name in _FACTS if name in marked}
