"""The run-length code of flags images.

A run is a stretch of consecutive pixels with equal flags in column-major order
(``k = x * ny + y``): CCD defects, bleed trails and edges run along columns.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .errors import MalformedRunsError
from .jit import kernel

__all__ = ["Runs", "decode", "decode_good", "encode"]


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """All runs of one image.

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
        If the two arrays differ in size, the lengths do not sum to ``nx * ny``, one is zero, or
        neighbours have equal flags.
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
        if self.lengths.size != self.flags.size:
            raise MalformedRunsError(
                f"{self.lengths.size} run lengths but {self.flags.size} flags: expected as many of each"
            )
        total = int(self.lengths.sum(dtype=np.uint64))
        if total != self.nx * self.ny:
            raise MalformedRunsError(
                f"run lengths sum to {total}: expected nx * ny = {self.nx} * {self.ny} = {self.nx * self.ny}"
            )
        if not self.lengths.all():
            raise MalformedRunsError(f"run {int(np.argmin(self.lengths))} has length 0: expected 1 or more")
        if (self.flags[1:] == self.flags[:-1]).any():
            where = int(np.argmax(self.flags[1:] == self.flags[:-1]))
            raise MalformedRunsError(f"runs {where} and {where + 1} have equal flags: expected one run")

    def __len__(self) -> int:
        return int(self.lengths.size)

    @property
    def starts(self) -> npt.NDArray[np.int64]:
        """First pixel of each run, ``k = x * ny + y``; shape (n_runs,)."""
        ends = np.cumsum(self.lengths, dtype=np.int64)
        return ends - self.lengths

    @property
    def checksum(self) -> str:
        """The sha256, in hexadecimal, of nx, ny (int32), lengths and flags as little-endian bytes."""
        digest = hashlib.sha256(np.array([self.nx, self.ny], "<i4").tobytes())
        digest.update(np.ascontiguousarray(self.lengths, "<u4").data)
        digest.update(np.ascontiguousarray(self.flags, "<i8").data)
        return digest.hexdigest()


def encode(codes: npt.NDArray[np.integer], table: npt.NDArray[np.int64] | None = None) -> Runs:
    """Return the runs of an image.

    Parameters
    ----------
    codes : ndarray of integers, shape (ny, nx)
        Flags of each pixel, or, with `table`, their indices in it.
    table : ndarray of int64, shape (n,), optional
        Flags of each code. Two codes may have equal flags.

    Returns
    -------
    Runs
        The runs, column-major.

    Raises
    ------
    MalformedRunsError
        If the image is not two-dimensional, empty, or of 2**32 pixels or more.
    """
    if codes.ndim != 2 or codes.size == 0 or codes.size >= 1 << 32:
        raise MalformedRunsError(f"image has shape {codes.shape}: expected (ny, nx), up to 2**32 - 1 pixels")
    ny, nx = codes.shape
    offsets = _column_offsets(codes)
    starts = np.empty(offsets[-1], np.uint32)
    values = np.empty(offsets[-1], codes.dtype)
    _scatter_starts(codes, offsets[:-1].copy(), starts, values)
    flags = values.astype(np.int64) if table is None else table[values]
    keep = np.empty(starts.size, np.bool_)
    keep[0] = True
    np.not_equal(flags[1:], flags[:-1], out=keep[1:])
    starts, flags = starts[keep], flags[keep]
    lengths = np.diff(starts, append=np.uint32(codes.size))
    return Runs(nx, ny, lengths.astype(np.uint32, copy=False), flags)


def decode(runs: Runs) -> npt.NDArray[np.int64]:
    """Return the flags image of runs.

    Returns
    -------
    ndarray of int64, shape (ny, nx)
        A view in column-major memory order.
    """
    out = np.repeat(runs.flags, runs.lengths)
    return out.reshape(runs.nx, runs.ny).T


def decode_good(runs: Runs, reject: int) -> npt.NDArray[np.bool_]:
    """Return the image of good pixels of runs: those with ``flags & reject == 0``.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        A view in column-major memory order.
    """
    out = np.zeros(runs.nx * runs.ny, np.bool_)
    _fill_good(runs.lengths, runs.flags, np.int64(reject), out)
    return out.reshape(runs.nx, runs.ny).T


def _as(array: npt.ArrayLike, dtype: np.dtype[np.generic], what: str) -> npt.NDArray[np.generic]:
    """Return a one-dimensional array of that dtype, without loss."""
    given = np.asarray(array)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise MalformedRunsError(f"{what} is {given.ndim}-dimensional {given.dtype}: expected 1-d {dtype}")
    if given.dtype == dtype:
        return np.ascontiguousarray(given)
    out = np.ascontiguousarray(given, dtype)
    if not np.array_equal(out, given):
        raise MalformedRunsError(f"{what} holds a value that does not fit {dtype}")
    return out


@kernel
def _column_offsets(codes: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Return where the runs of each column start in the list of runs; every column starts one."""
    ny, nx = codes.shape
    counts = np.ones(nx, np.uint32)
    for y in range(1, ny):
        for x in range(nx):
            counts[x] += np.uint32(codes[y, x] != codes[y - 1, x])
    offsets = np.zeros(nx + 1, np.int64)
    for x in range(nx):
        offsets[x + 1] = offsets[x] + counts[x]
    return offsets


@kernel
def _scatter_starts(
    codes: npt.NDArray[np.integer],
    place: npt.NDArray[np.int64],
    starts: npt.NDArray[np.uint32],
    values: npt.NDArray[np.integer],
) -> None:
    """Write start and code of each run of each column; reads the image row by row, as it lies."""
    ny, nx = codes.shape
    for x in range(nx):
        starts[place[x]] = x * ny
        values[place[x]] = codes[0, x]
        place[x] += 1
    for y in range(1, ny):
        for x in range(nx):
            if codes[y, x] != codes[y - 1, x]:
                starts[place[x]] = x * ny + y
                values[place[x]] = codes[y, x]
                place[x] += 1


@kernel
def _fill_good(
    lengths: npt.NDArray[np.uint32],
    flags: npt.NDArray[np.int64],
    reject: np.int64,
    out: npt.NDArray[np.bool_],
) -> None:
    """Set the pixels of good runs."""
    start = np.int64(0)
    for k in range(lengths.size):
        end = start + np.int64(lengths[k])
        if flags[k] & reject == 0:
            out[start:end] = True
        start = end
