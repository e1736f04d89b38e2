"""The checksum of a unit's data."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import DamagedFileError
from ..jit import kernel
from .fitsfile import FitsFile, Unit

__all__ = ["DataSum", "compute_datasum", "stated_datasum"]

# Bytes read at a time; whole words.
_READ = 1 << 18

_MODULUS = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class DataSum:
    """The sum of a unit's data, and what the header says it is.

    Parameters
    ----------
    where : str
        Path and extension, for messages.
    computed : int
        See `compute_datasum`.
    stored : str
        DATASUM; empty where there is none, or it is blank.

    Notes
    -----
    CHECKSUM is not looked at, as headers are edited afterwards everywhere; ZDATASUM is of the image before it
    was compressed.
    """

    where: str
    computed: int
    stored: str

    @classmethod
    def of(cls, file: FitsFile, unit: Unit) -> "DataSum":
        """Sum the data of a unit.

        Raises
        ------
        FitsFileError
            If the data cannot be read.
        """
        return cls(unit.header.where, compute_datasum(file, unit), unit.header.text("DATASUM"))

    @property
    def is_damaged(self) -> bool:
        """Whether there is a DATASUM, and the data do not agree with it."""
        return _number(self.stored) not in (None, self.computed)

    def check(self) -> bool:
        """Return whether there is a DATASUM.

        Raises
        ------
        DamagedFileError
            If the data do not agree with it, or it is not a number.
        """
        if self.is_damaged:
            raise DamagedFileError(
                f"{self.where}: the data are damaged: their sum is {self.computed}, and DATASUM says {self.stored} "
                "(--allow-damaged accepts them anyway)"
            )
        return bool(self.stored)


def stated_datasum(unit: Unit) -> int | None:
    """Return the DATASUM of a unit's header; None if it has none, -1 if that is not a number."""
    return _number(unit.header.text("DATASUM"))


def _number(text: str) -> int | None:
    if not text:
        return None
    return int(text) % _MODULUS if text.isascii() and text.isdigit() else -1


@kernel
def _sum_words(words: npt.NDArray[np.uint32]) -> int:
    """Return the sum of big-endian words that were taken for little-endian ones."""
    total = np.uint64(0)
    for k in range(words.size):
        word = words[k]  # each of these steps is 64 bits wide unless it is told not to be
        low = np.uint32(word >> np.uint32(24)) | np.uint32(np.uint32(word >> np.uint32(8)) & np.uint32(0xFF00))
        high = np.uint32(np.uint32(word << np.uint32(8)) & np.uint32(0xFF0000)) | np.uint32(word << np.uint32(24))
        total += np.uint64(np.uint32(low) | np.uint32(high))
    return int(total)


def compute_datasum(file: FitsFile, unit: Unit) -> int:
    """Return the ones'-complement sum of a unit's data as they are on disk, modulo 2**32 - 1.

    Raises
    ------
    FitsFileError
        If the data cannot be read.
    """
    # the last block may be cut short: what is missing is zeros
    start, stop, total = unit.start, min(unit.start + unit.padded, file.size), 0
    while start < stop:
        data = file.read(start, min(_READ, stop - start))
        if data.size % 4:
            data = np.pad(data, (0, -data.size % 4))
        total += int(_sum_words(data.view("<u4")))
        start += _READ
    return total % _MODULUS
