"""Image-shaped extensions of FITS files."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DamagedFileError, PlaneError
from .datasum import check_datasum
from .fitsfile import FitsFile, Unit
from .headers import Header
from .plain import PlainPixels
from .scaling import Want
from .tiled import TiledPixels

__all__ = ["Plane", "open_plane"]

Booleans = npt.NDArray[np.bool_]


class Plane:
    """One image-shaped extension of a FITS file that is open.

    Parameters
    ----------
    file : FitsFile
        The file, open as long as pixels are read.
    unit : Unit
        The extension.
    ext : str or int
        Its name or number, as it was asked for.

    Attributes
    ----------
    shape : tuple of int
        (ny, nx).
    dtype : dtype
        Of the pixels.

    Raises
    ------
    PlaneError
        If it is not a two-dimensional image.
    FitsFileError
        If its header contradicts itself, or it is stored in a way that is not read here.
    """

    def __init__(self, file: FitsFile, unit: Unit, ext: str | int) -> None:
        self.path, self.ext = file.path, ext
        self._file, self._unit = file, unit
        header = unit.header
        kind = header.text("XTENSION") if unit.number else "IMAGE"
        tiled = kind == "BINTABLE" and header.first("ZIMAGE") is True
        z, image = "Z" if tiled else "", tiled or kind == "IMAGE"
        n_axes = header.integer(f"{z}NAXIS") if image else 0
        dimensions = [header.integer(f"{z}NAXIS{n}") for n in range(n_axes, 0, -1)] if n_axes < 10 else [n_axes]
        if len(dimensions) != 2 or 0 in dimensions:
            raise PlaneError(f"{header.where}: its dimensions are {dimensions}: expected an image, [ny, nx]")
        counts = (0 if tiled else header.integer("PCOUNT", 0), header.integer("GCOUNT", 1))
        if counts != (0, 1):
            raise DamagedFileError(f"{header.where}: PCOUNT, GCOUNT are {counts[0]}, {counts[1]}: not an image's")
        self._pixels = TiledPixels(file, unit) if tiled else PlainPixels(file, unit)
        self.shape, self.dtype = self._pixels.shape, self._pixels.dtype

    @property
    def header(self) -> Header:
        """Its header."""
        return self._unit.header

    @property
    def quantization(self) -> str | None:
        """How a compressed float plane was quantised: ZQUANTIZ, None where the header has none."""
        return self.header.text("ZQUANTIZ") or None

    def rows(self, y0: int = 0, y1: int | None = None) -> npt.NDArray[Any]:
        """Return the pixels of some rows, or of all.

        Parameters
        ----------
        y0, y1 : int
            The first row, and the one behind the last.

        Returns
        -------
        ndarray, shape (y1 - y0, nx)
            Values of `dtype`, as ``fitsio.read`` gives them.

        Raises
        ------
        DamagedFileError
            If the bytes in the file are not the pixels of such an image.
        FitsFileError
            If they cannot be read.
        """
        return self._read(y0, y1, Want.VALUES, self.dtype)

    def positive(self, y0: int = 0, y1: int | None = None) -> Booleans:
        """Return which pixels of some rows are positive and finite; see `rows`."""
        return self._read(y0, y1, Want.POSITIVE, np.dtype(bool))

    def nonzero(self, y0: int = 0, y1: int | None = None) -> Booleans:
        """Return which pixels of some rows are not 0, as NaN is not; see `rows`."""
        return self._read(y0, y1, Want.NONZERO, np.dtype(bool))

    def check_datasum(self) -> bool:
        """Compare the data with their DATASUM; return whether there is one.

        Raises
        ------
        DamagedFileError
            If they do not agree.
        """
        return check_datasum(self._file, self._unit)

    def _read(self, y0: int, y1: int | None, want: Want, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        ny, nx = self.shape
        y1 = ny if y1 is None else y1
        if not 0 <= y0 <= y1 <= ny:
            raise ValueError(f"rows {y0} to {y1} are wanted of {ny}")
        if y0 == y1:
            return np.empty((0, nx), dtype)
        return self._pixels.read(y0, y1, want, lambda: np.empty((y1 - y0, nx), dtype))


def open_plane(file: FitsFile, ext: str | int) -> Plane:
    """Return a plane of a file; its pixels are read later.

    Parameters
    ----------
    file : FitsFile
        The file.
    ext : str or int
        EXTNAME, in any case, or number of the extension.

    Raises
    ------
    PlaneError
        If the extension is not a two-dimensional image.
    FitsFileError
        If it is missing, its header contradicts itself, or it is stored in a way that is not read here.
    """
    return Plane(file, file.unit(ext), ext)
