"""Image-shaped extensions of FITS files."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DamagedFileError, PlaneError
from .conversion import Conversion, Pixels, convert, unite
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
    """Image extension of an open FITS file.

    Parameters
    ----------
    file : FitsFile
        File that contains the plane; it must stay open while pixels are read.
    unit : Unit
        Unit of the extension.
    ext : str or int
        EXTNAME or number of the extension, as requested.
    conversion : Conversion, optional
        Conversion of the stored pixels; by default none.

    Attributes
    ----------
    path : str
        Name of the file in messages.
    shape : tuple of int
        (ny, nx).
    dtype : dtype
        Data type of the pixels.
    conversion : Conversion
        Conversion of the stored pixels.
    also : tuple of Plane
        Other planes whose mask bits are added.

    Raises
    ------
    PlaneError
        If the extension is not a two-dimensional image.
    FitsFileError
        If its header is inconsistent, or its format is not supported.
    """

    def __init__(self, file: FitsFile, unit: Unit, ext: str | int, conversion: Conversion | None = None) -> None:
        self.path, self.ext, self.unit, self._file = file.path, ext, unit, file
        self.conversion = conversion or Conversion()
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
            raise DamagedFileError(
                f"{header.where}: PCOUNT, GCOUNT are {counts[0]}, {counts[1]}: expected 0, 1 for an image"
            )
        lost_zeros = conversion is not None and conversion.lost_zeros
        self._pixels: Pixels = (
            TiledPixels(TileTable(file, unit), lost_zeros=lost_zeros) if tiled else PlainPixels(file, unit)
        )
        if conversion is not None:
            self._pixels = convert(self._pixels, conversion, header.where)
        self.also = tuple(open_plane(file, other, each) for other, each in self.conversion.also)
        if self.also:
            self._pixels = unite([self._pixels, *(each._pixels for each in self.also)], header.where)
        self.shape, self.dtype = self._pixels.shape, self._pixels.dtype

    @property
    def header(self) -> Header:
        """Header of the extension."""
        return self.unit.header

    @property
    def quantization(self) -> str | None:
        """Quantisation method of a compressed float plane, from ZQUANTIZ; None if the keyword is absent."""
        return self.header.text("ZQUANTIZ") or None

    def read(self, rows: slice | None = None) -> npt.NDArray[Any]:
        """Return the pixels of a range of rows.

        Parameters
        ----------
        rows : slice, optional
            Range of rows with step 1; all rows by default.

        Returns
        -------
        ndarray, shape (n_rows, nx)
            Values of type `dtype`, equal to those of ``fitsio.read`` unless they are converted.

        Raises
        ------
        DamagedFileError
            If the data do not match the header.
        FitsFileError
            If the data cannot be read.
        """
        return self._read(rows, Want.VALUES, self.dtype)

    def positive(self, rows: slice | None = None) -> Booleans:
        """Return True for the pixels that are positive and finite; see `read`."""
        return self._read(rows, Want.POSITIVE, np.dtype(bool))

    def nonzero(self, rows: slice | None = None) -> Booleans:
        """Return True for the pixels that are not 0, NaN included; see `read`."""
        return self._read(rows, Want.NONZERO, np.dtype(bool))

    def datasum(self) -> DataSum:
        """Return the computed and the stated checksum of the data.

        Raises
        ------
        FitsFileError
            If the data cannot be read.
        """
        return DataSum.of(self._file, self.unit)

    def _read(self, rows: slice | None, want: Want, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        ny, nx = self.shape
        y0, y1 = (0, ny) if rows is None else (rows.start, rows.stop)
        if not 0 <= y0 <= y1 <= ny:
            raise ValueError(f"rows {y0} to {y1}: expected a range within 0 to {ny}")
        if y0 == y1:
            return np.empty((0, nx), dtype)
        return self._pixels.read(y0, y1, want, lambda: np.empty((y1 - y0, nx), dtype))


def open_plane(file: FitsFile, ext: str | int, conversion: Conversion | None = None) -> Plane:
    """Return a plane of a file without reading its pixels.

    Parameters
    ----------
    file : FitsFile
        Open file.
    ext : str or int
        EXTNAME, in upper or lower case, or number of the extension.
    conversion : Conversion, optional
        Conversion of the stored pixels; by default none.

    Raises
    ------
    PlaneError
        If the extension is not a two-dimensional image.
    FitsFileError
        If the extension is missing, its header is inconsistent, or its format is not supported.
    """
    return Plane(file, file.unit(ext), ext, conversion)
