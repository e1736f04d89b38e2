"""Pages of Parquet columns that hold one list of numbers per row group.

Parquet's own reader spends most of its time on the nesting of lists. A mask file has one list per row group and
column, in one page without nulls, so that its numbers can be decoded by themselves.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ..jit import kernel

__all__ = ["check_pages", "read_chunk", "read_list"]

Bytes = npt.NDArray[np.uint8]

# Codes of the Parquet format.
_DATA_PAGE, _DICTIONARY_PAGE = 0, 2
_PLAIN, _DICTIONARY, _BYTE_STREAM_SPLIT = 0, 8, 9

# Fields of a page header, and of the structure in it that describes the page.
_KIND, _UNPACKED_SIZE, _PACKED_SIZE, _CRC = 1, 2, 3, 4
_DESCRIPTION = {_DATA_PAGE: 5, _DICTIONARY_PAGE: 7}
_N_VALUES, _ENCODING = 1, 2

# Definition level of an element that is not null, of a list that is not null.
_DEFINED = b"\x03"

# Bits of a dictionary's index that are decoded here; wider ones fit no mask.
_MOST_BITS = 17


def read_list(source: pa.NativeFile, group: pq.RowGroupMetaData, number: int) -> npt.NDArray[Any] | None:
    """Read the list in the only row of a row group, after verifying the CRCs of its pages.

    Parameters
    ----------
    source : NativeFile
        The file.
    group : RowGroupMetaData
        The row group.
    number : int
        Number of the column, which is of type list<uint32> in BYTE_STREAM_SPLIT or of list<int64> in a dictionary.

    Returns
    -------
    ndarray of uint32 or int64, shape (n,), or None
        The numbers, read-only. None if they are encoded in any other way or are damaged, which Parquet's own reader
        can tell apart.
    """
    if group.num_rows != 1:
        return None
    column = group.column(number)
    try:
        chunk = read_chunk(source, column)
        numbers = _numbers(list(_pages(chunk, column)), column.num_values)
    except (ValueError, IndexError, OverflowError, KeyError, OSError, RecursionError, pa.ArrowException):
        return None
    if numbers is not None:
        numbers.flags.writeable = False
    return numbers


def read_chunk(source: pa.NativeFile, column: pq.ColumnChunkMetaData) -> bytes:
    """Return the bytes of a column in one row group.

    Raises
    ------
    ValueError
        If the footer says that they are outside the file.
    """
    start, size = int(column.dictionary_page_offset or column.data_page_offset), int(column.total_compressed_size)
    if not 0 <= start <= start + size <= source.size():
        raise ValueError(f"column {column.path_in_schema}: {size} bytes from {start}, of {source.size()} in the file")
    content: bytes = source.read_at(size, start)
    return content


def check_pages(chunk: bytes, column: pq.ColumnChunkMetaData) -> None:
    """Check that the headers of a column's pages claim no more than the footer, which Parquet's own reader trusts.

    Parameters
    ----------
    chunk : bytes
        The column's bytes in one row group.
    column : ColumnChunkMetaData
        What the footer says of them.

    Raises
    ------
    ValueError
        If they claim more values or bytes, or are damaged.
    """
    start, n_values, n_bytes = 0, 0, 0
    try:
        while start < len(chunk):
            header, start = _parse_struct(chunk, start)
            kind, size = header[_KIND], header[_PACKED_SIZE]
            claimed = max(0, *(part.get(_N_VALUES, 0) for part in header.values() if isinstance(part, dict)), 0)
            n_values += 0 if kind == _DICTIONARY_PAGE else claimed
            n_bytes += header[_UNPACKED_SIZE]
            if size < 0 or claimed > column.num_values or n_values > column.num_values:
                raise ValueError(f"page has {max(claimed, n_values)} values: expected {column.num_values} in all")
            if not 0 <= header[_UNPACKED_SIZE] <= n_bytes <= column.total_uncompressed_size:
                raise ValueError(f"pages have {n_bytes} bytes: expected {column.total_uncompressed_size} or fewer")
            start += size
    except (IndexError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError("header of a page is damaged") from error


@dataclass(frozen=True, slots=True, eq=False)
class _Page:
    """A page: its kind and encoding, the number of its values, and its bytes."""

    kind: int
    encoding: int
    n_values: int
    content: Bytes


def _pages(chunk: bytes, column: pq.ColumnChunkMetaData) -> Iterator[_Page]:
    """Yield the pages of a chunk; raises one of the errors that `read_list` catches if a page is damaged."""
    start = 0
    while start < len(chunk):
        header, start = _parse_struct(chunk, start)
        packed = memoryview(chunk)[start : start + header[_PACKED_SIZE]]
        start += header[_PACKED_SIZE]
        size = header[_UNPACKED_SIZE]
        if start > len(chunk) or not 0 <= size <= column.total_uncompressed_size:
            raise ValueError("page is longer than its chunk")
        if zlib.crc32(packed) != header[_CRC] & 0xFFFFFFFF:
            raise ValueError("page does not match its CRC")
        if column.compression != "UNCOMPRESSED":
            packed = pa.decompress(packed, size, column.compression.lower())
        description = header[_DESCRIPTION[header[_KIND]]]
        content = np.frombuffer(packed, np.uint8)
        yield _Page(header[_KIND], description[_ENCODING], description[_N_VALUES], content)


def _numbers(pages: list[_Page], n: int) -> npt.NDArray[Any] | None:
    """Return the numbers of a chunk's pages; None if they are not as `MaskFileWriter` encodes them."""
    *dictionaries, data = pages
    if data.kind != _DATA_PAGE or data.n_values != n:
        return None
    values = _after_levels(data.content, n)
    if values is None:
        return None
    if not dictionaries and data.encoding == _BYTE_STREAM_SPLIT and values.size == 4 * n:
        lengths: npt.NDArray[np.uint32] = np.empty(n, np.uint32)
        _join_streams(values, lengths)
        return lengths
    if len(dictionaries) == 1 and data.encoding == _DICTIONARY and values[0] <= _MOST_BITS:
        dictionary = dictionaries[0]
        if dictionary.kind == _DICTIONARY_PAGE and dictionary.encoding == _PLAIN:
            return _of_dictionary(dictionary.content.view("<i8"), values, n)
    return None


def _of_dictionary(dictionary: npt.NDArray[np.int64], values: Bytes, n: int) -> npt.NDArray[np.int64] | None:
    """Return numbers by their indices, after the byte with the width of these; None if one is not in the dictionary."""
    width = int(values[0])
    table = np.zeros(1 << width, np.int64)
    table[: dictionary.size] = dictionary[: table.size]
    out: npt.NDArray[np.int64] = np.empty(n, np.int64)
    return out if 0 <= _look_up(values[1:], width, table, out) < dictionary.size else None


def _after_levels(content: Bytes, n: int) -> Bytes | None:
    """Return what follows a page's repetition and definition levels; None if not all of its `n` values are defined."""
    n_bytes = int(content[:4].view("<u4")[0])
    rest = content[4 + n_bytes :]
    n_bytes = int(rest[:4].view("<u4")[0])
    one_run = _varint(n << 1) + _DEFINED
    return rest[4 + n_bytes :] if rest[4 : 4 + n_bytes].tobytes() == one_run else None


# Headers of pages are structures in the compact protocol of Thrift.

_TRUE, _FALSE, _BINARY, _STRUCT = 1, 2, 8, 12
_INTEGERS = (4, 5, 6)


def _parse_struct(data: bytes, start: int) -> tuple[dict[int, Any], int]:
    """Return a structure's integers and structures by field number, and the offset of what follows it."""
    fields: dict[int, Any] = {}
    number = 0
    while kind := data[start] & 0xF:
        step = data[start] >> 4
        start += 1
        if step:
            number += step
        else:
            number, start = _parse_integer(data, start)
        if kind in _INTEGERS:
            fields[number], start = _parse_integer(data, start)
        elif kind == _STRUCT:
            fields[number], start = _parse_struct(data, start)
        elif kind == _BINARY:
            size, start = _parse_varint(data, start)
            start += size
        elif kind not in (_TRUE, _FALSE):
            raise ValueError(f"field {number} has type {kind}")
    return fields, start + 1


def _parse_integer(data: bytes, start: int) -> tuple[int, int]:
    """Return a signed integer, and the offset of what follows it."""
    zigzag, start = _parse_varint(data, start)
    return (zigzag >> 1) ^ -(zigzag & 1), start


def _parse_varint(data: bytes, start: int) -> tuple[int, int]:
    value = shift = 0
    while data[start] & 0x80:
        value |= (data[start] & 0x7F) << shift
        start, shift = start + 1, shift + 7
    return value | data[start] << shift, start + 1


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


@kernel
def _join_streams(streams: Bytes, out: npt.NDArray[np.uint32]) -> None:
    """Join the four streams of bytes of BYTE_STREAM_SPLIT."""
    n = out.size
    lowest, second, third, highest = streams[:n], streams[n : 2 * n], streams[2 * n : 3 * n], streams[3 * n : 4 * n]
    for k in range(n):
        low = np.uint32(lowest[k]) | np.uint32(second[k]) << np.uint32(8)
        out[k] = low | np.uint32(third[k]) << np.uint32(16) | np.uint32(highest[k]) << np.uint32(24)


@kernel
def _look_up(coded: Bytes, width: int, table: npt.NDArray[np.int64], out: npt.NDArray[np.int64]) -> int:
    """Decode indices in Parquet's hybrid of run-length encoding and bit packing, and look them up.

    Returns
    -------
    int
        The largest index; -1 if they are malformed. The table has an entry for every index of `width` bits.
    """
    k = start = 0
    largest = np.uint32(0)
    while k < out.size:
        header = shift = 0
        while True:
            if start >= coded.size or shift > 28:
                return -1
            byte = int(coded[start])
            start += 1
            header |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        n = header >> 1
        # packed values come in groups of eight, of which the last may be filled up
        n_values, n_bytes = (8 * n, n * width) if header & 1 else (n, (width + 7) // 8)
        if n == 0 or start + n_bytes > coded.size:
            return -1
        part = out[k : k + n_values]
        if header & 1:
            largest = max(largest, _unpack(coded[start:], width, table, part))
        else:
            index = _bits(coded[start : start + n_bytes], 0, width)
            largest = max(largest, index)
            part[:] = table[index]
        k += n_values
        start += n_bytes
    return int(largest)


@kernel
def _unpack(packed: Bytes, width: int, table: npt.NDArray[np.int64], out: npt.NDArray[np.int64]) -> np.uint32:
    """Look up bit-packed indices; return the largest."""
    largest = np.uint32(0)
    mask = np.uint32((1 << width) - 1)
    # unsigned, so that no index can count from the end, which would cost a comparison for each
    step, seven = np.uint64(width), np.uint64(7)
    n_inside = min(out.size, max(0, 8 * (packed.size - 2) // width))
    for k in range(np.uint64(n_inside)):
        bit = k * step
        first = bit >> np.uint64(3)
        low = np.uint32(packed[first]) | np.uint32(packed[first + np.uint64(1)]) << np.uint32(8)
        word = low | np.uint32(packed[first + np.uint64(2)]) << np.uint32(16)
        index = (word >> np.uint32(bit & seven)) & mask
        largest = max(largest, index)
        out[k] = table[index]
    for k in range(n_inside, out.size):
        index = _bits(packed, k * width, width)
        largest = max(largest, index)
        out[k] = table[index]
    return largest


@kernel
def _bits(packed: Bytes, first: int, width: int) -> np.uint32:
    """Return `width` bits from bit `first` on; those after the end are zero."""
    word = np.uint32(0)
    for j in range(3):
        if first // 8 + j < packed.size:
            word |= np.uint32(packed[first // 8 + j]) << np.uint32(8 * j)
    return (word >> np.uint32(first % 8)) & np.uint32((1 << width) - 1)
