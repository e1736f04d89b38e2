"""Parquet files opened in place: what is requested of an object."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goodpix.schema.files.object import Reader, StoredObject
from goodpix.schema.store.parquet import open_parquet

URL = "memory://bucket/file.parquet"
_TAIL = 1 << 19


@dataclass(frozen=True, slots=True)
class Watched(StoredObject):
    """An object that notes the ranges that are read."""

    ranges: list[tuple[int, int | None]] = field(default_factory=list)

    def reader(self) -> Reader:
        read = StoredObject.reader(self)

        def noted(start: int, end: int | None) -> bytes:
            self.ranges.append((start, end))
            return read(start, end)

        return noted


def stored(n_groups: int, metadata: dict[str, str] | None = None) -> pa.Table:
    """Store random numbers, two columns and a row group per hundred thousand rows; return them."""
    numbers = np.random.default_rng(1).random((2, n_groups * 100_000))
    table = pa.table({"a": numbers[0], "b": numbers[1]}).replace_schema_metadata(metadata)
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, row_group_size=100_000, compression="none", use_dictionary=False)
    fsspec.filesystem("memory").pipe_file("/bucket/file.parquet", buffer.getvalue().to_pybytes())
    return table


@pytest.fixture
def place() -> Iterator[Watched]:
    yield Watched(URL)
    fsspec.filesystem("memory").store.clear()


def test_row_group_is_one_request_after_that_of_the_footer(place: Watched) -> None:
    table = stored(4)
    file = open_parquet(place).file
    assert place.ranges == [(-_TAIL, None)]
    assert file.read_row_group(1).equals(table.slice(100_000, 100_000))
    (_, (start, end)) = place.ranges
    assert end is not None
    assert 1_600_000 <= end - start < 1_700_000


def test_whole_file_is_one_request(place: Watched) -> None:
    table = stored(2)
    assert open_parquet(place, whole=True).file.read().equals(table)
    assert place.ranges == [(0, None)]


def test_footer_longer_than_the_tail_is_read_again_in_full(place: Watched) -> None:
    table = stored(1, {"long": "x" * 2 * _TAIL})
    assert open_parquet(place).file.read().equals(table)
    (first, second, *_) = place.ranges
    assert first == (-_TAIL, None)
    assert second[0] < -2 * _TAIL


def test_file_without_rows_is_empty(place: Watched) -> None:
    stored(0)
    assert open_parquet(place).file.read().num_rows == 0
