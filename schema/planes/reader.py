"""The one reader of FITS planes and headers."""

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
from .files import Extension, PlaneFile, expand, variables

__all__ = [
    "Plane",
    "PlaneReader",
    "check_integer",
    "check_weight",
    "read_scamp_head",
]


@dataclass(frozen=True, slots=True)
class Plane:
    """One image-shaped extension of a FITS file that is open.

    Parameters
    ----------
    path : str
        The file, as the info file has it.
    ext : str or int
        The extension.
    shape : tuple of int
        (ny, nx).
    """

    path: str
    ext: Extension
    shape: tuple[int, int]
    _hdu: Any = field(repr=False)

    @property
    def header(self) -> Mapping[str, Any]:
        """Its header, read each time; keys in upper case.

        Raises
        ------
        FitsFileError
            If it cannot be read.
        """
        try:
            return _upper(self._hdu.read_header())
        except (OSError, ValueError) as error:
            raise FitsFileError(f"{self.path}[{self.ext}]: cannot read the header ({_one_line(error)})") from error

    @property
    def quantization(self) -> str | None:
        """How a compressed float plane was quantised: ZQUANTIZ, None where the header has none."""
        value = self.header.get("ZQUANTIZ")
        return None if value is None else str(value).strip()

    def read(self, rows: slice | None = None) -> npt.NDArray[Any]:
        """Return the pixels, all or of some rows; shape (ny, nx), native byte order.

        Raises
        ------
        FitsFileError
            If the data cannot be read: a truncated or damaged file.
        """
        try:
            data = self._hdu.read() if rows is None else self._hdu[rows, :]
        except (OSError, ValueError) as error:
            raise FitsFileError(
                f"{self.path}[{self.ext}]: cannot read the data, is the file truncated? ({_one_line(error)})"
            ) from error
        return np.asarray(data)


class PlaneReader:
    """Reads planes of FITS files, each of which is opened once; a context manager.

    One reader belongs to one thread: CFITSIO's handles must not be shared.
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
        """Return a plane; its pixels are read later.

        Parameters
        ----------
        path : str
            The file; environment variables and ``~`` are filled in.
        ext : str or int
            EXTNAME, in any case, or number of the extension.

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
            raise PlaneError(f"{path}[{ext}]: its dimensions are {list(shape)}: expected an image, [ny, nx]")
        return Plane(path, ext, (shape[0], shape[1]), hdu)

    def open(self, file: PlaneFile) -> Plane:
        """Return the plane that is at a place; see `plane`."""
        return self.plane(file.place, file.ext)

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
        found = ", ".join(name or str(number) for number, name in enumerate(names))
        raise FitsFileError(f"{path}: no extension {ext!r} (the file has {found}; is it truncated?)")

    def _open(self, path: str) -> Any:
        if path not in self._files:
            place = expand(path)
            shown = path if place == path else f"{path} ({place})"
            if Path(place).is_dir():
                raise FitsFileError(f"{shown}: is a folder: expected a FITS file")
            if not Path(place).exists():
                unset = variables([place])
                hint = f": is {unset[0]} set?" if unset else ""
                raise FitsFileError(f"{shown}: no such file{hint}")
            try:
                file = self._stack.enter_context(fitsio.FITS(place))
                len(file)
            except (OSError, ValueError) as error:
                raise FitsFileError(f"{shown}: not a FITS file, or truncated ({_one_line(error)})") from error
            self._files[path] = file
        return self._files[path]


def check_weight(plane: Plane, *, allow_dithered: bool = False) -> str | None:
    """Refuse a weight plane that has lost its exact zeros; return how it was quantised.

    Raises
    ------
    DitheredWeightError
        If the plane was compressed with SUBTRACTIVE_DITHER_1, which makes half of the zeros positive.
    """
    quantization = plane.quantization
    if quantization == "SUBTRACTIVE_DITHER_1" and not allow_dithered:
        raise DitheredWeightError(
            f"{plane.path}[{plane.ext}]: ZQUANTIZ is SUBTRACTIVE_DITHER_1, which loses the exact zeros of a "
            "weight plane: expected SUBTRACTIVE_DITHER_2 (--allow-dithered-weights takes it all the same)"
        )
    return quantization


def check_integer(plane: Plane, pixels: npt.NDArray[Any], what: str) -> None:
    """Refuse a plane that does not hold integers.

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
    """Return a fitsio header as a dictionary; of a keyword that occurs twice the last value."""
    return {str(key).upper(): header[key] for key in header.keys() if key}  # noqa: SIM118  # iterating yields records


def _one_line(error: Exception) -> str:
    # CFITSIO's further lines are of earlier calls as well
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
