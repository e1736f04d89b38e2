"""A masks root in a folder of this machine, or of a file system that it mounts."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

from .protocol import Draft, FoundFile

__all__ = ["LocalFolder", "publish"]


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """Keeps files in a folder; see `goodpix.schema.store.protocol.Store`.

    Parameters
    ----------
    folder : Path
        Its place, absolute.
    """

    folder: Path
    doubt: ClassVar[str] = "is the disk mounted, or was the folder moved?"

    def __str__(self) -> str:
        return str(self.folder)

    def seen_from(self, folder: Path) -> str:
        """Return the folder relative to another that it lies in, else its whole path."""
        return str(self.folder.relative_to(folder) if self.folder.is_relative_to(folder) else self.folder)

    def exists(self) -> bool:
        """Tell whether there is such a folder."""
        return self.folder.is_dir()

    def path(self, name: str) -> Path:
        """Return the place of a file."""
        return self.folder / name

    def read(self, name: str) -> bytes | None:
        """Return what a file holds; None where there is none."""
        try:
            return self.path(name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file, in the place of any other of its name."""
        draft = self._draft_of(name, content)
        try:
            draft.publish(name)
        finally:
            draft.discard()

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless there is one of its name already; return whether it was written."""
        draft = self._draft_of(name, content)
        try:
            return draft.publish_anew(name)
        finally:
            draft.discard()

    def draft(self, folder: str) -> Draft:
        """Begin a file, under a name that no reader looks at, in the folder where it is to lie."""
        return self._draft(self.folder / folder)

    def files(self) -> Iterator[FoundFile]:
        """Yield every file below the folder, by name; nothing where there is no such folder."""
        for folder, folders, names in os.walk(self.folder):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(folder, name)
                try:
                    state = os.stat(path, follow_symlinks=False)
                except FileNotFoundError:
                    continue  # published or removed since
                yield FoundFile(os.path.relpath(path, self.folder), state.st_size, state.st_mtime)

    def remove(self, file: FoundFile) -> None:
        """Remove a file that was listed, unless it was written again since."""
        path = self.path(file.name)
        with suppress(FileNotFoundError):
            if path.stat().st_mtime == file.modified:
                path.unlink()

    def _draft(self, folder: Path) -> "_Draft":
        _make_folder(folder)
        return _Draft(
            self,
            tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=".partial", delete=False),  # its owner closes it
        )

    def _draft_of(self, name: str, content: bytes) -> "_Draft":
        draft = self._draft(self.path(name).parent)
        draft.file.write(content)
        return draft


@dataclass(slots=True)
class _Draft:
    """A file beside the one that it becomes."""

    store: LocalFolder
    file: IO[bytes]

    def publish(self, name: str) -> None:
        """Rename it, once it is on the disk."""
        self.file.close()
        publish(self._path, self.store.path(name))

    def publish_anew(self, name: str) -> bool:
        """Name it, once it is on the disk, unless there is a file of that name; return whether it has the name."""
        self.file.close()
        final = self.store.path(name)
        _settle(self._path)
        try:
            os.link(self._path, final)
        except FileExistsError:
            return False
        except OSError:
            # some file systems have no second names; there, of two at once the last one wins
            self._path.replace(final)
        _sync(final.parent)
        return True

    def discard(self) -> None:
        """Remove it."""
        # after a full disk, closing fails once more
        with suppress(OSError):
            self.file.close()
        self._path.unlink(missing_ok=True)

    @property
    def _path(self) -> Path:
        return Path(self.file.name)


def publish(temporary: Path, final: Path) -> None:
    """Give a finished file its name, so that after a crash either all of it is there or nothing.

    The file's bytes reach the disk before its name does, and its name before the caller goes on.
    """
    _settle(temporary)
    temporary.replace(final)
    _sync(final.parent)


def _settle(temporary: Path) -> None:
    """Bring a finished file to the disk, open to those whom the umask leaves in."""
    umask = os.umask(0)
    os.umask(umask)
    with temporary.open("rb") as file:
        # a temporary file is its owner's alone; a catalogue is for colleagues too
        os.fchmod(file.fileno(), 0o666 & ~umask)
        os.fsync(file.fileno())


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
