"""The checksum of a unit's data."""

import numpy as np

from ..errors import DamagedFileError
from .fitsfile import FitsFile, Unit

__all__ = ["check_datasum", "compute_datasum"]

# Bytes read at a time; whole words.
_READ = 1 << 17

_MODULUS = (1 << 32) - 1


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
        total += int(data.view(">u4").sum(dtype=np.uint64))
        start += _READ
    return total % _MODULUS


def check_datasum(file: FitsFile, unit: Unit) -> bool:
    """Compare a unit's data with its DATASUM; return whether it has one.

    Raises
    ------
    DamagedFileError
        If they do not agree, or DATASUM is not a number.
    FitsFileError
        If the data cannot be read.

    Notes
    -----
    CHECKSUM is not looked at, as headers are edited afterwards everywhere; ZDATASUM is of the image before it
    was compressed.
    """
    stored = unit.header.text("DATASUM")
    if not stored:
        return False
    found = compute_datasum(file, unit)
    if not (stored.isascii() and stored.isdigit()) or int(stored) % _MODULUS != found:
        raise DamagedFileError(
            f"{unit.header.where}: the data are damaged: their sum is {found}, and DATASUM says {stored}"
        )
    return True
