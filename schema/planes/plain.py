"""Pixels of uncompressed images."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .fitsfile import FitsFile, Unit
from .scaling import Scaling, Want

__all__ = ["PlainPixels"]

_STORED = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}

# Pixels per step: few enough to stay in the processor's cache.
_CHUNK = 1 << 17


class PlainPixels:
    """Pixels of an uncompressed image.

    Parameters
    ----------
    file : FitsFile
        File that contains the image.
    unit : Unit
        Unit of the image, which has two axes.

    Attributes
    ----------
    shape : tuple of int
        (ny, nx).
    dtype : dtype
        Data type of the pixels.
    """

    def __init__(self, file: FitsFile, unit: Unit) -> None:
        header = unit.header
        bitpix = header.integer("BITPIX")
        self._file, self._start, self._stored = file, unit.start, np.dtype(_STORED[bitpix])
        self._scaling = Scaling.of(bitpix, header.number("BSCALE", 1), header.number("BZERO", 0), header.where)
        self.shape = (header.integer("NAXIS2"), header.integer("NAXIS1"))
        self.dtype = self._scaling.dtype

    def read(self, y0: int, y1: int, want: Want, make: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Return the wanted quantity for a range of rows; `make` allocates the array."""
        nx = self.shape[1]
        row, step = nx * self._stored.itemsize, max(1, _CHUNK // nx)
        out: npt.NDArray[Any] = make()
        for y in range(y0, y1, step):
            n = min(step, y1 - y)
            stored = self._file.read(self._start + y * row, n * row).view(self._stored).reshape(n, nx)
            self._scaling.write(
                stored.astype(self._stored.newbyteorder("="), copy=False), want, out[y - y0 : y - y0 + n]
            )
        return out
