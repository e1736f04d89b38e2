"""A file whose readers are killed."""

import errno
import os
import re
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..waiting import until
from .survey import Survey

__all__ = ["DeadlyFile", "deadly_head", "dying_workers"]

_PAUSE = 0.03


class DeadlyFile:
    """A named pipe. Whoever reads it waits there, and is killed, up to a number of times; then there is no such file.

    Parameters
    ----------
    path : Path
        Where.
    n_kills : int
        How many readers are killed; 0 means that they wait for ever.
    """

    def __init__(self, path: Path, n_kills: int) -> None:
        self.path, self._left = path, n_kills
        self.killed: list[int] = []
        self._over = threading.Event()
        os.mkfifo(path)

    def readers(self) -> list[int]:
        """Return the processes that have the file open to read it."""
        found = []
        for process in filter(str.isdecimal, os.listdir("/proc")):
            for link in _links(Path("/proc", process, "fd")):
                with suppress(OSError):  # that process is gone
                    if link.readlink() == self.path and not _access(link) & (os.O_WRONLY | os.O_RDWR):
                        found.append(int(process))
        return found

    def kill_readers(self) -> None:
        """Kill one reader after the other until all that are to be killed are, or the test is over."""
        while (end := self._other_end()) is None:
            if self._over.wait(_PAUSE):
                return
        try:
            # held open, whoever comes and goes: a reader would find the end of the file without it
            while self._left and not self._over.wait(_PAUSE):
                for reader in self.readers()[: self._left] if _has_reader(end) else ():
                    os.kill(reader, signal.SIGKILL)
                    self.killed.append(reader)
                    self._left -= 1
                    until(lambda each=reader: each not in self.readers(), "the reader dies")  # type: ignore[misc]
                    if not self._left:
                        self.path.unlink()
        finally:
            os.close(end)

    @contextmanager
    def held_open(self) -> Iterator[None]:
        """Wait for a reader, and hold the other end open: it waits for content that does not come."""
        end = os.open(self.path, os.O_WRONLY)  # which takes a reader
        try:
            yield
        finally:
            os.close(end)

    @property
    def is_read(self) -> bool:
        """Whether some process has the file open; one that is about to finds it empty unless it is held open."""
        end = self._other_end()
        if end is not None:
            os.close(end)
        return end is not None

    def _other_end(self) -> int | None:
        """Open the other end; None where nobody has the file open, or is about to."""
        try:
            return os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return None

    def close(self) -> None:
        """Kill nobody any more."""
        self._over.set()


def _has_reader(end: int) -> bool:
    """Tell whether somebody has the other end of a pipe open."""
    poll = select.poll()
    poll.register(end, 0)
    return not poll.poll(0)


def _links(folder: Path) -> list[Path]:
    """Return what a folder of descriptors holds; nothing where its process is gone."""
    with suppress(OSError):
        return [folder / name for name in os.listdir(folder)]
    return []


def _access(link: Path) -> int:
    """Return the flags with which a file was opened."""
    # not ours to count: the end that we hold open, and have twice while a process of ours is being started
    (flags,) = re.findall(r"^flags:\s+(\d+)$", (link.parents[1] / "fdinfo" / link.name).read_text(), re.MULTILINE)
    return int(flags, 8)


@contextmanager
def deadly_head(survey: Survey, number: int, n_kills: int, band: str = "r") -> Iterator[DeadlyFile]:
    """Make the SCAMP header of an epoch a deadly file."""
    path = survey.folder / f"deadly-{band}-{number}.ohead"
    survey.set_entry(number, {"head_path": f"$MEDS_DIR/{path.name}"}, band)
    file = DeadlyFile(path, n_kills)
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
