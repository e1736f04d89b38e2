"""Epoch flags from the epoch's own planes and the nearest coadd pixels."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from ...schema.jit import kernel
from ...schema.masks.rle import Runs, RunScan, ScanBuffers, merge_runs, scan_row, sort_starts
from ...schema.masks.runalgebra import overlay
from ...schema.wcs.nearestpixel import nearest_pixels
from ...schema.wcs.pixelmap import PixelMap, RationalMap, rational_row
from .coaddflags import CoaddFlags, RegionRuns
from .pixels import BLOCK, PlaneRows, fold_row

__all__ = ["flag_epoch", "flag_image"]

# Columns per strip: a CCD row runs along a coadd column, with every pixel in another page of memory, so a
# narrow strip reuses the pages that the row above has touched.
_STRIP = 512

_SE_PART = np.uint64(0xFFFF_FF07)


def flag_epoch(
    planes: Iterable[PlaneRows] | Runs,
    shape: tuple[int, int],
    pixel_map: PixelMap,
    coadd: CoaddFlags,
    *,
    overlap: bool = True,
) -> RegionRuns:
    """Return the runs of an epoch's flags.

    Parameters
    ----------
    planes : iterable of PlaneRows, or Runs
        Consecutive blocks of rows that cover its planes, or runs with the same single-epoch flags; flags of a coadd
        are ignored in these.
    shape : tuple of int
        (ny, nx).
    pixel_map : PixelMap
        From this image to the coadd.
    coadd : CoaddFlags
        The coadd's flags.
    overlap : bool
        Flag each block in a second thread while the next one is read; of no use where other work fills the cores.

    Notes
    -----
    Each pixel is coded as a word: the flags of its own planes and the code of its coadd pixel. Up to 32
    codes, as in every DES coadd, fit between the criteria and the mask bits of an epoch in a 32-bit word;
    more need 64 bits.
    """
    narrow = coadd.flags.size <= 1 << 5
    shift = 3 if narrow else 32
    scan = RunScan(shape, np.uint32 if narrow else np.uint64)
    codes = coadd.codes.array
    blocks = _blank_blocks(shape) if isinstance(planes, Runs) else planes
    with ThreadPoolExecutor(1, "goodpix-flags") as thread:  # which starts with its first work
        start: Callable[..., Future[int]] = thread.submit if overlap else _at_once
        under_way: Future[int] | None = None
        n_rows = 0
        for block in blocks:
            if under_way is not None:
                scan.done(n_rows, under_way.result())
            y, n_rows = scan.y, block.bmask.shape[0]
            to = (codes, shift, y, scan.room(n_rows), scan.n_starts)
            if isinstance(pixel_map, RationalMap) and pixel_map.cubic:
                t, s = pixel_map.scaling.scaled(np.arange(shape[1], dtype=float), np.arange(y, y + n_rows, dtype=float))
                under_way = start(_flag_rational, block, pixel_map.coefficients, t, s, *to)
            else:
                ix, iy = nearest_pixels(pixel_map, slice(y, y + n_rows), shape[1], coadd.shape)
                under_way = start(_flag_placed, block, ix, iy, *to)
        if under_way is not None:
            scan.done(n_rows, under_way.result())
    lengths, words = sort_starts(shape, scan.starts())
    if isinstance(planes, Runs):
        # runs are fewer than pixels by far
        both = overlay(lengths, words.astype(np.int64), planes.lengths, planes.flags & np.int64(_SE_PART))
        lengths, words = both.lengths, (both.a | both.b).view(np.uint64)
    flags: npt.NDArray[np.int64] = np.empty(words.size, np.int64)
    n_unique, n_good = _decode_words(lengths, words, shift, coadd.flags, coadd.unique, flags)
    return RegionRuns(merge_runs(shape, lengths, flags), n_unique, n_good)


def _at_once(function: Callable[..., int], *arguments: object) -> Future[int]:
    done: Future[int] = Future()
    done.set_result(function(*arguments))
    return done


def flag_image(planes: Iterable[PlaneRows] | Runs, shape: tuple[int, int]) -> Runs:
    """Return the runs of an image's own flags, for which there is no coadd; see `flag_epoch`."""
    if isinstance(planes, Runs):
        return merge_runs(shape, planes.lengths, planes.flags & np.int64(_SE_PART))
    scan = RunScan(shape, np.uint32)
    for block in planes:
        n_rows = block.bmask.shape[0]
        scan.done(n_rows, _flag_alone(block, scan.y, scan.room(n_rows), scan.n_starts))
    lengths, words = sort_starts(shape, scan.starts())
    return merge_runs(shape, lengths, words.astype(np.int64))


def _blank_blocks(shape: tuple[int, int]) -> Iterator[PlaneRows]:
    """Yield blocks of rows without any single-epoch flag."""
    ny, nx = shape
    good, zeros = np.ones((BLOCK, nx), np.bool_), np.zeros((BLOCK, nx), np.uint32)
    for y in range(0, ny, BLOCK):
        n_rows = min(BLOCK, ny - y)
        yield PlaneRows(good[:n_rows], zeros[:n_rows], ~good[:n_rows])


Codes = npt.NDArray[np.unsignedinteger[Any]]
Index = npt.NDArray[np.uint32]
Words = npt.NDArray[np.unsignedinteger[Any]]


@kernel
def _flag_row(block: PlaneRows, row: int, x0: int, ix: Index, iy: Index, codes: Codes, shift: int, out: Words) -> None:
    """Write the words of a row or of part of a row."""
    fold_row(block, row, x0, out)
    for x in range(out.size):
        out[x] = np.uint64(out[x]) | np.uint64(codes[iy[x], ix[x]]) << np.uint64(shift)


@kernel
def _flag_alone(block: PlaneRows, y0: int, buffers: ScanBuffers, n: int) -> int:
    """Flag and scan some rows without a coadd; return the number of run starts."""
    n_rows, nx = block.bmask.shape
    words = np.empty(nx, buffers.codes.dtype)
    for row in range(n_rows):
        fold_row(block, row, 0, words)
        n = scan_row(words, 0, y0 + row, buffers, n)
    return n


@kernel
def _flag_rational(
    block: PlaneRows,
    coefficients: npt.NDArray[np.float64],
    t: npt.NDArray[np.float64],
    s: npt.NDArray[np.float64],
    codes: Codes,
    shift: int,
    y0: int,
    buffers: ScanBuffers,
    n: int,
) -> int:
    """Map, gather, flag and scan some rows, strip by strip; return the number of run starts."""
    n_rows, nx = block.bmask.shape
    coadd_ny, coadd_nx = codes.shape[0] - 2, codes.shape[1] - 2
    ix, iy, words = np.empty(_STRIP, np.uint32), np.empty(_STRIP, np.uint32), np.empty(_STRIP, buffers.codes.dtype)
    for x0 in range(0, nx, _STRIP):
        m = min(_STRIP, nx - x0)
        for row in range(n_rows):
            rational_row(coefficients, t[x0 : x0 + m], s[row], coadd_nx, coadd_ny, ix[:m], iy[:m])
            _flag_row(block, row, x0, ix[:m], iy[:m], codes, shift, words[:m])
            n = scan_row(words[:m], x0, y0 + row, buffers, n)
    return n


@kernel
def _flag_placed(
    block: PlaneRows,
    ix: Index,
    iy: Index,
    codes: Codes,
    shift: int,
    y0: int,
    buffers: ScanBuffers,
    n: int,
) -> int:
    """Gather, flag and scan some rows whose nearest coadd pixels are known."""
    words = np.empty(ix.shape[1], buffers.codes.dtype)
    for row in range(ix.shape[0]):
        _flag_row(block, row, 0, ix[row], iy[row], codes, shift, words)
        n = scan_row(words, 0, y0 + row, buffers, n)
    return n


@kernel
def _decode_words(
    lengths: npt.NDArray[np.uint32],
    words: Words,
    shift: int,
    code_flags: npt.NDArray[np.int64],
    code_unique: npt.NDArray[np.bool_],
    flags: npt.NDArray[np.int64],
) -> tuple[int, int]:
    """Write the flags of each word; return the numbers of all and of good pixels in the unique region."""
    code_bits = np.uint64((1 << (8 - shift if shift < 8 else 16)) - 1)
    n_unique = n_good = 0
    for k in range(words.size):
        word = np.uint64(words[k])
        code = (word >> np.uint64(shift)) & code_bits
        flags[k] = np.int64(word & _SE_PART) | code_flags[code]
        if code_unique[code]:
            n_unique += lengths[k]
            if flags[k] == 0:
                n_good += lengths[k]
    return n_unique, n_good
