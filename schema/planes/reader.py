"""Reader of FITS planes and headers."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import fitsio
import numpy as np
import numpy.typing as npt

from ..errors import DitheredWeightError, FitsFileError, PlaneError
from .imagefiles import Extension, PlaneFile, expand, variables

__all__ = [
    "Plane",
    "PlaneReader",
    "check_integer",
    "check_weight",
    "read_scamp_head",
]


@dataclass(frozen=True, slots=True)
class Plane:
    """One image extension of an open FITS file.

    Parameters
    ----------
    path : str
        Path as the info file has it.
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
        """Header of the extension, read at each access; keys in upper case.

        Raises
        ------
        FitsFileError
            If the header cannot be read.
        """
        try:
            return _upper(self._hdu.read_header())
        except (OSError, ValueError) as error:
            raise FitsFileError(f"{self.path}[{self.ext}]: cannot read the header ({_one_line(error)})") from error

    @property
    def quantization(self) -> str | None:
        """Quantisation of a compressed float plane, from ZQUANTIZ; None if the header has no such keyword."""
        value = self.header.get("ZQUANTIZ")
        return None if value is None else str(value).strip()

    def read(self, rows: slice | None = None) -> npt.NDArray[Any]:
        """Return the pixels of all or some rows, shape (ny, nx), in native byte order.

        Raises
        ------
        FitsFileError
            If the data cannot be read because the file is truncated or damaged.
        """
        try:
            data = self._hdu.read() if rows is None else self._hdu[rows, :]
        except (OSError, ValueError) as error:
            raise FitsFileError(
                f"{self.path}[{self.ext}]: cannot read the data, is the file truncated? ({_one_line(error)})"
            ) from error
        return np.asarray(data)


class PlaneReader:
    """Reader of planes that opens each FITS file once; a context manager.

    A reader belongs to one thread, since CFITSIO handles must not be shared.
    """

    def __init__(self) -> None:
        self._files: dict[str, Any] = {}
        self._stack = ExitStack()

    def __enter__(self) -> "PlaneReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def plane(self, path: str, ext: Extension) -> Plane:
        """Return a plane, whose pixels are read later.

        Parameters
        ----------
        path : str
            The file; environment variables and ``~`` are expanded.
        ext : str or int
            EXTNAME, in upper or lower case, or number of the extension.

        Raises
        ------
        FitsFileError
            If the file or the extension is missing or cannot be read.
        PlaneError
            If the extension is not a two-dimensional image.
        """
        hdu = self._hdu(path, ext)
        try:
            info = hdu.get_info()
        except (OSError, ValueError) as error:
            raise FitsFileError(f"{path}[{ext}]: cannot read the header ({_one_line(error)})") from error
        shape = tuple(int(n) for n in info.get("dims", ()))
        if len(shape) != 2 or 0 in shape:
            raise PlaneError(f"{path}[{ext}]: dimensions are {list(shape)}: expected an image, [ny, nx]")
        return Plane(path, ext, (shape[0], shape[1]), hdu)

    def open(self, file: PlaneFile) -> Plane:
        """Return the plane in a file; see `plane`."""
        return self.plane(file.path_now, file.ext)

    def primary_header(self, path: str) -> Mapping[str, Any]:
        """Return the header of a file's primary HDU; keys in upper case."""
        return _upper(self._open(path)[0].read_header())

    def _hdu(self, path: str, ext: Extension) -> Any:
        file = self._open(path)
        names = [hdu.get_extname() for hdu in file]
        wanted = str(ext).strip().lower()
        for number, name in enumerate(names):
            if number == ext if isinstance(ext, int) else name.strip().lower() == wanted:
                return file[number]
        present = ", ".join(name or str(number) for number, name in enumerate(names))
        raise FitsFileError(f"{path}: no extension {ext!r} (the file has {present}; is it truncated?)")

    def _open(self, path: str) -> Any:
        if path not in self._files:
            expanded = expand(path)
            shown = path if expanded == path else f"{path} ({expanded})"
            if Path(expanded).is_dir():
                raise FitsFileError(f"{shown}: is a folder: expected a FITS file")
            if not Path(expanded).exists():
                unset = variables([expanded])
                hint = f": is {unset[0]} set?" if unset else ""
                raise FitsFileError(f"{shown}: no such file{hint}")
            try:
                file = self._stack.enter_context(fitsio.FITS(expanded))
                len(file)
            except (OSError, ValueError) as error:
                raise FitsFileError(f"{shown}: not a FITS file, or truncated ({_one_line(error)})") from error
            self._files[path] = file
        return self._files[path]


def check_weight(plane: Plane, *, allow_dithered: bool = False) -> str | None:
    """Check that a weight plane has kept its exact zeros, and return its quantisation.

    Raises
    ------
    DitheredWeightError
        If the plane was compressed with SUBTRACTIVE_DITHER_1, which makes half of the zeros positive.
    """
    quantization = plane.quantization
    if quantization == "SUBTRACTIVE_DITHER_1" and not allow_dithered:
        raise DitheredWeightError(
            f"{plane.path}[{plane.ext}]: ZQUANTIZ is SUBTRACTIVE_DITHER_1, which loses the exact zeros of a "
            "weight plane: expected SUBTRACTIVE_DITHER_2 (--allow-dithered-weights accepts it anyway)"
        )
    return quantization


def check_integer(plane: Plane, pixels: npt.NDArray[Any], what: str) -> None:
    """Check that a plane contains integers.

    Raises
    ------
    PlaneError
        If the pixels are of another type.
    """
    if pixels.dtype.kind not in "iu":
        raise PlaneError(f"{plane.path}[{plane.ext}]: {what} is {pixels.dtype}: expected integers")


def read_scamp_head(path: str) -> Mapping[str, Any]:
    """Return the header of a SCAMP ``.head`` file; keys in upper case.

    Raises
    ------
    FitsFileError
        If the file is missing or cannot be read.
    """
    try:
        return _upper(fitsio.read_scamp_head(expand(path)))
    except (OSError, ValueError, IndexError, AttributeError) as error:
        raise FitsFileError(f"{path}: cannot read this SCAMP header ({_one_line(error)})") from error


def _upper(header: Any) -> dict[str, Any]:
    """Return a fitsio header as a dictionary; the last value of a repeated keyword wins."""
    return {str(key).upper(): header[key] for key in header.keys() if key}  # noqa: SIM118  # iterating yields records


def _one_line(error: Exception) -> str:
    # the lines after the first may come from earlier CFITSIO calls
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
