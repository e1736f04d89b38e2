"""Checksum of the data of a FITS unit."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import DamagedFileError
from ..jit import kernel
from .fitsfile import FitsFile, Unit
from .headers import whole_number

__all__ = ["DataSum", "compute_datasum", "stated_datasum"]

# Bytes per read; a multiple of the word size.
_READ = 1 << 18

_MODULUS = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class DataSum:
    """Computed and stated checksum of a unit's data.

    Parameters
    ----------
    where : str
        Path and extension, for messages.
    computed : int
        Sum of the data; see `compute_datasum`.
    stored : str
        DATASUM in the header; empty if it is absent or blank.

    Notes
    -----
    CHECKSUM is ignored, because headers are often edited later; ZDATASUM belongs to the image before compression.
    """

    where: str
    computed: int
    stored: str

    @classmethod
    def of(cls, file: FitsFile, unit: Unit) -> "DataSum":
        """Compute the sum of a unit's data.

        Raises
        ------
        FitsFileError
            If the data cannot be read.
        """
        return cls(unit.header.where, compute_datasum(file, unit), unit.header.text("DATASUM"))

    @property
    def is_damaged(self) -> bool:
        """True if the header has a DATASUM that the data do not match."""
        return _number(self.stored) not in (None, self.computed)

    def check(self) -> bool:
        """Check the data against DATASUM; return False if the header has none.

        Raises
        ------
        DamagedFileError
            If the data do not match it, or it is not a number.
        """
        if self.is_damaged:
            raise DamagedFileError(
                f"{self.where}: the data are damaged: they sum to {self.computed}: expected DATASUM, {self.stored} "
                "(--allow-damaged, allow_damaged=True, accepts them anyway)"
            )
        return bool(self.stored)


def stated_datasum(unit: Unit) -> int | None:
    """Return DATASUM from a unit's header; None if it is absent, -1 if it is not a number."""
    return _number(unit.header.text("DATASUM"))


def _number(text: str) -> int | None:
    if not text:
        return None
    number = whole_number(text)
    return -1 if number is None or number < 0 else number % _MODULUS


@kernel
def _sum_words(words: npt.NDArray[np.uint32]) -> int:
    """Return the sum of big-endian words in an array of little-endian type."""
    total = np.uint64(0)
    for k in range(words.size):
        word = words[k]  # without the casts, numba would compute every step in 64 bits
        low = np.uint32(word >> np.uint32(24)) | np.uint32(np.uint32(word >> np.uint32(8)) & np.uint32(0xFF00))
        high = np.uint32(np.uint32(word << np.uint32(8)) & np.uint32(0xFF0000)) | np.uint32(word << np.uint32(24))
        total += np.uint64(np.uint32(low) | np.uint32(high))
    return int(total)


def compute_datasum(file: FitsFile, unit: Unit) -> int:
    """Compute the ones'-complement sum of a unit's data on disk, modulo 2**32 - 1.

    Raises
    ------
    FitsFileError
        If the data cannot be read.
    """
    # the last block may be truncated: its missing bytes count as zeros
    start, stop, total = unit.start, min(unit.start + unit.padded, file.size), 0
    while start < stop:
        data = file.read(start, min(_READ, stop - start))
        if data.size % 4:
            data = np.pad(data, (0, -data.size % 4))
        total += int(_sum_words(data.view("<u4")))
        start += _READ
    return total % _MODULUS
