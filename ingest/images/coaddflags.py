"""Dictionary-coded flags of a coadd."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...schema.bits import BIT_SHIFT, Criterion
from ...schema.errors import PlaneError
from ...schema.executors import Spread
from ...schema.jit import kernel
from ...schema.masks.rle import Runs, RunScan, ScanBuffers, Starts, merge_runs, scan_row, sort_starts
from ...schema.planes.reader import PlaneReader
from ...schema.wcs.footprint import UniqueRegion
from ...schema.wcs.pixelgrid import PixelGrid
from .pixels import PlaneFiles, PlaneRows, fold_row
from .sharedarray import SharedArray

__all__ = ["CoaddFlags", "CodedCoadd", "RegionRuns", "code_coadd"]

# Rows per read, of ten thousand columns: few enough that memory is used again, and not fetched from the system.
_BLOCK = 256

# Rows coded per task: enough to be worth sending to another process, few enough to keep all workers busy.
_CHUNK = 4 * _BLOCK


@dataclass(frozen=True, slots=True, eq=False)
class CoaddFlags:
    """The flags of a coadd, dictionary-coded, with a border of OFF_COADD all round.

    Parameters
    ----------
    codes : SharedArray of uint8 or uint16, shape (ny + 2, nx + 2)
        Index of each pixel into `flags`; the border is code 0, so that a position outside the coadd is
        clamped to it without a test.
    flags : ndarray of int64, shape (n_codes,)
        Flags of each code: criteria and mask bits of the coadd.
    unique : ndarray of bool, shape (n_codes,)
        Whether pixels of each code lie in the tile's unique region.
    has_region : bool
        Whether the tile has a unique region.
    """

    codes: SharedArray
    flags: npt.NDArray[np.int64]
    unique: npt.NDArray[np.bool_]
    has_region: bool

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx) of the coadd."""
        ny, nx = self.codes.array.shape
        return ny - 2, nx - 2


@dataclass(frozen=True, slots=True, eq=False)
class RegionRuns:
    """A mask, with pixel counts inside the tile's unique region.

    Parameters
    ----------
    runs : Runs
        Runs of the mask.
    n_unique, n_good_unique : int
        Number of pixels, and of good ones, whose nearest coadd pixel lies in the unique region.
    """

    runs: Runs
    n_unique: int
    n_good_unique: int


@dataclass(frozen=True, slots=True, eq=False)
class CodedCoadd:
    """Coded flags of a coadd, and their runs.

    Parameters
    ----------
    flags : CoaddFlags
        Flags of each pixel.
    starts : Starts
        Where runs of equal codes start, row by row.
    """

    flags: CoaddFlags
    starts: Starts

    def own_runs(self) -> RegionRuns:
        """Return the coadd's own mask."""
        shape, inside, flags = self.flags.shape, self.flags.unique, self.flags.flags
        lengths, codes = sort_starts(shape, self.starts)
        n_unique, n_good = (int(lengths[which[codes]].sum(dtype=np.int64)) for which in (inside, inside & (flags == 0)))
        return RegionRuns(merge_runs(shape, lengths, flags[codes]), n_unique, n_good)


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """A block of coadd rows, to be coded into `codes`."""

    planes: PlaneFiles
    grid: PixelGrid
    unique: UniqueRegion | None
    rows: slice
    codes: SharedArray


@dataclass(frozen=True, slots=True, eq=False)
class _Coded:
    """Result of coding a block of rows: the word of each code, and the run starts, None if codes ran out."""

    rows: slice
    words: npt.NDArray[np.uint32]
    starts: Starts | None


def code_coadd(
    planes: PlaneFiles,
    grid: PixelGrid,
    *,
    unique: UniqueRegion | None,
    spread: Spread = map,
    scratch: Path | None = None,
) -> CodedCoadd:
    """Read the three planes of a coadd in blocks of rows, and code its flags.

    Parameters
    ----------
    planes : PlaneFiles
        Files of the planes.
    grid : PixelGrid
        The coadd's pixels on the sphere; says which are in the unique region.
    unique : UniqueRegion, optional
        Unique region of the tile.
    spread : Spread
        Map function over blocks of rows; the result does not depend on it.
    scratch : Path, optional
        Folder for flags that are shared with other processes.

    Raises
    ------
    FitsFileError
        If a plane cannot be read.
    PlaneError
        If bmask or seg is not an integer plane, or pixels have more than some 65,000 different flags.
    """
    ny, nx = grid.shape
    for dtype in (np.uint8, np.uint16):
        codes = SharedArray.zeros((ny + 2, nx + 2), dtype, scratch)
        chunks = [_Chunk(planes, grid, unique, slice(y, min(y + _CHUNK, ny)), codes) for y in range(0, ny, _CHUNK)]
        coded = _unite(spread(_code_rows, chunks), codes)
        if coded is not None:
            words, starts = coded
            flags = CoaddFlags(codes, _flags_of(words), (words & _UNIQUE) != 0, unique is not None)
            return CodedCoadd(flags, starts)
    bmask = planes.bmask
    raise PlaneError(f"{bmask.path}[{bmask.ext}]: a coadd's bmask has too many different values: expected up to 65,000")


def _unite(parts: Iterable[_Coded], codes: SharedArray) -> tuple[npt.NDArray[np.uint32], Starts] | None:
    """Renumber the codes so that equal words share one; return None if there are too many for the type."""
    code_of: dict[int, int] = {}
    found = []
    for part in parts:
        new = [code_of.setdefault(int(word), len(code_of)) for word in part.words]
        if part.starts is None or len(code_of) > np.iinfo(codes.array.dtype).max + 1:
            return None
        starts = part.starts
        if new != list(range(len(new))):
            # rare: the code table of every block starts with the same common words
            table = np.array(new, codes.array.dtype)
            inner = codes.array[part.rows.start + 1 : part.rows.stop + 1, 1:-1]
            inner[...] = table[inner]
            starts = Starts(starts.starts, table[starts.codes])
        found.append(starts)
    together = (np.concatenate([getattr(each, name) for each in found]) for name in ("starts", "codes"))
    return np.fromiter(code_of, np.uint32), Starts(*together)


def _flags_of(words: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """Return the flags of each code's word; code 0 is the border."""
    wide = words.astype(np.int64)
    flags: npt.NDArray[np.int64] = (wide & 0x07) << 4 | (wide >> BIT_SHIFT["se"]) << BIT_SHIFT["coadd"]
    flags[0] = int(Criterion.OFF_COADD)
    return flags


# Bit 7 of flags is free; during coding it marks pixels in the unique region.
_UNIQUE = np.uint32(1 << 7)

# The word of code 0, which occurs at no pixel.
_BORDER = int(Criterion.OFF_COADD)

# Common words of DES coadds: in an object or not, with weight or not, masked or not.
_COMMON = [
    region | in_object | weight << 1 | masked << 2 | masked << BIT_SHIFT["se"]
    for region, masked, weight, in_object in itertools.product((0, int(_UNIQUE)), (0, 1), (0, 1), (0, 1))
]


_FIRST = 1 + len(_COMMON)
"""The first code whose word is not a common one."""


def _code_rows(chunk: _Chunk) -> _Coded:
    """Code a block of coadd rows."""
    rows = chunk.rows
    out = chunk.codes.array
    table = np.zeros(np.iinfo(out.dtype).max + 1, np.uint32)
    n_codes = _FIRST
    table[:n_codes] = [_BORDER, *_COMMON]
    order = np.zeros(table.size, np.uint16)
    scan = RunScan(chunk.grid.shape, out.dtype, rows.start)
    with PlaneReader() as reader:
        planes = chunk.planes.planes(reader)
        for y in range(rows.start, rows.stop, _BLOCK):
            some = slice(y, min(y + _BLOCK, rows.stop))
            block = planes.read(some)
            inside = _inside_region(chunk, some)
            to = out[some.start + 1 : some.stop + 1]
            n_codes, n_starts = _code_block(
                block, inside, table, order, n_codes, to, y, scan.room(some.stop - y), scan.n_starts
            )
            if n_codes > table.size:
                return _Coded(rows, table, None)
            scan.done(some.stop - y, n_starts)
    # copies of what the scan has found, and not of the room that it has for more
    found = scan.starts()
    return _Coded(rows, table[:n_codes], Starts(found.starts.copy(), found.codes.copy()))


def _inside_region(chunk: _Chunk, rows: slice) -> npt.NDArray[np.bool_]:
    if chunk.unique is None:
        return np.zeros((rows.stop - rows.start, chunk.grid.shape[1]), np.bool_)
    return chunk.unique.contains_rows(chunk.grid, rows)


@kernel
def _code_of(word: np.uint32, table: npt.NDArray[np.uint32], order: npt.NDArray[np.uint16], n_codes: int) -> int:
    """Return the code of a word; a new one, `n_codes`, is added to the table if that has room.

    From `_FIRST` on `order` has the codes in the order of their words: among tens of thousands of words, in the mask
    of no survey, a search one by one would take hours.
    """
    code = 1
    while code < _FIRST and table[code] != word:
        code += 1
    if code < _FIRST:
        return code
    low, high = _FIRST, n_codes
    while low < high:
        middle = (low + high) // 2
        if table[order[middle]] < word:
            low = middle + 1
        else:
            high = middle
    if low < n_codes and table[order[low]] == word:
        return int(order[low])
    if n_codes < table.size:
        for k in range(n_codes, low, -1):
            order[k] = order[k - 1]
        order[low], table[n_codes] = n_codes, word
    return n_codes


@kernel
def _code_block(
    block: PlaneRows,
    inside: npt.NDArray[np.bool_],
    table: npt.NDArray[np.uint32],
    order: npt.NDArray[np.uint16],
    n_codes: int,
    out: npt.NDArray[np.unsignedinteger[Any]],
    y0: int,
    buffers: ScanBuffers,
    n: int,
) -> tuple[int, int]:
    """Code a block of rows, add new words to the table, and scan for runs.

    Returns the number of codes, one more than the table holds if it overflows, and that of run starts.
    """
    n_rows, nx = inside.shape
    words = np.empty(nx, np.uint32)
    last, code = table[1], 1
    for row in range(n_rows):
        fold_row(block, row, 0, words)
        for x in range(nx):
            words[x] |= np.uint32(inside[row, x]) << np.uint32(7)
        line = out[row, 1:-1]
        for x in range(nx):
            word = words[x]
            if word != last:
                # adjacent pixels are mostly equal, so the search is rare
                code = _code_of(word, table, order, n_codes)
                if code == n_codes:
                    if n_codes == table.size:
                        return n_codes + 1, n
                    n_codes += 1
                last = word
            line[x] = code
        n = scan_row(line, 0, y0 + row, buffers, n)
    return n_codes, n
