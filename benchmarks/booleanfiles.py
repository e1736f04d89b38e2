"""File formats for boolean images."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import fitsio
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image

__all__ = ["FORMATS", "PACKED", "PLIO", "PNG", "Format"]

Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Format:
    """A file format for boolean images.

    Parameters
    ----------
    name : str
        Name in the table.
    write : callable
        Takes a path and the image of good pixels.
    read : callable
        Takes a path and the (ny, nx) of the image; returns the image.
    """

    name: str
    write: Callable[[Path, Booleans], object]
    read: Callable[[Path, tuple[int, int]], Booleans]


def _fits(name: str, compress: str, rows: int = 1) -> Format:
    def write(path: Path, good: Booleans) -> None:
        bad = (~good).astype(np.int16)
        fitsio.write(path.with_suffix(".fits"), bad, compress=compress, tile_dims=(rows, bad.shape[1]), clobber=True)
        path.with_suffix(".fits").rename(path)

    def read(path: Path, _shape: tuple[int, int]) -> Booleans:
        good: Booleans = fitsio.read(str(path), ext=1) == 0
        return good

    return Format(name, write, read)


def _write_png(path: Path, good: Booleans) -> None:
    Image.fromarray(good).save(path, "png")


def _read_png(path: Path, _shape: tuple[int, int]) -> Booleans:
    return np.asarray(Image.open(path))


_ZSTD = pa.Codec("zstd", compression_level=19)


def _write_packed(path: Path, good: Booleans) -> None:
    path.write_bytes(_ZSTD.compress(np.packbits(good), asbytes=True))


def _read_packed(path: Path, shape: tuple[int, int]) -> Booleans:
    n = math.prod(shape)
    packed = _ZSTD.decompress(path.read_bytes(), decompressed_size=(n + 7) // 8, asbytes=True)
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=n).view(np.bool_).reshape(shape)


PLIO = _fits("PLIO FITS", "PLIO")
PNG = Format("PNG", _write_png, _read_png)
PACKED = Format("packed bits + zstd 19", _write_packed, _read_packed)

FORMATS = [
    PLIO,
    _fits("PLIO FITS, tiles of 128 rows", "PLIO", 128),
    _fits("RICE FITS", "RICE"),
    _fits("GZIP FITS", "GZIP"),
    PNG,
    PACKED,
]
