"""The types that pixels are read as, and what is asked about them."""

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
    """What is asked of pixels."""

    VALUES = "their values"
    POSITIVE = "which are positive and finite"
    NONZERO = "which are not 0"


@dataclass(frozen=True, slots=True)
class Scaling:
    """How the pixels of an image are made of the numbers that are stored.

    Parameters
    ----------
    dtype : dtype
        Of the pixels, as CFITSIO has it: that of BITPIX, or unsigned, or one that all values fit in.
    scale, zero : float
        BSCALE and BZERO.
    """

    dtype: np.dtype[Any]
    scale: float = 1.0
    zero: float = 0.0

    @classmethod
    def of(cls, bitpix: int, scale: float, zero: float, where: str) -> "Scaling":
        """Find the type of the pixels.

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
            raise UnsupportedFitsError(f"{where}: BSCALE and BZERO are {scale} and {zero} of 64-bit integers")
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
        """Least and greatest 32-bit integer that fits, where integers are stored as they are; else all."""
        least, most = -(1 << 31), (1 << 31) - 1
        if self.dtype.kind not in "iu" or self.scale != 1 or self.zero != 0:
            return least, most
        kind = np.iinfo(self.dtype)
        return max(least, int(kind.min)), min(most, int(kind.max))

    def write(self, stored: Pixels, want: Want, out: Pixels, *, known: bool = False) -> bool:
        """Write what is asked of the pixels that stored numbers are.

        Parameters
        ----------
        stored : ndarray
            The numbers, of native byte order.
        want : Want
            What is asked.
        out : ndarray
            Of the same shape: of bool, or of `dtype` where values are wanted.
        known : bool
            Whether the numbers are known to lie within `limits`.

        Returns
        -------
        bool
            Whether all pixels fit in `dtype`.
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
    """Return whether integers fit in a type; true of others."""
    if np.can_cast(pixels.dtype, dtype, "safe") or pixels.dtype.kind not in "iu" or not pixels.size:
        return True
    limits = np.iinfo(dtype)
    return bool(pixels.min() >= limits.min and pixels.max() <= limits.max)


def answer(pixels: Pixels, want: Want, out: Pixels) -> None:
    """Write what is asked of pixels."""
    if want is Want.VALUES:
        np.copyto(out, pixels, casting="unsafe")
    elif want is Want.NONZERO:
        np.not_equal(pixels, 0, out=out)
    else:
        np.greater(pixels, 0, out=out)  # NaN is not
        if pixels.dtype.kind == "f":
            out &= pixels < np.inf
