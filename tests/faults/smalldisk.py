"""A small disk in memory that can be filled, where mounting is allowed."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["SmallDisk", "small_disk"]


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A disk in memory.

    Parameters
    ----------
    folder : Path
        Mount point.
    """

    folder: Path

    def resize(self, n_bytes: int) -> None:
        """Change its size, to no less than its contents."""
        _mount("-o", f"remount,size={n_bytes}", self.folder)

    @property
    def n_used(self) -> int:
        """Number of bytes used."""
        state = os.statvfs(self.folder)
        return (state.f_blocks - state.f_bfree) * state.f_frsize

    def fill(self, n_left: int = 0) -> None:
        """Leave `n_left` bytes free, rounded down to whole pages."""
        # a size of 0 would mean no limit
        (self.folder / "filler").write_bytes(bytes(_PAGE))
        self.resize(self.n_used + n_left // _PAGE * _PAGE)


_PAGE = 4096


@contextmanager
def small_disk(folder: Path, n_bytes: int) -> Iterator[SmallDisk]:
    """Mount a small disk at a new folder; skip the test if that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("a small disk takes root to mount")
    folder.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", f"size={n_bytes}", "goodpix-test", folder)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no small disk: {error.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        # lazily, because files on it may still be open
        subprocess.run(["umount", "--lazy", folder], check=True)


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True, text=True)
