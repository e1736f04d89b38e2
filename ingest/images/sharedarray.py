"""Arrays shared by worker processes."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["SharedArray", "remove_leftovers", "scratch_folder"]

_PREFIX = "goodpix-scratch-"

# Seconds; a younger folder may not be locked yet.
_YOUNG = 60


class SharedArray:
    """An array in memory or, if processes share it, in a memory-mapped file.

    An array in a file is pickled as the name of the file, which is opened where the array is first used: a job that
    was queued when its run was stopped can still be unpickled after the file is gone.

    Parameters
    ----------
    array : ndarray
        The array, in memory.
    """

    __slots__ = ("_array", "_dtype", "_shape", "path")

    def __init__(self, array: npt.NDArray[Any]) -> None:
        self._array: npt.NDArray[Any] | None = array
        self._shape, self._dtype = array.shape, array.dtype.str
        self.path: Path | None = None

    @property
    def array(self) -> npt.NDArray[Any]:
        """The array.

        Raises
        ------
        OSError
            If its file is gone.
        """
        if self._array is None:
            assert self.path is not None
            # a plain array, because kernels are compiled only for that type
            self._array = np.asarray(np.memmap(self.path, self._dtype, "r+", shape=self._shape))
        return self._array

    @classmethod
    def zeros(cls, shape: tuple[int, ...], dtype: npt.DTypeLike, folder: Path | None = None) -> "SharedArray":
        """Return an array of zeros, in a file if a folder is given.

        Raises
        ------
        OSError
            If there is no room for the file.
        """
        if folder is None:
            return cls(np.zeros(shape, dtype))
        handle, name = tempfile.mkstemp(dir=folder, suffix=".array")
        try:
            # reserve the space now: writing to a mapped file on a full disk kills the process (SIGBUS)
            os.posix_fallocate(handle, 0, int(np.prod(shape)) * np.dtype(dtype).itemsize)
        except OSError as error:
            raise OSError(error.errno, os.strerror(error.errno or 0), name) from error
        finally:
            os.close(handle)
        return _in_file(Path(name), shape, np.dtype(dtype).str)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.path is None:
            return SharedArray, (self._array,)
        return _in_file, (self.path, self._shape, self._dtype)


def _in_file(path: Path, shape: tuple[int, ...], dtype: str) -> SharedArray:
    shared = SharedArray.__new__(SharedArray)
    shared.path, shared._array = path, None
    shared._shape, shared._dtype = shape, dtype
    return shared


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a scratch folder for shared arrays in the system's temporary folder, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder, _opened(Path(folder)) as descriptor:
        # the lock ends with this process, however it dies; without file locks, leftovers are not removed either
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Path(folder)


def remove_leftovers() -> None:
    """Remove scratch folders left by this user's killed processes."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            state = folder.lstat()
            if state.st_uid == os.getuid() and time.time() - state.st_mtime > _YOUNG:
                with _opened(folder) as descriptor:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
