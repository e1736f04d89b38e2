"""A file that is read for hours, and whose readers are killed."""

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..waiting import until
from .survey import Survey

__all__ = ["DeadlyFile", "deadly_seg", "dying_workers", "make_endless", "readers"]

_PAUSE = 0.03

# Bytes of nothing, which take no place on the disk and most of an hour to sum.
_ENDLESS = 1 << 43


def make_endless(path: Path, shape: tuple[int, int]) -> None:
    """Write a FITS file whose only plane, SCI, is in order but for a sum that takes for ever to compute."""
    primary = {"SIMPLE": "T", "BITPIX": 8, "NAXIS": 0}
    plane = {
        "XTENSION": "'BINTABLE'",
        "BITPIX": 8,
        "NAXIS": 2,
        "NAXIS1": 8,
        "NAXIS2": shape[0],
        "PCOUNT": _ENDLESS,
        "GCOUNT": 1,
        "TFIELDS": 1,
        "TTYPE1": "'COMPRESSED_DATA'",
        "TFORM1": "'1PB(0)'",
        "ZIMAGE": "T",
        "ZCMPTYPE": "'GZIP_1'",
        "ZBITPIX": 32,
        "ZNAXIS": 2,
        "ZNAXIS1": shape[1],
        "ZNAXIS2": shape[0],
        "EXTNAME": "'SCI'",
    }
    with path.open("wb") as file:
        for header in (primary, plane):
            cards = "".join(f"{key:<8}= {value}".ljust(80) for key, value in header.items()) + "END"
            file.write(cards.ljust(2880).encode())
        file.truncate(2 * 2880 + 8 * shape[0] + _ENDLESS)


def readers(path: Path) -> list[int]:
    """Return the processes that have a file open to read it."""
    found = []
    for process in filter(str.isdecimal, os.listdir("/proc")):
        for link in _links(Path("/proc", process, "fd")):
            with suppress(OSError):  # that process is gone
                if link.readlink() == path and not _access(link) & (os.O_WRONLY | os.O_RDWR):
                    found.append(int(process))
    return found


class DeadlyFile:
    """A file whose readers are killed, up to a number of times; then the good one is in its place again.

    Parameters
    ----------
    path : Path
        A FITS file with a plane SCI, in whose place it is.
    shape : tuple of int
        Of that plane.
    n_kills : int
        How many readers are killed; 0 means that they read for ever.
    """

    def __init__(self, path: Path, shape: tuple[int, int], n_kills: int) -> None:
        self.path, self._left = path, n_kills
        self.killed: list[int] = []
        self._over = threading.Event()
        self._good = path.rename(path.with_suffix(".good"))
        make_endless(path, shape)

    def kill_readers(self) -> None:
        """Kill one reader after the other until all that are to be killed are, or the test is over."""
        while self._left and not self._over.wait(_PAUSE):
            for reader in set(readers(self.path)):
                self._left -= 1
                if not self._left:
                    self.mend()  # before somebody else reads it
                os.kill(reader, signal.SIGKILL)
                self.killed.append(reader)
                until(lambda each=reader: each not in readers(self.path), "the reader dies")  # type: ignore[misc]
                if not self._left:
                    return

    @contextmanager
    def held_open(self) -> Iterator[None]:
        """Wait for a reader."""
        until(lambda: self.is_read, "the file is read")
        yield

    @property
    def is_read(self) -> bool:
        """Whether some process has the file open."""
        return bool(readers(self.path))

    def mend(self) -> None:
        """Put the good file in its place again."""
        self._good.replace(self.path)

    def close(self) -> None:
        """Kill nobody any more."""
        self._over.set()


def _links(folder: Path) -> list[Path]:
    """Return what a folder of descriptors holds; nothing where its process is gone."""
    with suppress(OSError):
        return [folder / name for name in os.listdir(folder)]
    return []


def _access(link: Path) -> int:
    """Return the flags with which a file was opened."""
    (flags,) = re.findall(r"^flags:\s+(\d+)$", (link.parents[1] / "fdinfo" / link.name).read_text(), re.MULTILINE)
    return int(flags, 8)


@contextmanager
def deadly_seg(survey: Survey, number: int | None, n_kills: int, band: str = "r") -> Iterator[DeadlyFile]:
    """Make the segmentation map of an epoch, or of the coadd, a deadly file."""
    ny, nx = survey.plane(number, "seg", band).shape
    file = DeadlyFile(survey.path(number, "seg", band), (ny, nx), n_kills)
    thread = threading.Thread(target=file.kill_readers)
    if n_kills:
        thread.start()
    try:
        yield file
    finally:
        file.close()
        if n_kills:
            thread.join()


def pool_workers() -> list[int]:
    """Return the worker processes of this one: the children of the server that forks them."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # that process is gone
    return [process for process, parent in parents.items() if parents.get(parent) == os.getpid()]


@contextmanager
def dying_workers(begin: Callable[[], bool]) -> Iterator[list[int]]:
    """Kill every worker process of this one from the time on at which a condition holds."""
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        while not over.wait(_PAUSE):
            if begin():
                for worker in pool_workers():
                    with suppress(ProcessLookupError):  # it has died since
                        os.kill(worker, signal.SIGKILL)
                        killed.append(worker)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()
