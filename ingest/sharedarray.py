"""An array that worker processes share instead of copying it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["SharedArray", "scratch_folder"]


@dataclass(frozen=True, slots=True, eq=False)
class SharedArray:
    """An array in memory, or, where other processes work on it too, in a file that all of them map.

    One with a file travels to another process as the file's name.

    Parameters
    ----------
    array : ndarray
        The array.
    path : Path or None
        Its file.
    """

    array: npt.NDArray[Any]
    path: Path | None = None

    @classmethod
    def zeros(cls, shape: tuple[int, ...], dtype: npt.DTypeLike, folder: Path | None = None) -> "SharedArray":
        """Return an array of zeros, with a file if there is a folder for it."""
        if folder is None:
            return cls(np.zeros(shape, dtype))
        handle, name = tempfile.mkstemp(dir=folder, suffix=".array")
        with os.fdopen(handle, "wb") as file:
            file.truncate(int(np.prod(shape)) * np.dtype(dtype).itemsize)
        return _attach(Path(name), shape, np.dtype(dtype).str)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.path is None:
            return SharedArray, (self.array,)
        return _attach, (self.path, self.array.shape, self.array.dtype.str)


def _attach(path: Path, shape: tuple[int, ...], dtype: str) -> SharedArray:
    # a plain array: kernels are compiled for that type alone
    return SharedArray(np.asarray(np.memmap(path, dtype, "r+", shape=shape)), path)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a folder for shared arrays, in the system's temporary folder, for as long as they are needed."""
    with tempfile.TemporaryDirectory(prefix="goodpix-") as folder:
        yield Path(folder)
