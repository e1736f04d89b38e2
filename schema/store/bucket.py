"""Masks roots in object stores."""

import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, ClassVar

from ..errors import StoreError
from ..files.object import StoredObject, check_library, checked_url, file_system, telling
from .protocol import Draft, FoundFile, Listing

__all__ = ["ObjectStore"]


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A store that keeps files as objects; see `goodpix.schema.store.protocol.Store`.

    Parameters
    ----------
    url : str
        Prefix of the object names, such as ``s3://bucket/prefix``; a URL of S3, Google Cloud Storage (``gs``), Azure
        (``abfs``) or, for tests, of this process's ``memory``.
    """

    url: str
    doubt: ClassVar[str] = "is the URL right, or was the bucket emptied?"

    @classmethod
    def at(cls, url: str) -> "ObjectStore":
        """Return the store at a URL, without connecting to it or importing its library.

        Raises
        ------
        UsageError
            If the URL is not supported or may contain a password.
        """
        return cls(checked_url(url, "masks root", "folder").rstrip("/"))

    def __str__(self) -> str:
        return self.url

    def seen_from(self, folder: Path) -> str:
        """Return the URL, which is the same from every folder."""
        del folder
        return self.url

    def check(self) -> None:
        """Check that the store's library is installed, without contacting the store.

        Raises
        ------
        UsageError
            If it is not installed.
        """
        check_library(self.url)

    def exists(self) -> bool:
        """Tell whether any object's name begins with the URL."""
        files, path = file_system(self.url)
        with suppress(FileNotFoundError), telling(self.url):
            return bool(files.ls(path, detail=False))
        return False

    def path(self, name: str) -> StoredObject:
        """Return the location of a file."""
        return StoredObject(f"{self.url}/{name}")

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None if it does not exist."""
        try:
            return self.path(name).read()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file, replacing any of the same name."""
        self.path(name).write(content)

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless one of its name exists; return whether it was written.

        In stores that cannot do this in one step, the last of two simultaneous writers wins.
        """
        try:
            self.path(name).write(content, anew=True)
        except FileExistsError:
            return False
        except StoreError:
            if self.read(name) is not None:
                return False
            self.write(name, content)
        return True

    def draft(self, folder: str) -> Draft:
        """Begin a file; until it is published it is in this machine's folder for temporary files."""
        del folder
        return _Draft(self, tempfile.TemporaryFile(prefix="goodpix-"))  # the draft's owner closes it

    def listing(self) -> Listing:
        """List every file below the URL, sorted by name."""
        files, path = file_system(self.url)
        with telling(self.url):
            entries = files.find(path, detail=True)
            return Listing(
                tuple(
                    FoundFile(name.removeprefix(f"{path}/"), entry["size"], _modified(files, entry))
                    for name, entry in sorted(entries.items())
                )
            )

    def remove(self, file: FoundFile) -> None:
        """Remove a listed file, unless it has been rewritten since."""
        url = self.path(file.name).url
        files, path = file_system(url)
        with suppress(FileNotFoundError), telling(url):
            if _modified(files, files.info(path)) == file.modified:
                files.rm_file(path)


@dataclass(slots=True)
class _Draft:
    """A local file that becomes an object; it has no name, so it does not outlive a crash."""

    store: ObjectStore
    file: IO[bytes] = field(repr=False)

    def publish(self, name: str) -> None:
        """Upload the whole file."""
        self.file.seek(0)
        self.store.write(name, self.file.read())

    def discard(self) -> None:
        """Close the file, which deletes it."""
        self.file.close()


def _modified(files: Any, entry: dict[str, Any]) -> float:
    """Return the modification time of an object, seconds since 1970."""
    when = entry.get("LastModified") or files.modified(entry["name"])
    return float(when.timestamp())
