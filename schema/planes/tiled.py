"""Pixels of tile-compressed images."""

import zlib
from collections.abc import Callable
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from ..errors import DamagedFileError, UnsupportedFitsError
from .codecs.hcompress import decode_hcompress
from .codecs.plio import decode_plio
from .codecs.rice import decode_rice
from .quantized import DITHERS, Quantization, positive, restore
from .scaling import Scaling, Want, answer
from .tiles import Descriptors, TileTable

__all__ = ["TiledPixels"]

Index = npt.NDArray[np.int64]
Pixels = npt.NDArray[Any]

# Pixels per step: few enough to stay in the processor's cache, and so many that threads rarely wait for Python.
_CHUNK = 1 << 19

# Bytes decompressed per step; few tiles have more.
_AT_ONCE = 1 << 25

# ZBLANK of tiles that have none: no stored integer is that large.
_NO_BLANK = 1 << 62

_DITHER_1 = DITHERS["SUBTRACTIVE_DITHER_1"]

_ALL = (-(1 << 31), (1 << 31) - 1)
"""Range of 32-bit integers."""

_KINDS = {"B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}


class TiledPixels:
    """Pixels of a tile-compressed image.

    Parameters
    ----------
    table : TileTable
        Table that contains the image.
    lost_zeros : bool
        Whether values quantised with SUBTRACTIVE_DITHER_1 are 0 up to half of their tile's ZSCALE, where ZZERO is 0.

    Attributes
    ----------
    shape : tuple of int
        (ny, nx).
    dtype : dtype
        Data type of the pixels.

    Raises
    ------
    DamagedFileError
        If the header is inconsistent.
    UnsupportedFitsError
        If the format of the image is not supported.
    """

    def __init__(self, table: TileTable, *, lost_zeros: bool = False) -> None:
        self._lost_zeros = lost_zeros and table.dither == _DITHER_1
        self._table, self._file, header = table, table.file, table.unit.header
        scale, zero = header.number("BSCALE", 1), header.number("BZERO", 0)
        if table.codec == "PLIO_1" and zero == 32768:
            zero = 0.0  # CFITSIO does not offset these unsigned integers
        self._scaling = Scaling.of(table.bitpix, scale, header.number("BZERO", 0), table.where)
        if table.bitpix > 0:
            if "ZSCALE" in table.columns or header.first("ZSCALE") is not None:
                raise UnsupportedFitsError(
                    f"{table.where}: ZBITPIX is {table.bitpix} and there is a ZSCALE: expected none for integer pixels"
                )
            self._scaling = Scaling(self._scaling.dtype, scale, zero)
        self.shape, self.dtype = table.shape, self._scaling.dtype
        self._limits = self._scaling.limits if table.codec == "PLIO_1" else _ALL
        self._kept: tuple[int, Want, Pixels] | None = None
        self._room: npt.NDArray[np.int32] = np.empty(0, np.int32)

    @cached_property
    def _quantization(self) -> Quantization | None:
        return None if self._table.dither is None else _quantization(self._table)

    @cached_property
    def _has_blank(self) -> bool:
        return self._quantization is not None and bool((self._quantization.blank != _NO_BLANK).any())

    def read(self, y0: int, y1: int, want: Want, make: Callable[[], Pixels]) -> Pixels:
        """Return the wanted quantity for a range of rows; `make` allocates the array after sizes are checked."""
        height = self._table.tile[0]
        first, last = y0 // height, -(-y1 // height)
        self._check_sizes(first, last)
        out: Pixels = make()
        step = max(1, _CHUNK // (height * self.shape[1]))
        n_whole = last if y1 == self.shape[0] else y1 // height
        band = first
        while band < last:
            # as many complete bands as fit in the cache, or one partial band
            whole = band * height >= y0 and min((band + 1) * height, self.shape[0]) <= y1
            end = max(band + 1, min(band + step, n_whole)) if whole else band + 1
            a, b = band * height, min(end * height, self.shape[0])
            if whole:
                self._bands(band, end, want, out[a - y0 : b - y0])
            else:
                rows = self._one_band(band, want, out.dtype)
                out[max(a, y0) - y0 : min(b, y1) - y0] = rows[max(a, y0) - a : min(b, y1) - a]
            band = end
        if y1 == self.shape[0]:
            self._kept = None
        return out

    def _check_sizes(self, first: int, last: int) -> None:
        """Refuse tiles with too few bytes for their pixels, before memory is allocated."""
        table = self._table
        n_x = table.grid[1]
        tiles = np.arange(first * n_x, last * n_x)
        n_bytes = np.sum([each.size[tiles] for each in table.data.values()], axis=0)
        height = np.minimum(table.tile[0], table.shape[0] - tiles // n_x * table.tile[0])
        width = np.minimum(table.tile[1], table.shape[1] - tiles % n_x * table.tile[1])
        table.check_sizes(tiles, height * width, n_bytes)

    def _one_band(self, band: int, want: Want, dtype: np.dtype[Any]) -> Pixels:
        """Return all rows of a band and keep it, because its other rows are likely to be read next."""
        if self._kept is None or self._kept[:2] != (band, want):
            height = min(self._table.tile[0], self.shape[0] - band * self._table.tile[0])
            rows: Pixels = np.empty((height, self.shape[1]), dtype)
            self._bands(band, band + 1, want, rows)
            self._kept = (band, want, rows)
        return self._kept[2]

    def _bands(self, first: int, last: int, want: Want, out: Pixels) -> None:
        """Compute the wanted quantity of complete bands of tiles."""
        n_x, (height, width) = self._table.grid[1], self._table.tile
        tiles = np.arange(first * n_x, last * n_x)
        if n_x == 1:
            places = np.minimum(np.arange(tiles.size + 1) * height, out.shape[0]) * width
            self._tiles(tiles, places, want, out.reshape(-1))
            return
        for band in range(first, last):
            rows = out[(band - first) * height : (band - first + 1) * height]
            sizes = np.diff(np.minimum(np.arange(n_x + 1) * width, self.shape[1]))
            places = np.concatenate([[0], np.cumsum(sizes * rows.shape[0])])
            flat: Pixels = np.empty(rows.size, out.dtype)
            self._tiles(np.arange(band * n_x, (band + 1) * n_x), places, want, flat)
            for k in range(n_x):
                tile = flat[places[k] : places[k + 1]].reshape(rows.shape[0], sizes[k])
                rows[:, k * width : k * width + sizes[k]] = tile

    def _tiles(self, tiles: Index, places: Index, want: Want, out: Pixels) -> None:
        """Compute the wanted quantity of tiles; `places` are their boundaries in `out`."""
        packed = self._table.data["COMPRESSED_DATA"].size[tiles] > 0
        if packed.any():
            stored = self._decode(tiles, places, packed)
            if self._quantization is None:
                self._check_fit(self._scaling.write(stored, want, out, known=self._limits != _ALL), tiles)
            else:
                self._answer_quantized(stored, tiles, places, want, out)
        for k in [] if packed.all() else np.flatnonzero(~packed):
            self._exact_tile(int(tiles[k]), want, out[places[k] : places[k + 1]])

    def _answer_quantized(
        self, stored: npt.NDArray[np.int32], tiles: Index, places: Index, want: Want, out: Pixels
    ) -> None:
        q = self._quantization
        assert q is not None  # for the type checker
        some = Quantization(q.scale[tiles], q.zero[tiles], q.seed[tiles], q.blank[tiles], q.dither)
        if want is Want.POSITIVE and not self._lost_zeros:
            positive(stored, places, some, self.dtype, out)
        elif want is Want.VALUES and not self._lost_zeros:
            restore(stored, places, some, out)
        else:
            pixels: npt.NDArray[np.floating[Any]] = np.empty(stored.size, self.dtype)
            restore(stored, places, some, pixels)
            if self._lost_zeros:
                limit = np.where(some.zero == 0, some.scale / 2, -np.inf)
                pixels[pixels <= np.repeat(limit, np.diff(places))] = 0
            answer(pixels, want, out)

    def _decode(self, tiles: Index, places: Index, packed: npt.NDArray[np.bool_]) -> Pixels:
        """Return the decoded numbers of tiles; those of tiles that are not packed are arbitrary."""
        table, where = self._table, self._table.data["COMPRESSED_DATA"]
        if table.codec in ("RICE_1", "PLIO_1", "HCOMPRESS_1"):
            if self._room.size < places[-1]:
                self._room = np.zeros(int(places[-1]), np.int32)
            out = self._room[: places[-1]]
            if not packed.all():  # only packed tiles are written below
                out[:] = 0
            for part in _consecutive(np.flatnonzero(packed)):
                data, starts = self._bytes(where, tiles[part])
                to = (starts, starts + where.size[tiles[part]], places[part[0] : part[-1] + 2], out)
                if table.codec == "PLIO_1":
                    bad = decode_plio(data, *to, least=self._limits[0], most=self._limits[1])
                elif table.codec == "HCOMPRESS_1":
                    x = tiles[part] % table.grid[1]
                    widths = np.minimum(table.tile[1], self.shape[1] - x * table.tile[1])
                    bad = decode_hcompress(data, *to, widths=widths, n_bits=min(abs(table.bitpix), 32))
                else:
                    bad = decode_rice(data, *to, width=table.width, block=table.block)
                if bad >= 0:
                    self._damaged(int(tiles[part[bad]]))
            return out
        number = np.dtype("i8" if table.bitpix == 64 else "i4") if self._integers else self.dtype
        values: Pixels = np.zeros(int(places[-1]), number)
        chosen, begins = tiles[packed], places.tolist()
        data, starts = self._bytes(where, chosen)
        for k, tile, a, n in zip(
            np.flatnonzero(packed), chosen.tolist(), starts.tolist(), where.size[chosen].tolist(), strict=True
        ):
            values[begins[k] : begins[k + 1]] = self._unpack(data[a : a + n], tile, begins[k + 1] - begins[k])
        return values

    @property
    def _integers(self) -> bool:
        """True if the tiles contain integers: integer pixels or quantised floats."""
        return self._table.bitpix > 0 or self._table.dither is not None

    @cached_property
    def _widths(self) -> dict[int, np.dtype[Any]]:
        """Possible types of stored numbers by bytes per number: integers may be wider or narrower than pixels."""
        if not self._integers:
            return {self.dtype.itemsize: self.dtype.newbyteorder(">")}
        kinds = ["u1", ">i2", ">i4", ">i8"] if self._table.bitpix == 64 else ["u1", ">i2", ">i4"]
        return {np.dtype(kind).itemsize: np.dtype(kind) for kind in kinds}

    def _unpack(self, data: npt.NDArray[np.uint8], tile: int, n_pixels: int) -> Pixels:
        """Return the stored numbers of a GZIP_1, GZIP_2 or NOCOMPRESS tile."""
        codec = self._table.codec
        plain = data if codec == "NOCOMPRESS" else self._inflate(data, tile, n_pixels)
        width, rest = divmod(plain.size, n_pixels)
        if rest or width not in self._widths:
            self._damaged(tile)
        if codec == "GZIP_2":
            plain = np.ascontiguousarray(plain.reshape(width, n_pixels).T).reshape(-1)
        return plain.view(self._widths[width])

    def _inflate(self, data: npt.NDArray[np.uint8], tile: int, n_pixels: int) -> npt.NDArray[np.uint8]:
        """Decompress a gzip stream, up to the size that the pixels can have."""
        stream, left = zlib.decompressobj(wbits=31), 8 * n_pixels + 1
        found: list[bytes] = []
        rest: bytes | memoryview = data.data
        try:
            while left > 0 and not stream.eof:  # in steps, so that signals are handled in between
                found.append(stream.decompress(rest, min(left, _AT_ONCE)))
                if not found[-1]:
                    break
                left, rest = left - len(found[-1]), stream.unconsumed_tail
        except zlib.error:
            found = []
        if not stream.eof or not any(found):
            self._damaged(tile)
        return np.frombuffer(found[0] if len(found) == 1 else b"".join(found), np.uint8)

    def _exact_tile(self, tile: int, want: Want, out: Pixels) -> None:
        """Compute the wanted quantity of a tile stored uncompressed or losslessly by gzip."""
        table, places = self._table, self._table.data
        plain, gzip = places.get("UNCOMPRESSED_DATA"), places.get("GZIP_COMPRESSED_DATA")
        if plain is not None and plain.size[tile]:
            kind = _KINDS.get(table.columns["UNCOMPRESSED_DATA"].elements, "")
            data, _ = self._bytes(plain, np.array([tile]))
            if not kind or data.size != out.size * np.dtype(kind).itemsize:
                self._damaged(tile)
            pixels = data.view(kind)
        elif gzip is not None and gzip.size[tile] and table.bitpix < 0:
            data, _ = self._bytes(gzip, np.array([tile]))
            inflated = self._inflate(data, tile, out.size)
            if inflated.size != out.size * self.dtype.itemsize:
                self._damaged(tile)
            pixels = inflated.view(self.dtype.newbyteorder(">"))
        else:
            raise DamagedFileError(f"{table.where}: tile {tile} has 0 bytes: expected its pixels")
        pixels = pixels.astype(pixels.dtype.newbyteorder("="))
        if (pixels.dtype.kind == "f") != (table.bitpix < 0):
            self._damaged(tile)
        if table.bitpix > 0:
            self._check_fit(self._scaling.write(pixels, want, out), np.array([tile]))
            return
        if self._has_blank:  # CFITSIO then reads infinities as NaN
            pixels = np.where(np.isinf(pixels), np.nan, pixels)
        answer(pixels.astype(self.dtype), want, out)

    def _bytes(self, where: Descriptors, tiles: Index) -> tuple[npt.NDArray[np.uint8], Index]:
        """Return a buffer that contains the bytes of tiles, and the start of each tile in it."""
        start, size = where.start[tiles], where.size[tiles]
        first, last, total = int(start.min()), int((start + size).max()), int(size.sum())
        if last - first <= 2 * total + (1 << 16):
            return self._file.read(first, last - first), start - first
        parts = [self._file.read(int(a), int(n)) for a, n in zip(start, size, strict=True)]
        return np.concatenate(parts), np.cumsum(size) - size

    def _check_fit(self, fits: bool, tiles: Index) -> None:
        if not fits:
            self._damaged(int(tiles[0]), int(tiles[-1]))

    def _damaged(self, first: int, last: int | None = None) -> NoReturn:
        table = self._table
        tiles = f"tile {first} is" if last in (None, first) else f"one of tiles {first} to {last} is"
        raise DamagedFileError(
            f"{table.where}: {tiles} damaged: cannot be decoded by {table.codec} to {self.dtype} pixels"
        )


def _consecutive(numbers: npt.NDArray[np.intp]) -> list[npt.NDArray[np.intp]]:
    """Split ascending numbers into groups without gaps."""
    if numbers[-1] - numbers[0] == numbers.size - 1:
        return [numbers]
    return np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)


def _quantization(table: TileTable) -> Quantization:
    """Return the quantisation parameters of a table's tiles, as CFITSIO applies them."""
    header, n = table.unit.header, table.grid[0] * table.grid[1]

    def column(name: str, default: float) -> npt.NDArray[np.float64]:
        values = table.values(name)
        return np.full(n, header.number(name, default)) if values is None else values

    scale, zero = column("ZSCALE", 1), column("ZZERO", 0)
    bscale, bzero = header.number("BSCALE", 1), header.number("BZERO", 0)
    if bscale != 1 or bzero != 0:
        if "ZSCALE" in table.columns:
            scale, zero = scale * bscale, zero * bscale + bzero
        plain = (scale == 1) & (zero == 0)
        scale, zero = np.where(plain, bscale, scale), np.where(plain, bzero, zero)
    blank = column("ZBLANK", np.nan) if header.first("ZBLANK") is None else column("ZBLANK", 0)
    first = header.integer("ZDITHER0", 1)
    if first < 1:
        raise DamagedFileError(f"{table.where}: ZDITHER0 is {first}: expected 1 or more")
    whole = np.where(np.abs(blank) <= -_ALL[0], blank, float(_NO_BLANK)).astype(np.int64)
    return Quantization(scale, zero, np.arange(n) + (first - 1) % 10000, whole, table.dither or 0)
