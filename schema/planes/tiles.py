"""Binary tables that contain tile-compressed images."""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..errors import DamagedFileError, UnsupportedFitsError
from .fitsfile import FitsFile, Unit
from .headers import Header
from .quantized import DITHERS

__all__ = ["Descriptors", "TileTable"]

_CODECS = {"RICE_ONE": "RICE_1"} | {
    name: name for name in ("RICE_1", "PLIO_1", "GZIP_1", "GZIP_2", "NOCOMPRESS", "HCOMPRESS_1")
}

# Bytes per element, by its letter in TFORMn.
_SIZES = {"L": 1, "X": 1, "B": 1, "A": 1, "I": 2, "J": 4, "K": 8, "E": 4, "D": 8, "C": 8, "M": 16, "P": 8, "Q": 16}
_FORM = re.compile(r"(\d{0,9})([LXBIJKAEDCMPQ])([LXBIJKAEDCM]?)")

# Maximum pixels per stored byte of a tile, reached by PLIO_1; and per tile, because a tile is in memory as a whole:
# far more than a camera has.
_MOST_PER_BYTE, _MOST_PIXELS = 2048, 1 << 28

# The same for HCOMPRESS_1: its coefficients take more memory than pixels, and a tile of equal pixels has 26 bytes,
# however large it is, so that some more bytes are granted to each.
_MOST_COEFFICIENTS, _GRANTED = 1 << 26, 64


@dataclass(frozen=True, slots=True)
class TileColumn:
    """Column of a binary table.

    Parameters
    ----------
    offset, width : int
        Byte offset in a row and number of bytes there.
    kind : str
        Letter of the element type in TFORMn; P and Q are descriptors.
    elements : str
        Letter of the element type that descriptors point to; empty for other columns.
    """

    offset: int
    width: int
    kind: str
    elements: str


@dataclass(frozen=True, slots=True, eq=False)
class Descriptors:
    """Byte offset and size of each tile in the file; shape (n_tiles,)."""

    start: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]


class TileTable:
    """Binary table that contains a tile-compressed image.

    Parameters
    ----------
    file : FitsFile
        File that contains the table.
    unit : Unit
        Unit of the table.

    Attributes
    ----------
    shape, tile : tuple of int
        (ny, nx) of the image and of a tile; tiles at the upper edges may be smaller.
    bitpix : int
        BITPIX of the image.
    codec : str
        RICE_1, PLIO_1, GZIP_1, GZIP_2, NOCOMPRESS or HCOMPRESS_1.
    width, block : int
        BYTEPIX and BLOCKSIZE of RICE_1.
    dither : int or None
        Dithering method of quantised floats (see `goodpix.schema.planes.quantized.DITHERS`); None for other pixels.

    Raises
    ------
    DamagedFileError
        If the header does not describe a tile-compressed image.
    UnsupportedFitsError
        If the compression of the tiles is not supported.
    """

    def __init__(self, file: FitsFile, unit: Unit) -> None:
        self.file, self.unit, header = file, unit, unit.header
        self.where = header.where
        self.bitpix = header.integer("ZBITPIX")
        if self.bitpix not in (8, 16, 32, 64, -32, -64):
            raise DamagedFileError(f"{self.where}: ZBITPIX is {self.bitpix}: expected 8, 16, 32, 64, -32 or -64")
        axes = _axes(header)
        self.shape = (axes[1], axes[0])
        tile = [header.integer(f"ZTILE{n}", default) for n, default in ((1, axes[0]), (2, 1))]
        if min(tile) < 1:
            raise DamagedFileError(f"{self.where}: ZTILE1, ZTILE2 are {tile[0]}, {tile[1]}: expected 1 or more")
        self.tile = (min(tile[1], axes[1]), min(tile[0], axes[0]))
        name = header.text("ZCMPTYPE")
        if name not in _CODECS:
            raise UnsupportedFitsError(f"{self.where}: ZCMPTYPE is {name!r}: expected one of {', '.join(_CODECS)}")
        self.codec = _CODECS[name]
        self._check_pixels()
        self.width, self.block = _rice_parameters(header) if self.codec == "RICE_1" else (4, 32)
        self.row_size = header.integer("NAXIS1")
        n_rows, n_tiles = header.integer("NAXIS2"), self.grid[0] * self.grid[1]
        if n_rows != n_tiles or self.row_size < 1:
            raise DamagedFileError(
                f"{self.where}: NAXIS1, NAXIS2 are {self.row_size}, {n_rows}: "
                f"expected a row for each of {n_tiles} tiles"
            )
        self.columns = _columns(header, self.row_size)
        self.dither = self._dither()
        self.table_size = self.row_size * n_rows
        self.heap = header.integer("THEAP", self.table_size)
        if not self.table_size <= self.heap <= unit.size:
            raise DamagedFileError(
                f"{self.where}: THEAP is {self.heap}: expected {self.table_size} to {unit.size}, inside the data"
            )

    @property
    def grid(self) -> tuple[int, int]:
        """Number of tiles along y and x."""
        return -(-self.shape[0] // self.tile[0]), -(-self.shape[1] // self.tile[1])

    def _check_pixels(self) -> None:
        """Refuse tiles that are too large to be in memory, and smoothing."""
        is_hcompress = self.codec == "HCOMPRESS_1"
        n, most = self.tile[0] * self.tile[1], _MOST_COEFFICIENTS if is_hcompress else _MOST_PIXELS
        if n > most:
            raise UnsupportedFitsError(
                f"{self.where}: tiles are {self.tile[0]} x {self.tile[1]} pixels: expected at most {most} pixels"
            )
        if is_hcompress and (smooth := self.unit.header.number(_parameters(self.unit.header, "SCALE", "SMOOTH")[1], 0)):
            raise UnsupportedFitsError(f"{self.where}: SMOOTH is {smooth:g}: expected 0, pixels that are not smoothed")

    def _dither(self) -> int | None:
        header = self.unit.header
        if self.bitpix > 0:
            return None
        scales = [name in self.columns or header.first(name) is not None for name in ("ZSCALE", "ZZERO")]
        method = header.text("ZQUANTIZ") or "NO_DITHER"
        lossless = self.codec in ("GZIP_1", "GZIP_2", "NOCOMPRESS")
        if method == "NONE" or (lossless and not any(scales)):
            if not lossless:
                raise UnsupportedFitsError(
                    f"{self.where}: ZQUANTIZ is 'NONE' and ZCMPTYPE {self.codec}: expected quantised pixels"
                )
            return None
        if not all(scales):
            raise DamagedFileError(f"{self.where}: no ZSCALE or ZZERO: expected both for quantised pixels")
        if method not in DITHERS:
            raise UnsupportedFitsError(f"{self.where}: ZQUANTIZ is {method!r}: expected one of {', '.join(DITHERS)}")
        return DITHERS[method]

    @cached_property
    def _rows(self) -> npt.NDArray[np.uint8]:
        """Bytes of the table, shape (n_rows, row_size)."""
        return self.file.read(self.unit.start, self.table_size).reshape(-1, self.row_size)

    def values(self, name: str) -> npt.NDArray[np.float64] | None:
        """Return a column with one number per tile; None if there is no such column.

        Raises
        ------
        DamagedFileError
            If the column does not contain one number per tile.
        """
        column = self.columns.get(name)
        if column is None:
            return None
        kinds = {"B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
        if column.kind not in kinds or column.width != _SIZES[column.kind]:
            raise DamagedFileError(f"{self.where}: column {name}: expected one number per tile")
        return self._field(column).view(kinds[column.kind])[:, 0].astype(np.float64)

    @cached_property
    def data(self) -> dict[str, Descriptors]:
        """Position of each tile's bytes, by column name.

        Raises
        ------
        DamagedFileError
            If a tile is outside the table's heap, or the tiles together are larger than the heap.
        """
        names = ("COMPRESSED_DATA", "GZIP_COMPRESSED_DATA", "UNCOMPRESSED_DATA")
        found = {name: self._descriptors(name) for name in names if name in self.columns}
        # tiles that share bytes could add up to many times the size of the file
        total, heap = sum(float(each.size.sum(dtype=np.float64)) for each in found.values()), self.unit.size - self.heap
        if total > heap:
            raise DamagedFileError(
                f"{self.where}: the tiles have {total:.0f} bytes: expected at most {heap}, the heap's"
            )
        return found

    def _descriptors(self, name: str) -> Descriptors:
        column = self.columns[name]
        if column.kind not in ("P", "Q") or not column.elements:
            raise DamagedFileError(f"{self.where}: column {name}: expected variable-length arrays")
        pairs = self._field(column).view(">i4" if column.kind == "P" else ">i8").astype(np.int64)
        if not pairs.shape[1]:  # repeat count 0
            pairs = np.zeros((len(pairs), 2), np.int64)
        n, offset = pairs.T
        room, size = self.unit.size - self.heap, _SIZES[column.elements]
        bad = (n < 0) | (offset < 0) | (n > room // size)
        bad |= (n > 0) & (offset > room - np.where(bad, 0, n) * size)
        if bad.any():
            tile = int(bad.argmax())
            raise DamagedFileError(
                f"{self.where}: tile {tile} of {name} has {n[tile]} elements at byte {offset[tile]} of the heap: "
                f"expected inside its {room} bytes"
            )
        return Descriptors(np.where(n > 0, offset, 0) + self.unit.start + self.heap, n * size)

    def _field(self, column: TileColumn) -> npt.NDArray[np.uint8]:
        return np.ascontiguousarray(self._rows[:, column.offset : column.offset + column.width])

    def check_sizes(
        self, tiles: npt.NDArray[np.int64], n_pixels: npt.NDArray[np.int64], n_bytes: npt.NDArray[np.int64]
    ) -> None:
        """Refuse tiles that have too few bytes for their pixels.

        Raises
        ------
        DamagedFileError
            If a tile has too few bytes.
        """
        granted = _GRANTED if self.codec == "HCOMPRESS_1" else 0
        bad = n_pixels // _MOST_PER_BYTE > n_bytes + granted
        if bad.any():
            k = int(bad.argmax())
            raise DamagedFileError(
                f"{self.where}: tile {tiles[k]} has {n_bytes[k]} bytes: expected more for {n_pixels[k]} pixels"
            )


def _axes(header: Header) -> tuple[int, int]:
    """Return ZNAXIS1 and ZNAXIS2."""
    axes = (header.integer("ZNAXIS1"), header.integer("ZNAXIS2"))
    if not all(0 < n < 1 << 31 for n in axes):
        raise DamagedFileError(f"{header.where}: ZNAXIS1, ZNAXIS2 are {axes[0]}, {axes[1]}: expected 1 to 2147483647")
    return axes


def _parameters(header: Header, first: str, second: str) -> tuple[str, str]:
    """Return the keywords of the values of a codec's two parameters; empty for one that is absent."""
    found = {first: "", second: ""}
    for n in range(1, 10):
        name = header.text(f"ZNAME{n}") or {1: first, 2: second}.get(n, "")
        if name in found:
            found[name] = f"ZVAL{n}" if header.first(f"ZVAL{n}") is not None else found[name]
        elif name and name != "NOISEBIT":  # occurs in very old files
            raise UnsupportedFitsError(f"{header.where}: ZNAME{n} is {name!r}: expected {' or '.join(found)}")
    return found[first], found[second]


def _rice_parameters(header: Header) -> tuple[int, int]:
    """Return BYTEPIX and BLOCKSIZE."""
    block_key, width_key = _parameters(header, "BLOCKSIZE", "BYTEPIX")
    block, width = header.integer(block_key, 32), header.integer(width_key, 4)
    if width not in (1, 2, 4) or not 1 <= block < 1 << 31:
        raise UnsupportedFitsError(
            f"{header.where}: BYTEPIX and BLOCKSIZE are {width} and {block}: expected 1, 2 or 4, and 1 or more"
        )
    return width, block


def _columns(header: Header, row_size: int) -> dict[str, TileColumn]:
    """Return the columns of a table by upper-case name; the first one of a repeated name."""
    found: dict[str, TileColumn] = {}
    offset = 0
    n_columns = header.integer("TFIELDS")
    if not 0 <= n_columns <= 999:
        raise DamagedFileError(f"{header.where}: TFIELDS is {n_columns}: expected 0 to 999")
    for n in range(1, n_columns + 1):
        form = _FORM.match(header.text(f"TFORM{n}").upper())
        if not form:
            raise DamagedFileError(
                f"{header.where}: TFORM{n} is {header.text(f'TFORM{n}')!r}: expected the format of a column"
            )
        repeat = int(form[1] or 1)
        kind, elements = form[2], form[3] if form[2] in "PQ" else ""
        if kind in "PQ" and repeat > 1:
            raise DamagedFileError(f"{header.where}: TFORM{n} has {repeat} descriptors: expected 0 or 1")
        width = -(-repeat // 8) if kind == "X" else repeat * _SIZES[kind]
        found.setdefault(header.text(f"TTYPE{n}").upper(), TileColumn(offset, width, kind, elements))
        offset += width
    if offset != row_size:
        raise DamagedFileError(f"{header.where}: NAXIS1 is {row_size}: expected {offset}, the bytes of the columns")
    if "COMPRESSED_DATA" not in found:
        raise DamagedFileError(f"{header.where}: no column COMPRESSED_DATA: expected a tile-compressed image")
    return found
