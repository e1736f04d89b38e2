"""Parquet files opened in place, so that as little as possible is read."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from .object import StoredObject
from .pages import read_list
from .protocol import Place

__all__ = ["OpenParquet", "open_parquet"]

# Bytes requested at once from the end of an object: more than the footer of 150 masks.
_TAIL = 1 << 19

# A footer is followed by its length and four letters.
_AFTER_FOOTER = 8
_LETTERS = b"PAR1"


@dataclass(frozen=True, slots=True, eq=False)
class OpenParquet:
    """An open Parquet file.

    Parameters
    ----------
    file : ParquetFile
        The file; the CRCs of its pages are checked when they are read.
    content : NativeFile or None
        Its bytes, if any of them can be read at once; None for an object in a store.
    """

    file: pq.ParquetFile
    content: pa.NativeFile | None

    def read_list(self, row_group: int, column: int) -> npt.NDArray[Any] | None:
        """Return the only list of a row group; see `goodpix.schema.store.pages.read_list`. None for an object."""
        if self.content is None:
            return None
        return read_list(self.content, self.file.metadata.row_group(row_group), column)


def open_parquet(place: Place, *, whole: bool = False) -> OpenParquet:
    """Open a Parquet file.

    Parameters
    ----------
    place : Path or StoredObject
        The file. An object's footer is read now, in one request unless it is very long, and each row group later,
        in one request for neighbouring columns.
    whole : bool
        Whether the whole file will be read; an object is then fetched in one request.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    OSError, ArrowException
        If it cannot be read, or is not a Parquet file.
    """
    if isinstance(place, StoredObject) and not whole:
        footer = _read_footer(place)
        ranged = _RangedFile(place, _end_of_data(footer))
        return OpenParquet(
            pq.ParquetFile(ranged, metadata=footer, pre_buffer=True, page_checksum_verification=True), None
        )
    content = pa.OSFile(str(place)) if isinstance(place, Path) else pa.BufferReader(place.read())
    return OpenParquet(pq.ParquetFile(content, page_checksum_verification=True), content)


def _read_footer(place: StoredObject) -> pq.FileMetaData:
    tail = place.read(-_TAIL)
    size = int.from_bytes(tail[-_AFTER_FOOTER : -len(_LETTERS)], "little") + _AFTER_FOOTER
    if size > len(tail) == _TAIL and tail.endswith(_LETTERS):
        tail = place.read(-size)
    return pq.read_metadata(pa.BufferReader(tail))


def _end_of_data(footer: pq.FileMetaData) -> int:
    """Return the end of the last column, beyond which nothing is read."""
    if not footer.num_row_groups:
        return 0
    last = footer.row_group(footer.num_row_groups - 1)
    columns = [last.column(k) for k in range(last.num_columns)]
    ends = [(each.dictionary_page_offset or each.data_page_offset) + each.total_compressed_size for each in columns]
    return int(max(ends))


class _RangedFile(io.RawIOBase):
    """An object as a file; each read is one request.

    Parameters
    ----------
    place : StoredObject
        The object.
    size : int
        End of the bytes that will be read.
    """

    def __init__(self, place: StoredObject, size: int) -> None:
        # pyarrow reads from its own threads
        self._reader, self._size, self._position = place.reader(), size, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the start of the next read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Set the start of the next read."""
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""
        end = self._size if size < 0 else min(self._position + size, self._size)
        if end <= self._position:
            return b""
        content = self._reader(self._position, end)
        self._position += len(content)
        return content
