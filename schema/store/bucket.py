"""A masks root in an object store."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, ClassVar

from ..errors import StoreError, UsageError
from .object import StoredObject, file_system, telling
from .protocol import Draft, FoundFile

__all__ = ["ObjectStore"]

_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/]+(/.*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """Keeps files as objects; see `goodpix.schema.store.protocol.Store`.

    Parameters
    ----------
    url : str
        What their names begin with, such as ``s3://bucket/prefix``; any URL that fsspec knows.
    """

    url: str
    doubt: ClassVar[str] = "is this the right place, or was it emptied?"

    @classmethod
    def at(cls, url: str) -> "ObjectStore":
        """Return the store at a URL, which is checked as far as its text goes.

        Raises
        ------
        UsageError
            If it is not such a URL, its library is not installed, or there may be a password in it.
        """
        # the URL is stored and shown: whatever may be secret in it must not get that far
        if "@" in url or "?" in url or "#" in url:
            raise UsageError(
                f"masks root {url.partition('://')[0]}://...: expected a URL without @, ? and #, such as "
                "s3://bucket/prefix: who asks, the environment says (AWS_PROFILE, AWS_ACCESS_KEY_ID ...)"
            )
        if "::" in url or not _URL.fullmatch(url):
            raise UsageError(f"masks root {url}: expected a folder, or a URL such as s3://bucket/prefix")
        file_system(url)
        return cls(url.rstrip("/"))

    def __str__(self) -> str:
        return self.url

    def seen_from(self, folder: Path) -> str:
        """Return the URL, from wherever it is seen."""
        del folder
        return self.url

    def exists(self) -> bool:
        """Tell whether there is any object whose name begins with the URL."""
        files, path = file_system(self.url)
        with suppress(FileNotFoundError), telling(self.url):
            return bool(files.ls(path, detail=False))
        return False

    def path(self, name: str) -> StoredObject:
        """Return the place of a file."""
        return StoredObject(f"{self.url}/{name}")

    def read(self, name: str) -> bytes | None:
        """Return what a file holds; None where there is none."""
        try:
            return self.path(name).read()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file, in the place of any other of its name."""
        self.path(name).write(content)

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless there is one of its name already; return whether it was written.

        Not every store can do that in one step; in one that cannot, of two who do it at once the last one wins.
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
        """Begin a file; it lies on this machine, in its folder for temporary files, until it is whole."""
        del folder
        return _Draft(self, tempfile.TemporaryFile(prefix="goodpix-"))  # the draft's owner closes it

    def files(self) -> Iterator[FoundFile]:
        """Yield every file below the URL, by name."""
        files, path = file_system(self.url)
        with telling(self.url):
            found = files.find(path, detail=True)
            listed = [
                FoundFile(name.removeprefix(f"{path}/"), entry["size"], _modified(files, entry))
                for name, entry in sorted(found.items())
            ]
        yield from listed

    def remove(self, file: FoundFile) -> None:
        """Remove a file that was listed, unless it was written again since."""
        url = self.path(file.name).url
        files, path = file_system(url)
        with suppress(FileNotFoundError), telling(url):
            if _modified(files, files.info(path)) == file.modified:
                files.rm_file(path)


@dataclass(slots=True)
class _Draft:
    """A file on this machine, which becomes an object; it has no name, so that nothing of it outlives a crash."""

    store: ObjectStore
    file: IO[bytes] = field(repr=False)

    def publish(self, name: str) -> None:
        """Send it, whole."""
        self.file.seek(0)
        self.store.write(name, self.file.read())

    def discard(self) -> None:
        """Close it, and with that it is gone."""
        self.file.close()


def _modified(files: Any, entry: dict[str, Any]) -> float:
    """Return when an object was written, seconds since 1970."""
    when = entry.get("LastModified") or files.modified(entry["name"])
    return float(when.timestamp())
