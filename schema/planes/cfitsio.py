"""Access to a survey's files through CFITSIO.

CFITSIO interprets paths: brackets, ``!``, ``+2`` and ``scheme://`` have effects. It is therefore given the number of a
descriptor that is open on a regular file, never a path from the survey.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import fitsio
import numpy as np
import numpy.typing as npt

from ..errors import FitsFileError, PlaneError
from .fitsfile import FitsFile
from .imagefiles import Extension, PlaneFile, expand

__all__ = ["CfitsioPlane", "CfitsioReader"]

Pixels = npt.NDArray[Any]

# Path that never exists.
_NOWHERE = "/dev/fd/-"

# Maximum number of failed calls that empty the error stack: it holds 25 lines, and each call removes at least 12.
_MOST_CALLS = 8


@contextmanager
def _opened(descriptor: int, shown: str) -> Iterator[Any]:
    """Open a descriptor's file, which must stay open until the end: CFITSIO shares the handles of equal names."""
    _clear_errors()
    try:
        with _errors_of(shown):
            file = fitsio.FITS(f"/dev/fd/{descriptor}")
        try:
            yield file
        finally:
            file.close()
    finally:
        _clear_errors()


@contextmanager
def _errors_of(shown: str) -> Iterator[None]:
    """Add the file's name to errors of fitsio; lines after the first may come from earlier calls."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise FitsFileError(f"{shown}: CFITSIO cannot read it: is it truncated? ({line})") from error


def _clear_errors() -> None:
    """Empty CFITSIO's error stack, which the whole process shares.

    Notes
    -----
    fitsio offers no function for this, but a failing call removes the oldest lines, as many as fit in its message.
    A few calls that are certain to fail therefore empty the stack.
    """
    for _ in range(_MOST_CALLS):
        try:
            fitsio.FITS(_NOWHERE)
        except OSError as error:
            first_line = (str(error).splitlines() or ["", ""])[1:2]
            if first_line and first_line[0].startswith("failed to find or open"):
                return  # the message of this call itself


@dataclass(frozen=True, slots=True)
class CfitsioPlane:
    """Image extension of a FITS file, read by fitsio.

    Parameters
    ----------
    path : str
        Path as written in the info file.
    ext : str or int
        EXTNAME or number of the extension.
    shape : tuple of int
        (ny, nx).
    """

    path: str
    ext: Extension
    shape: tuple[int, int]
    _hdu: Any = field(repr=False)

    @property
    def header(self) -> Mapping[str, Any]:
        """Header of the extension; keys in upper case, with the last value of a repeated keyword."""
        with _errors_of(f"{self.path}[{self.ext}]"):
            header = self._hdu.read_header()
        return {str(key).upper(): header[key] for key in header.keys() if key}  # noqa: SIM118  # iterating yields records

    def read(self, rows: slice) -> Pixels:
        """Return the pixels of a range of rows, shape (n_rows, nx)."""
        with _errors_of(f"{self.path}[{self.ext}]"):
            return np.asarray(self._hdu[rows, :])


class CfitsioReader:
    """Reader of planes that uses fitsio and opens each FITS file once; a context manager, for a single thread."""

    def __init__(self) -> None:
        self._files: dict[str, Any] = {}
        self._stack = ExitStack()

    def __enter__(self) -> "CfitsioReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def open(self, file: PlaneFile) -> CfitsioPlane:
        """Return a plane without reading its pixels.

        Raises
        ------
        FitsFileError
            If the file or the extension is missing or cannot be read.
        PlaneError
            If the extension is not a two-dimensional image.
        """
        hdu = self._hdu(file.path_now, file.ext)
        with _errors_of(f"{file.path}[{file.ext}]"):
            shape = tuple(int(n) for n in hdu.get_info().get("dims", ()))
        if len(shape) != 2 or 0 in shape:
            raise PlaneError(f"{file.path}[{file.ext}]: dimensions are {list(shape)}: expected an image, [ny, nx]")
        return CfitsioPlane(file.path, file.ext, (shape[0], shape[1]), hdu)

    def _hdu(self, path: str, ext: Extension) -> Any:
        if path not in self._files:
            regular = self._stack.enter_context(FitsFile(expand(path), path))
            self._files[path] = self._stack.enter_context(_opened(regular.descriptor, path))
        file, wanted = self._files[path], str(ext).strip().lower()
        with _errors_of(path):
            for number, hdu in enumerate(file):
                if number == ext if isinstance(ext, int) else hdu.get_extname().strip().lower() == wanted:
                    return hdu
        raise FitsFileError(f"{path}: no extension {ext!r}")
