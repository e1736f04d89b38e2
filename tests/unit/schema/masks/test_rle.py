"""Facts about the run-length code."""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.schema.errors import MalformedRunsError
from goodpix.schema.masks.rle import (
    Runs,
    RunScan,
    Starts,
    decode,
    decode_bytes,
    decode_good,
    encode,
    merge_runs,
    sort_starts,
)

IMAGE: npt.NDArray[np.int64] = np.array([[0, 0, 5], [0, 7, 5]], np.int64)
LENGTHS, FLAGS = [3, 1, 2], [0, 7, 5]


def test_runs_are_column_major() -> None:
    runs = encode(IMAGE)
    assert (runs.lengths.tolist(), runs.flags.tolist()) == (LENGTHS, FLAGS)


def test_size_is_that_of_the_image() -> None:
    runs = encode(IMAGE)
    assert (runs.nx, runs.ny) == (3, 2)


def test_runs_are_of_the_types_that_files_hold() -> None:
    runs = encode(IMAGE.astype(np.uint8))
    assert (runs.lengths.dtype.str, runs.flags.dtype.str) == ("<u4", "<i8")


def test_starts_are_the_first_pixels_of_runs() -> None:
    assert encode(IMAGE).starts.tolist() == [0, 3, 4]


def test_length_is_the_number_of_runs() -> None:
    assert len(encode(IMAGE)) == 3


def test_equal_pixels_are_one_run() -> None:
    assert encode(np.full((5, 4), 9, np.int64)).lengths.tolist() == [20]


def test_run_goes_on_from_one_column_to_the_next() -> None:
    assert encode(np.array([[1, 2], [2, 3]], np.int64)).lengths.tolist() == [1, 2, 1]


def test_decoding_gives_the_image_back() -> None:
    assert np.array_equal(decode(encode(IMAGE)), IMAGE)


@pytest.mark.parametrize("order", ["C", "F"])
def test_memory_order_of_the_image_does_not_matter(order: Any) -> None:
    assert np.array_equal(decode(encode(np.array(IMAGE, order=order))), IMAGE)


def test_parts_of_an_image_may_be_scanned_apart() -> None:
    upper, lower = RunScan((3, 3), np.uint8), RunScan((3, 3), np.uint8, y0=1)
    upper.add(np.array([[0, 0, 5]], np.uint8))
    lower.add(np.array([[0, 7, 5]], np.uint8))
    lower.add(np.array([[0, 7, 6]], np.uint8))
    parts = [upper.starts(), lower.starts()]
    both = Starts(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("starts", "codes")))
    lengths, codes = sort_starts((3, 3), both)
    assert (lengths.tolist(), codes.tolist()) == ([1, 2, 1, 2, 1, 1, 1], [0, 0, 0, 7, 5, 5, 6])


def test_neighbours_with_equal_flags_are_merged() -> None:
    runs = merge_runs((3, 2), np.array([1, 2, 1, 2], np.uint32), np.array([4, 4, 5, 5], np.int64))
    assert (runs.lengths.tolist(), runs.flags.tolist()) == ([3, 3], [4, 5])


@pytest.mark.parametrize(("reject", "good"), [(7, [0]), (2, [0, 5]), (0, [0, 5, 7])])
def test_good_pixels_have_none_of_the_rejected_bits(reject: int, good: list[int]) -> None:
    assert np.array_equal(decode_good(encode(IMAGE), reject), np.isin(IMAGE, good))


def test_checksum_is_of_little_endian_bytes() -> None:
    parts = (np.array([3, 2], "<i4"), np.array(LENGTHS, "<u4"), np.array(FLAGS, "<i8"))
    expected = hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()
    assert encode(IMAGE).checksum == expected


def test_checksum_tells_shapes_apart() -> None:
    flat = np.zeros((2, 6), np.int64)
    assert encode(flat).checksum != encode(flat.T).checksum


def runs_of(lengths: Any, flags: Any, nx: int = 3, ny: int = 2) -> Runs:
    return Runs(nx, ny, np.asarray(lengths), np.asarray(flags))


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64, np.uint64, ">u4"])
def test_runs_of_any_integers_are_taken(dtype: Any) -> None:
    assert runs_of(np.array(LENGTHS, dtype), FLAGS).lengths.dtype == np.uint32


@pytest.mark.parametrize(
    ("lengths", "flags", "message"),
    [
        ([3, 1], [0, 7], "sum to 4: expected nx \\* ny = 3 \\* 2 = 6"),
        ([3, 1, 3], FLAGS, "sum to 7"),
        ([], [], "sum to 0"),
        ([3, 1, 2], [0, 7], "3 run lengths but 2 flags"),
        ([3, 3], [0, 7, 5], "2 run lengths but 3 flags"),
        ([3, 0, 3], FLAGS, "run 1 has length 0"),
        ([3, 1, 2], [0, 7, 7], "runs 1 and 2 have equal flags"),
        ([[3], [1], [2]], FLAGS, "lengths is 2-dimensional"),
        (LENGTHS, [[0, 7, 5]], "flags is 2-dimensional"),
        ([3.0, 1.0, 2.0], FLAGS, "lengths is 1-dimensional float64"),
        (LENGTHS, [0.0, 7.0, 5.0], "flags is 1-dimensional float64"),
        (["3", "1", "2"], FLAGS, "lengths is 1-dimensional"),
        ([7, -3, 2], FLAGS, "lengths holds a value that does not fit uint32"),
        ([(1 << 32) + 3, 1, 2], FLAGS, "lengths holds a value that does not fit uint32"),
        (LENGTHS, np.array([0, 1 << 63, 5], np.uint64), "flags holds a value that does not fit int64"),
        ([(1 << 32) - 1, 7], [0, 7], "sum to 4294967302"),
    ],
)
def test_runs_that_describe_no_image_are_refused(lengths: Any, flags: Any, message: str) -> None:
    with pytest.raises(MalformedRunsError, match=message):
        runs_of(lengths, flags)


@pytest.mark.parametrize(("nx", "ny"), [(0, 6), (6, 0), (-3, -2)])
def test_size_that_is_not_positive_is_refused(nx: int, ny: int) -> None:
    with pytest.raises(MalformedRunsError, match=f"image size is {nx} x {ny}"):
        runs_of(LENGTHS, FLAGS, nx, ny)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (4,), (2, 2, 2), ()])
def test_image_that_is_not_two_dimensional_or_empty_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(MalformedRunsError, match="image has shape"):
        encode(np.zeros(shape, np.int64))


def test_image_too_large_for_uint32_is_refused() -> None:
    huge = np.broadcast_to(np.zeros(1, np.int64), (1 << 16, 1 << 16))
    with pytest.raises(MalformedRunsError, match=r"up to 2\*\*32 - 1 pixels"):
        encode(huge)


def test_image_of_one_value_per_run_is_column_major() -> None:
    values = np.array([9, 200, 3], np.uint8)
    assert decode_bytes(encode(IMAGE), values).tolist() == [[9, 9, 3], [9, 200, 3]]
