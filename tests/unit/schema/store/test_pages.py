"""Lists of numbers, decoded from the pages of a Parquet file."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goodpix.schema.store.pages import check_pages, read_chunk, read_list

RNG = np.random.default_rng(4)
LENGTHS = RNG.integers(1, 1 << 32, 5000, dtype=np.uint32)


def flags_of(n_distinct: int, n: int = 5000) -> npt.NDArray[np.int64]:
    """Return numbers of which as many are distinct, with stretches of equal ones."""
    numbers = RNG.integers(-(1 << 60), 1 << 60, n_distinct)
    return np.repeat(numbers[RNG.integers(0, n_distinct, n)], RNG.integers(1, 20, n))[:n]


def stored(numbers: npt.NDArray[Any], **options: Any) -> bytes:
    """Return a Parquet file with one list."""
    kind = pa.list_(pa.from_numpy_dtype(numbers.dtype))
    table = pa.table({"a": pa.array([numbers], kind)})
    if numbers.dtype == np.uint32:
        given: dict[str, Any] = {"use_dictionary": False, "column_encoding": {"a.list.element": "BYTE_STREAM_SPLIT"}}
    else:
        given = {"use_dictionary": True}
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **({"compression": "zstd", "write_page_checksum": True} | given | options))
    return bytes(sink.getvalue())


def group_of(content: bytes) -> pq.RowGroupMetaData:
    return pq.read_metadata(pa.BufferReader(content)).row_group(0)


def read(content: bytes, group: pq.RowGroupMetaData | None = None) -> npt.NDArray[Any] | None:
    return read_list(pa.BufferReader(content), group or group_of(content), 0)


@pytest.mark.parametrize("compression", ["zstd", "snappy", "none"])
@pytest.mark.parametrize("n", [8, 9, 5000])
def test_lengths_come_back(n: int, compression: str) -> None:
    found = read(stored(LENGTHS[:n], compression=compression))
    assert found is not None
    assert (found.dtype, found.tolist()) == (np.dtype(np.uint32), LENGTHS[:n].tolist())


@pytest.mark.parametrize("n_distinct", [1, 2, 3, 9, 200, 257, 513, 3000])
def test_flags_of_any_number_of_distinct_values_come_back(n_distinct: int) -> None:
    flags = flags_of(n_distinct)
    found = read(stored(flags))
    assert found is not None
    assert (found.dtype, found.tolist()) == (np.dtype(np.int64), flags.tolist())


@pytest.mark.parametrize("n", [8, 9, 15, 16, 504, 505, 513])
def test_last_group_of_packed_flags_is_read_to_its_end(n: int) -> None:
    flags = np.arange(n, dtype=np.int64) % 7
    found = read(stored(flags))
    assert found is not None
    assert found.tolist() == flags.tolist()


def test_numbers_cannot_be_changed() -> None:
    found = read(stored(LENGTHS))
    assert found is not None
    assert not found.flags.writeable


@pytest.mark.parametrize(
    ("numbers", "options"),
    [
        (LENGTHS, {"write_page_checksum": False}),
        (LENGTHS, {"data_page_version": "2.0"}),
        (LENGTHS, {"column_encoding": {"a.list.element": "PLAIN"}}),
        (LENGTHS, {"column_encoding": {"a.list.element": "DELTA_BINARY_PACKED"}}),
        (flags_of(3000), {"use_dictionary": False}),
        (np.arange(200_000), {"dictionary_pagesize_limit": 1 << 24}),
        (LENGTHS[:0], {}),
    ],
    ids=["no CRC", "version 2", "plain", "delta", "no dictionary", "wide indices", "empty"],
)
def test_other_encodings_are_left_to_the_reader_of_parquet(numbers: npt.NDArray[Any], options: dict[str, Any]) -> None:
    assert read(stored(numbers, **options)) is None


def test_null_in_a_list_is_left_to_the_reader_of_parquet() -> None:
    sink = pa.BufferOutputStream()
    table = pa.table({"a": pa.array([[*range(20), None]], pa.list_(pa.int64()))})
    pq.write_table(table, sink, write_page_checksum=True)
    assert read(bytes(sink.getvalue())) is None


def test_two_lists_in_a_row_group_are_left_to_the_reader_of_parquet() -> None:
    sink = pa.BufferOutputStream()
    table = pa.table({"a": pa.array([[*range(20)], [*range(20)]], pa.list_(pa.int64()))})
    pq.write_table(table, sink, write_page_checksum=True)
    assert read(bytes(sink.getvalue())) is None


@pytest.mark.parametrize("numbers", [LENGTHS[:100], flags_of(40, 100)], ids=["lengths", "flags"])
def test_damaged_byte_is_never_another_number(numbers: npt.NDArray[Any]) -> None:
    content = stored(numbers)
    group = group_of(content)
    column = group.column(0)
    first = column.dictionary_page_offset or column.data_page_offset
    n_refused = 0
    for where in range(first, first + column.total_compressed_size):
        for bits in (0x01, 0x80, 0xFF):
            damaged = content[:where] + bytes([content[where] ^ bits]) + content[where + 1 :]
            found = read(damaged, group)
            n_refused += found is None
            assert found is None or found.tolist() == numbers.tolist()
    assert n_refused > column.total_compressed_size


def test_file_that_ends_early_is_left_to_the_reader_of_parquet() -> None:
    content = stored(LENGTHS)
    assert all(read(content[:n], group_of(content)) is None for n in range(0, len(LENGTHS), 997))


def chunk_of(content: bytes) -> tuple[bytes, pq.ColumnChunkMetaData]:
    column = group_of(content).column(0)
    first = column.dictionary_page_offset or column.data_page_offset
    return content[first : first + column.total_compressed_size], column


def zigzag(value: int) -> bytes:
    """Return an integer of a page header as its bytes."""
    left, out = value << 1, bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*out, left])


@pytest.mark.parametrize("numbers", [LENGTHS, flags_of(300)], ids=["lengths", "flags"])
def test_headers_of_pages_that_agree_with_the_footer_are_taken(numbers: npt.NDArray[Any]) -> None:
    check_pages(*chunk_of(stored(numbers, data_page_size=1024)))


def test_page_that_claims_more_values_than_the_footer_is_refused() -> None:
    chunk, column = chunk_of(stored(LENGTHS))
    claimed = chunk.replace(zigzag(LENGTHS.size), zigzag(1 << 30), 1)
    with pytest.raises(ValueError, match="page has 1073741824 values: expected 5000 in all"):
        check_pages(claimed, column)


def test_page_that_claims_more_bytes_than_the_footer_is_refused() -> None:
    chunk, column = chunk_of(stored(LENGTHS, compression="none"))
    (size,) = [n for n in (column.total_uncompressed_size - gap for gap in range(60)) if zigzag(n) in chunk[:12]]
    claimed = chunk.replace(zigzag(size), zigzag(1 << 30), 1)
    with pytest.raises(ValueError, match="pages have 1073741824 bytes: expected"):
        check_pages(claimed, column)


@pytest.mark.parametrize("length", [1, 5, 12])
def test_header_of_a_page_that_ends_early_is_refused(length: int) -> None:
    chunk, column = chunk_of(stored(LENGTHS))
    with pytest.raises(ValueError, match="header of a page is damaged"):
        check_pages(chunk[:length], column)


@pytest.mark.parametrize("n_bytes", [0, 4, 100])
def test_column_outside_the_file_is_refused(n_bytes: int) -> None:
    content = stored(LENGTHS)
    column = group_of(content).column(0)
    size = column.total_compressed_size
    assert len(read_chunk(pa.BufferReader(content), column)) == size
    with pytest.raises(ValueError, match=rf": {size} bytes from 4, of {n_bytes} in the file$"):
        read_chunk(pa.BufferReader(content[:n_bytes]), column)
