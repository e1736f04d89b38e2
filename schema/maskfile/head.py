"""Key, size and checksum of a mask in a mask file."""

import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa

from ..rows import MaskKey
from ..store.protocol import Place

__all__ = ["HEAD_COLUMNS", "KEY_COLUMNS", "MaskHead", "verified_heads"]

KEY_COLUMNS = ("tilename", "band", "kind", "expnum", "ccdnum")
"""Columns of a mask file with the key of a mask."""

HEAD_COLUMNS = (*KEY_COLUMNS, "nx", "ny", "checksum")
"""Columns of a mask file with the head of a mask."""

# Age (ns) from which the modification time of a file tells it from other versions of it.
_SETTLED = 2_000_000_000

_FILES_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class MaskHead:
    """Key and size of a mask, and the checksum of its runs.

    Parameters
    ----------
    key : MaskKey
        Key of the mask.
    nx, ny : int
        Image size in pixels.
    checksum : str
        Checksum; see `goodpix.schema.masks.rle.Runs.checksum`.
    """

    key: MaskKey
    nx: int
    ny: int
    checksum: str

    @classmethod
    def of(cls, table: pa.Table) -> "MaskHead":
        """Return the head in the `HEAD_COLUMNS` of a table with one row."""
        values = [table[name][0].as_py() for name in HEAD_COLUMNS]
        return cls(MaskKey(*values[: len(KEY_COLUMNS)]), *values[len(KEY_COLUMNS) :])


def verified_heads(place: Place) -> dict[int, MaskHead]:
    """Return the heads of the masks whose checksums this process has verified in a file, by row group.

    The dictionary is the same whenever the same file is opened, so that what is added stays known. It is a new one
    for an object, all of whose bytes come through the network each time, and for a file so new that another version
    of it could have the same modification time.

    Raises
    ------
    OSError
        If there is no such file.
    """
    if not isinstance(place, Path):
        return {}
    state = place.stat()
    if abs(time.time_ns() - state.st_mtime_ns) < _SETTLED:
        return {}
    return _remembered(state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=_FILES_REMEMBERED)
def _remembered(_device: int, _inode: int, _size: int, _mtime_ns: int) -> dict[int, MaskHead]:
    """Return the same dictionary for the same file."""
    return {}
