"""Run-length encoding of flags images.

A run is a sequence of consecutive pixels with equal flags in column-major order
(``k = x * ny + y``), because CCD defects, bleed trails and edges run along columns.
"""

import hashlib
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import MalformedRunsError
from ..jit import kernel
from .runpixels import examine, fill_runs

__all__ = [
    "MAX_PIXELS",
    "MAX_SIDE",
    "RunScan",
    "Runs",
    "Starts",
    "decode",
    "decode_bytes",
    "decode_good",
    "encode",
    "merge_runs",
    "scan_row",
    "sort_starts",
]

MAX_SIDE = 1 << 16
"""Maximum width and height of an image, pixels."""

MAX_PIXELS = 1 << 28
"""Maximum number of pixels of an image, which bounds the memory that a mask can take; a DES coadd has 10^8."""

# Rows scanned at a time. The buffers have room for one run per pixel of a block.
_BLOCK = 128

_LARGEST = f"{MAX_SIDE} pixels a side and {MAX_PIXELS} in all"


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """The runs of an image.

    Parameters
    ----------
    nx, ny : int
        Image size in pixels.
    lengths : ndarray of uint32, shape (n_runs,)
        Run lengths in pixels, column-major; they sum to ``nx * ny``.
    flags : ndarray of int64, shape (n_runs,)
        Flags of each run.

    Raises
    ------
    MalformedRunsError
        If the image is larger than `MAX_SIDE` or `MAX_PIXELS`, the two arrays differ in size, the lengths do not sum
        to ``nx * ny``, a length is zero, or adjacent runs have equal flags.
    """

    nx: int
    ny: int
    lengths: npt.NDArray[np.uint32]
    flags: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "lengths", _as(self.lengths, np.dtype(np.uint32), "lengths"))
        object.__setattr__(self, "flags", _as(self.flags, np.dtype(np.int64), "flags"))
        if self.nx <= 0 or self.ny <= 0:
            raise MalformedRunsError(f"image size is {self.nx} x {self.ny}: expected positive numbers")
        if max(self.nx, self.ny) > MAX_SIDE or self.nx * self.ny > MAX_PIXELS:
            raise MalformedRunsError(f"image size is {self.nx} x {self.ny}: expected at most {_LARGEST}")
        if self.lengths.size != self.flags.size:
            raise MalformedRunsError(
                f"{self.lengths.size} run lengths but {self.flags.size} flags: expected equal numbers"
            )
        found = examine(self.lengths, self.flags)
        if found.n_pixels != self.nx * self.ny:
            raise MalformedRunsError(
                f"run lengths sum to {found.n_pixels}: expected nx * ny = {self.nx} * {self.ny} = {self.nx * self.ny}"
            )
        if found.empty < len(self):
            raise MalformedRunsError(f"run {found.empty} has length 0: expected 1 or more")
        if (second := found.repeated) < len(self):
            raise MalformedRunsError(f"runs {second - 1} and {second} have equal flags: expected one run")

    def __len__(self) -> int:
        return int(self.lengths.size)

    @property
    def starts(self) -> npt.NDArray[np.int64]:
        """First pixel of each run, ``k = x * ny + y``; shape (n_runs,)."""
        ends = np.cumsum(self.lengths, dtype=np.int64)
        return ends - self.lengths

    @property
    def checksum(self) -> str:
        """SHA-256, in hexadecimal, of nx, ny (int32), lengths and flags as little-endian bytes."""
        digest = hashlib.sha256(np.array([self.nx, self.ny], "<i4").tobytes())
        digest.update(np.ascontiguousarray(self.lengths, "<u4").data)
        digest.update(np.ascontiguousarray(self.flags, "<i8").data)
        return digest.hexdigest()


class ScanBuffers(NamedTuple):
    """Buffers of `scan_row`; a named tuple, which numba kernels accept."""

    above: npt.NDArray[Any]
    """Codes of the row above; shape (nx,)."""
    starts: npt.NDArray[np.uint32]
    """See `Starts`; new ones are appended."""
    codes: npt.NDArray[Any]
    """Code of each start."""
    y0: int
    """First row to be scanned."""
    ny: int
    """Number of rows of the whole image."""


class RunScan:
    """Find the runs of an image delivered in blocks of rows, starting at row `y0`.

    A kernel that computes rows passes each to `scan_row` with the buffers from `room`, then reports
    the number of starts to `done`.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of the whole image.
    dtype : dtype of integers
        Type of the pixel codes.
    y0 : int
        First row to be scanned, so that parts of an image can be scanned separately.

    Raises
    ------
    MalformedRunsError
        If the image is empty or larger than `MAX_SIDE` or `MAX_PIXELS`.
    """

    def __init__(self, shape: tuple[int, ...], dtype: npt.DTypeLike, y0: int = 0) -> None:
        if len(shape) != 2 or not 0 < math.prod(shape) <= MAX_PIXELS or max(shape) > MAX_SIDE:
            raise MalformedRunsError(f"image has shape {shape}: expected (ny, nx), at most {_LARGEST}")
        ny, nx = shape
        starts: npt.NDArray[np.uint32] = np.empty(0, np.uint32)
        self._buffers = ScanBuffers(np.zeros(nx, dtype), starts, np.empty(0, dtype), y0, ny)
        self.y = y0
        self.n_starts = 0

    def room(self, n_rows: int) -> ScanBuffers:
        """Return the buffers, enlarged to hold the starts of `n_rows` more rows."""
        old = self._buffers
        n_max = self.n_starts + n_rows * old.above.size
        if n_max > old.starts.size:
            size = n_max + n_max // 2
            starts, codes = (_enlarged(buffer, self.n_starts, size) for buffer in (old.starts, old.codes))
            self._buffers = old._replace(starts=starts, codes=codes)
        return self._buffers

    def done(self, n_rows: int, n_starts: int) -> None:
        """Record that `n_rows` rows have been scanned, with `n_starts` starts so far."""
        self.y, self.n_starts = self.y + n_rows, n_starts

    def add(self, codes: npt.NDArray[np.integer]) -> None:
        """Scan rows of shape (n, nx)."""
        self.done(codes.shape[0], _scan_rows(codes, self.y, self.room(codes.shape[0]), self.n_starts))

    def starts(self) -> "Starts":
        """Return the starts found so far."""
        return Starts(self._buffers.starts[: self.n_starts], self._buffers.codes[: self.n_starts])


@dataclass(frozen=True, slots=True, eq=False)
class Starts:
    """Pixels whose code differs from that of the pixel above, and all of the first row.

    Parameters
    ----------
    starts : ndarray of uint32, shape (n,)
        Pixel numbers ``k = x * ny + y``, ascending within a column; columns in any order.
    codes : ndarray of integers, shape (n,)
        Code of each pixel.
    """

    starts: npt.NDArray[np.uint32]
    codes: npt.NDArray[Any]


def sort_starts(shape: tuple[int, int], found: Starts) -> tuple[npt.NDArray[np.uint32], npt.NDArray[Any]]:
    """Sort starts into runs that break at column ends; return lengths and codes, column-major, shape (n,).

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of the image.
    found : Starts
        Starts of the whole image.
    """
    ny, nx = shape
    lengths, codes = np.empty_like(found.starts), np.empty_like(found.codes)
    _sort_by_column(found.starts, found.codes, nx, ny, lengths, codes)
    return lengths, codes


def merge_runs(shape: tuple[int, int], lengths: npt.NDArray[np.uint32], flags: npt.NDArray[np.int64]) -> Runs:
    """Merge adjacent runs with equal flags.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of the image.
    lengths : ndarray of uint32, shape (n,)
        Run lengths in pixels, column-major.
    flags : ndarray of int64, shape (n,)
        Flags of each run.
    """
    n = _count_distinct(flags)
    merged, kept = np.empty(n, np.uint32), np.empty(n, np.int64)
    _merge_equal(lengths, flags, merged, kept)
    return Runs(shape[1], shape[0], merged, kept)


def encode(flags: npt.NDArray[np.integer]) -> Runs:
    """Encode a flags image.

    Parameters
    ----------
    flags : ndarray of integers, shape (ny, nx)
        Flags of each pixel.

    Returns
    -------
    Runs
        Runs in column-major order.

    Raises
    ------
    MalformedRunsError
        If the image is not two-dimensional, is empty, or is larger than `MAX_SIDE` or `MAX_PIXELS`.
    """
    scan = RunScan(flags.shape, flags.dtype)
    for y in range(0, flags.shape[0], _BLOCK):
        scan.add(flags[y : y + _BLOCK])
    shape = (flags.shape[0], flags.shape[1])
    lengths, values = sort_starts(shape, scan.starts())
    return merge_runs(shape, lengths, values.astype(np.int64))


def decode(runs: Runs) -> npt.NDArray[np.int64]:
    """Decode runs to a flags image.

    Returns
    -------
    ndarray of int64, shape (ny, nx)
        Flags of each pixel, in column-major memory order.
    """
    out = np.repeat(runs.flags, runs.lengths)
    return out.reshape(runs.nx, runs.ny).T


def decode_good(runs: Runs, reject: int) -> npt.NDArray[np.bool_]:
    """Decode runs to an image of good pixels, those with ``flags & reject == 0``.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        Whether each pixel is good, in column-major memory order.
    """
    good = (runs.flags & np.int64(reject)) == 0
    return decode_bytes(runs, good.view(np.uint8)).view(np.bool_)


def decode_bytes(runs: Runs, values: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Decode runs to an image of one value per run.

    Parameters
    ----------
    runs : Runs
        The runs; their flags are not used.
    values : ndarray of uint8, shape (n_runs,)
        Value of each run.

    Returns
    -------
    ndarray of uint8, shape (ny, nx)
        Value of each pixel, in column-major memory order.
    """
    return fill_runs(runs.lengths, values, runs.nx * runs.ny).reshape(runs.nx, runs.ny).T


def _as(array: npt.ArrayLike, dtype: np.dtype[np.generic], what: str) -> npt.NDArray[np.generic]:
    """Convert to a one-dimensional array of a dtype, without loss."""
    given = np.asarray(array)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise MalformedRunsError(f"{what} is {given.ndim}-dimensional {given.dtype}: expected 1-d {dtype}")
    if given.dtype == dtype:
        return np.ascontiguousarray(given)
    out = np.ascontiguousarray(given, dtype)
    if not np.array_equal(out, given):
        raise MalformedRunsError(f"{what} holds a value that does not fit {dtype}")
    return out


def _enlarged(array: npt.NDArray[Any], n: int, size: int) -> npt.NDArray[Any]:
    """Return an array of `size` elements that starts with the first `n`."""
    out = np.empty(size, array.dtype)
    out[:n] = array[:n]
    return out


@kernel
def scan_row(row: npt.NDArray[Any], x0: int, y: int, buffers: ScanBuffers, n: int) -> int:
    """Append the pixels of all or part of a row that differ from the pixel above; return the number of starts.

    Parameters
    ----------
    row : ndarray of integers, shape (m,)
        Codes of pixels ``x0`` to ``x0 + m - 1`` of row `y`.
    x0, y : int
        Position of the first pixel.
    buffers : ScanBuffers
        Buffers with room for m more starts.
    n : int
        Number of starts so far.
    """
    above = buffers.above[x0 : x0 + row.size]
    first = y == buffers.y0
    for x in range(row.size):
        if first or row[x] != above[x]:
            buffers.starts[n] = (x0 + x) * buffers.ny + y
            buffers.codes[n] = row[x]
            above[x] = row[x]
            n += 1
    return n


@kernel
def _scan_rows(rows: npt.NDArray[Any], y: int, buffers: ScanBuffers, n: int) -> int:
    for k in range(rows.shape[0]):
        n = scan_row(rows[k], 0, y + k, buffers, n)
    return n


@kernel
def _sort_by_column(
    starts: npt.NDArray[np.uint32],
    codes: npt.NDArray[np.integer],
    nx: int,
    ny: int,
    lengths: npt.NDArray[np.uint32],
    sorted_codes: npt.NDArray[np.integer],
) -> None:
    """Sort starts by column, keeping the order within each, and convert them to lengths."""
    height = np.uint32(ny)
    slot = np.zeros(nx + 1, np.int64)
    for k in range(starts.size):
        slot[starts[k] // height + 1] += 1
    for x in range(nx):
        slot[x + 1] += slot[x]
    for k in range(starts.size):
        x = starts[k] // height
        lengths[slot[x]] = starts[k]
        sorted_codes[slot[x]] = codes[k]
        slot[x] += 1
    for k in range(starts.size - 1):
        lengths[k] = lengths[k + 1] - lengths[k]
    if starts.size:
        lengths[-1] = np.uint32(nx * ny) - lengths[-1]


@kernel
def _count_distinct(flags: npt.NDArray[np.int64]) -> int:
    """Return the number of runs that are left when adjacent ones with equal flags are merged."""
    n = min(1, flags.size)
    for k in range(1, flags.size):
        n += flags[k] != flags[k - 1]
    return n


@kernel
def _merge_equal(
    lengths: npt.NDArray[np.uint32],
    flags: npt.NDArray[np.int64],
    merged: npt.NDArray[np.uint32],
    kept: npt.NDArray[np.int64],
) -> None:
    """Merge adjacent runs with equal flags, into arrays of just their number."""
    n = 0
    for k in range(lengths.size):
        if n and kept[n - 1] == flags[k]:
            merged[n - 1] += lengths[k]
        else:
            merged[n], kept[n] = lengths[k], flags[k]
            n += 1
