"""Parquet files opened in place, so that as little as possible is read."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ..files.object import StoredObject
from .pages import check_pages, read_chunk, read_list
from .protocol import Place

__all__ = ["OpenParquet", "numbers", "open_parquet", "single"]

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
    ranged : file, optional
        Reads ranges of the object.
    """

    file: pq.ParquetFile
    content: pa.NativeFile | None
    ranged: "_RangedFile | None" = None

    def read_columns(self, row_group: int, names: Sequence[str]) -> pa.Table:
        """Return columns of a row group, whose pages claim no more memory than the footer says.

        Raises
        ------
        ValueError, OSError, MemoryError, ArrowException
            If they cannot be read or are damaged.
        """
        group = self.file.metadata.row_group(row_group)
        columns = [column for k in range(group.num_columns) if (column := group.column(k)) and _name(column) in names]
        if self.ranged is not None and columns:
            # one request, from which the file below reads as well
            self.ranged.keep(min(map(_start, columns)), max(map(_end, columns)))
        for column in columns:
            check_pages(self._chunk(column), column)
        try:
            # one row is too little for Parquet's threads, which a busy machine makes wait
            return self.file.read_row_group(row_group, columns=list(names), use_threads=False)
        finally:
            if self.ranged is not None:
                self.ranged.forget()

    def _chunk(self, column: pq.ColumnChunkMetaData) -> bytes:
        if self.ranged is not None:
            self.ranged.seek(_start(column))
            return self.ranged.read(column.total_compressed_size)
        assert self.content is not None
        return read_chunk(self.content, column)

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
        file = pq.ParquetFile(ranged, metadata=footer, pre_buffer=True, page_checksum_verification=True)
        return OpenParquet(file, None, ranged)
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
    return max(map(_end, columns))


def _name(column: pq.ColumnChunkMetaData) -> str:
    return str(column.path_in_schema).partition(".")[0]


def _start(column: pq.ColumnChunkMetaData) -> int:
    return int(column.dictionary_page_offset or column.data_page_offset)


def _end(column: pq.ColumnChunkMetaData) -> int:
    return _start(column) + int(column.total_compressed_size)


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
        self._kept, self._kept_from = b"", 0

    def keep(self, start: int, end: int) -> None:
        """Read a range in one request, and answer reads within it without another until it is forgotten."""
        self._position = start
        self._kept, self._kept_from = self.read(end - start), start

    def forget(self) -> None:
        """Forget the range that was kept: the object may be another by now."""
        self._kept, self._kept_from = b"", 0

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
        first = self._position - self._kept_from
        if first >= 0 and end <= self._kept_from + len(self._kept):
            content = self._kept[first : end - self._kept_from]
        else:
            content = self._reader(self._position, end)
        self._position += len(content)
        return content


# pa.array would do, but imports pandas, which costs every process half a second.
def single(value: object, kind: pa.DataType) -> pa.Array:
    """Return an array of one value or null."""
    if value is None:
        return pa.nulls(1, kind)
    if isinstance(value, str):
        text = value.encode()
        offsets = pa.py_buffer(np.array([0, len(text)], np.int32))
        return pa.Array.from_buffers(kind, 1, [None, offsets, pa.py_buffer(text)])
    return numbers(np.array([value], kind.to_pandas_dtype()), kind)


def numbers(values: npt.NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Return an array of numbers without nulls."""
    return pa.Array.from_buffers(kind, values.size, [None, pa.py_buffer(np.ascontiguousarray(values))])
