"""Masks roots in folders on local or mounted file systems."""

import errno
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, ClassVar

from ..errors import StoreError
from .protocol import Draft, FoundFile, Listing

__all__ = ["LocalFolder", "publish"]


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A store that keeps files in a folder; see `goodpix.schema.store.protocol.Store`.

    Parameters
    ----------
    folder : Path
        Absolute path of the folder.
    """

    folder: Path
    doubt: ClassVar[str] = "is the disk mounted, or was the folder moved?"

    def __str__(self) -> str:
        return str(self.folder)

    def seen_from(self, folder: Path) -> str:
        """Return the path relative to a folder that contains it, else the absolute path."""
        return str(self.folder.relative_to(folder) if self.folder.is_relative_to(folder) else self.folder)

    def check(self) -> None:
        """Do nothing: a folder needs no library."""

    def exists(self) -> bool:
        """Tell whether the folder exists."""
        try:
            return stat.S_ISDIR(self.folder.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return False
            raise StoreError(f"{self.folder} cannot be read: {error.strerror}") from error

    def path(self, name: str) -> Path:
        """Return the path of a file."""
        return self.folder / name

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None if it does not exist."""
        try:
            return self.path(name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file, replacing any of the same name."""
        draft = self._draft_of(name, content)
        try:
            draft.publish(name)
        finally:
            draft.discard()

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless one of its name exists; return whether it was written."""
        draft = self._draft_of(name, content)
        try:
            return draft.publish_anew(name)
        finally:
            draft.discard()

    def draft(self, folder: str) -> Draft:
        """Begin a file in its final folder, under a name that readers ignore."""
        return self._draft(self.folder / folder)

    def listing(self) -> Listing:
        """List every file below the folder, sorted by name; none if the folder does not exist."""
        walk = _Walk(self.folder)
        if self.exists():
            try:
                walk.enter(self.folder)
            except OSError as error:
                raise StoreError(f"{self.folder} cannot be listed: {error.strerror}") from error
        return Listing(tuple(sorted(walk.files, key=lambda each: each.name)), tuple(walk.unlisted))

    def remove(self, file: FoundFile) -> None:
        """Remove a listed file, unless it has been rewritten since."""
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
class _Walk:
    """A walk through a folder and those below it, which may be links to folders on other disks."""

    root: Path
    files: list[FoundFile] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    entered: set[tuple[int, int]] = field(default_factory=set)

    def enter(self, folder: Path) -> None:
        """Add the files in a folder and below it."""
        state = folder.stat()
        if (state.st_dev, state.st_ino) in self.entered:
            return  # a link to a folder above
        self.entered.add((state.st_dev, state.st_ino))
        with os.scandir(folder) as entries:
            in_folder = list(entries)
        for entry in in_folder:
            path = Path(entry.path)
            try:
                self._add(entry, path)
            except OSError as error:
                # what is published or removed meanwhile is no trouble; a link to nothing is
                if not isinstance(error, FileNotFoundError) or path.is_symlink():
                    self.unlisted.append(f"{path} cannot be listed: {error.strerror}")

    def _add(self, entry: os.DirEntry[str], path: Path) -> None:
        if entry.is_dir():
            self.enter(path)
            return
        if entry.is_symlink() and not path.suffix:
            path.stat()  # fails for a folder on a disk that is not mounted
        state = entry.stat(follow_symlinks=False)
        self.files.append(FoundFile(str(path.relative_to(self.root)), state.st_size, state.st_mtime))


@dataclass(slots=True)
class _Draft:
    """A temporary file in the folder of the file that it becomes."""

    store: LocalFolder
    file: IO[bytes]

    def publish(self, name: str) -> None:
        """Sync the file to disk and rename it."""
        self.file.close()
        publish(self._path, self.store.path(name))

    def publish_anew(self, name: str) -> bool:
        """Sync the file to disk and give it a name unless that exists; return whether it got the name."""
        self.file.close()
        final = self.store.path(name)
        _settle(self._path)
        try:
            os.link(self._path, final)
        except FileExistsError:
            return False
        except OSError:
            # some file systems have no hard links; there, the last of two simultaneous writers wins
            self._path.replace(final)
        _sync(final.parent)
        return True

    def discard(self) -> None:
        """Remove the temporary file."""
        # after a disk-full error, closing fails again
        with suppress(OSError):
            self.file.close()
        self._path.unlink(missing_ok=True)

    @property
    def _path(self) -> Path:
        return Path(self.file.name)


def publish(temporary: Path, final: Path) -> None:
    """Rename a finished file, so that after a crash it is either complete or absent.

    The file's content reaches the disk before its name does, and its name before this returns.
    """
    _settle(temporary)
    temporary.replace(final)
    _sync(final.parent)


def _settle(temporary: Path) -> None:
    """Sync a finished file to disk, with the permissions that the umask allows."""
    umask = os.umask(0)
    os.umask(umask)
    with temporary.open("rb") as file:
        # a temporary file is private to its owner; a catalogue is shared with colleagues
        os.fchmod(file.fileno(), 0o666 & ~umask)
        os.fsync(file.fileno())


def _make_folder(folder: Path) -> None:
    """Make a folder and its parents, synced so that they survive a crash."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    """Sync the entries of a folder to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
