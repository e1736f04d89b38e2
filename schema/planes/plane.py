"""Image-shaped extensions of FITS files."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DamagedFileError, PlaneError
from .cfitsio import HcompressPixels
from .datasum import DataSum
from .fitsfile import FitsFile, Unit
from .headers import Header
from .plain import PlainPixels
from .scaling import Want
from .tiled import TiledPixels
from .tiles import TileTable

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
    path : str
        The file's name in messages.
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
        self.path, self.ext, self.unit, self._file = file.path, ext, unit, file
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
        self._pixels = _pixels(file, unit, tiled=tiled)
        self.shape, self.dtype = self._pixels.shape, self._pixels.dtype

    @property
    def header(self) -> Header:
        """Its header."""
        return self.unit.header

    @property
    def quantization(self) -> str | None:
        """How a compressed float plane was quantised: ZQUANTIZ, None where the header has none."""
        return self.header.text("ZQUANTIZ") or None

    def read(self, rows: slice | None = None) -> npt.NDArray[Any]:
        """Return the pixels of some consecutive rows, or of all.

        Parameters
        ----------
        rows : slice, optional
            The rows, of step 1.

        Returns
        -------
        ndarray, shape (n_rows, nx)
            Values of `dtype`, as ``fitsio.read`` gives them.

        Raises
        ------
        DamagedFileError
            If the bytes in the file are not the pixels of such an image.
        FitsFileError
            If they cannot be read.
        """
        return self._read(rows, Want.VALUES, self.dtype)

    def positive(self, rows: slice | None = None) -> Booleans:
        """Return which pixels of some rows are positive and finite; see `read`."""
        return self._read(rows, Want.POSITIVE, np.dtype(bool))

    def nonzero(self, rows: slice | None = None) -> Booleans:
        """Return which pixels of some rows are not 0, as NaN is not; see `read`."""
        return self._read(rows, Want.NONZERO, np.dtype(bool))

    def datasum(self) -> DataSum:
        """Return the sum of its data, and what the header says it is.

        Raises
        ------
        FitsFileError
            If they cannot be read.
        """
        return DataSum.of(self._file, self.unit)

    def _read(self, rows: slice | None, want: Want, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        ny, nx = self.shape
        y0, y1 = (0, ny) if rows is None else (rows.start, rows.stop)
        if not 0 <= y0 <= y1 <= ny:
            raise ValueError(f"rows {y0} to {y1} are wanted of {ny}")
        if y0 == y1:
            return np.empty((0, nx), dtype)
        return self._pixels.read(y0, y1, want, lambda: np.empty((y1 - y0, nx), dtype))


def _pixels(file: FitsFile, unit: Unit, *, tiled: bool) -> PlainPixels | TiledPixels | HcompressPixels:
    """Return the reader of an image's pixels."""
    if not tiled:
        return PlainPixels(file, unit)
    table = TileTable(file, unit)
    return HcompressPixels(table) if table.codec == "HCOMPRESS_1" else TiledPixels(table)


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
