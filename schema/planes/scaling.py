"""Scaling and data types of pixels."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UnsupportedFitsError

__all__ = ["Scaling", "Want", "answer"]

Pixels = npt.NDArray[Any]

_TYPES = {8: "u1", 16: "i2", 32: "i4", 64: "i8", -32: "f4", -64: "f8"}


class Want(Enum):
    """Quantity to read of each pixel."""

    VALUES = "value"
    POSITIVE = "positive and finite"
    NONZERO = "not 0"


@dataclass(frozen=True, slots=True)
class Scaling:
    """Scaling from stored numbers to pixel values.

    Parameters
    ----------
    dtype : dtype
        Data type of the pixels, as in CFITSIO: that of BITPIX, its unsigned counterpart, or one that fits all values.
    scale, zero : float
        BSCALE and BZERO: a pixel is ``scale * stored + zero``.
    """

    dtype: np.dtype[Any]
    scale: float = 1.0
    zero: float = 0.0

    @classmethod
    def of(cls, bitpix: int, scale: float, zero: float, where: str) -> "Scaling":
        """Derive the scaling from header values.

        Raises
        ------
        UnsupportedFitsError
            If 64-bit integers are scaled.
        """
        plain = np.dtype(_TYPES[bitpix])
        if bitpix < 0 or (scale == 1 and zero == 0):
            return cls(plain, scale, zero)
        if bitpix == 64:
            if scale == 1 and zero == 2.0**63:
                return cls(np.dtype("u8"), scale, zero)
            raise UnsupportedFitsError(
                f"{where}: BITPIX, BSCALE, BZERO are 64, {scale:g}, {zero:g}: expected BSCALE 1 and BZERO 0 or 2**63"
            )
        limits = np.iinfo(plain)
        ends = sorted((zero + scale * limits.min, zero + scale * limits.max))
        if scale.is_integer() and zero.is_integer() and zero <= 2.0**31:
            for kind in ("i1", "i2", "u2", "i4", "u4"):
                least, most = np.iinfo(kind).min, np.iinfo(kind).max
                if least <= ends[0] and ends[1] <= most and (kind != "i1" or tuple(ends) == (-128, 127)):
                    return cls(np.dtype(kind), scale, zero)
            return cls(np.dtype("f8"), scale, zero)
        return cls(np.dtype("f8" if bitpix == 32 else "f4"), scale, zero)

    @property
    def limits(self) -> tuple[int, int]:
        """Range of 32-bit integers that fit in `dtype`; the full range if pixels are scaled or floats."""
        least, most = -(1 << 31), (1 << 31) - 1
        if self.dtype.kind not in "iu" or self.scale != 1 or self.zero != 0:
            return least, most
        kind = np.iinfo(self.dtype)
        return max(least, int(kind.min)), min(most, int(kind.max))

    def write(self, stored: Pixels, want: Want, out: Pixels, *, known: bool = False) -> bool:
        """Compute the wanted quantity of pixels from stored numbers.

        Parameters
        ----------
        stored : ndarray
            Stored numbers, in native byte order.
        want : Want
            Quantity to compute.
        out : ndarray
            Output array of the same shape: of type `dtype` for values, else bool.
        known : bool
            True if the numbers are known to lie within `limits`.

        Returns
        -------
        bool
            True if all pixels fit in `dtype`.
        """
        pixels = stored if self.scale == 1 and self.zero == 0 else self._scaled(stored)
        fits = known or _fit(pixels, self.dtype)
        if want is not Want.VALUES and pixels.dtype.kind == "f":
            pixels = pixels.astype(self.dtype, copy=False)
        answer(pixels, want, out)
        return fits

    def _scaled(self, stored: Pixels) -> Pixels:
        if self.dtype == np.uint64:
            return stored.astype(np.int64).view(np.uint64) ^ np.uint64(1 << 63)
        if self.dtype.kind in "iu":
            return stored.astype(np.int64) * int(self.scale) + int(self.zero)
        with np.errstate(over="ignore", invalid="ignore"):
            return (stored * np.float64(self.scale) + np.float64(self.zero)).astype(self.dtype)


def _fit(pixels: Pixels, dtype: np.dtype[Any]) -> bool:
    """Return False if integers do not fit in an integer type."""
    if np.can_cast(pixels.dtype, dtype, "safe") or pixels.dtype.kind not in "iu" or not pixels.size:
        return True
    limits = np.iinfo(dtype)
    return bool(pixels.min() >= limits.min and pixels.max() <= limits.max)


def answer(pixels: Pixels, want: Want, out: Pixels) -> None:
    """Compute the wanted quantity of pixels."""
    if want is Want.VALUES:
        np.copyto(out, pixels, casting="unsafe")
    elif want is Want.NONZERO:
        np.not_equal(pixels, 0, out=out)
    else:
        np.greater(pixels, 0, out=out)  # False for NaN
        if pixels.dtype.kind == "f":
            out &= pixels < np.inf
