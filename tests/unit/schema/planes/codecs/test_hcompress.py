"""HCOMPRESS_1 decoded by the kernel is what CFITSIO packed, and a damaged stream is refused."""

from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits

from goodpix.schema.planes.codecs.hcompress import decode_hcompress
from goodpix.schema.planes.fitsfile import FitsFile
from goodpix.schema.planes.plane import open_plane

Pixels = npt.NDArray[Any]

KINDS = ["noise", "equal", "few", "slope"]


def image(kind: str, shape: tuple[int, int], dtype: str) -> Pixels:
    """Return pixels that become fewer bytes: CFITSIO writes outside of its memory where they do not."""
    rng = np.random.default_rng(3)
    pixels: Pixels = {
        "noise": rng.normal(100, 5, shape),
        "equal": np.full(shape, 7),
        "few": np.where(rng.random(shape) < 0.05, rng.integers(0, 100, shape), 0),
        "slope": np.add.outer(np.arange(shape[0]) * 3, np.arange(shape[1])) % 250,
    }[kind]
    return pixels.astype(dtype)


def stream(path: Path, pixels: Pixels, **options: Any) -> bytes:
    """Return an image as one tile that CFITSIO compressed."""
    fitsio.write(str(path), pixels, compress="HCOMPRESS", tile_dims=pixels.shape, clobber=True, **options)
    with fits.open(path, disable_image_compression=True) as file:
        return np.asarray(file[1].data["COMPRESSED_DATA"][0]).astype(np.uint8).tobytes()


def decode(data: bytes, shape: tuple[int, int], n_bits: int = 32) -> Any:
    """Decode a tile that lies between bytes that are not its own; None where it is damaged."""
    inside = np.frombuffer(b"\xff" * 3 + data + b"\xff" * 9, np.uint8)
    n = shape[0] * shape[1]
    out: Pixels = np.full(n + 2, 7, np.int32)
    tile = (np.array([3]), np.array([3 + len(data)]), np.array([1, n + 1]))
    bad = decode_hcompress(inside, *tile, out, widths=np.array([shape[1]]), n_bits=n_bits)
    assert (out[0], out[-1]) == (7, 7)
    return None if bad == 0 else out[1:-1].reshape(shape)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["u1", "i2"])
@pytest.mark.parametrize("shape", [(4, 4), (5, 7), (9, 40), (33, 5), (64, 64)])
def test_pixels_are_those_that_were_packed(tmp_path: Path, kind: str, dtype: str, shape: tuple[int, int]) -> None:
    pixels = image(kind, shape, dtype)
    assert np.array_equal(decode(stream(tmp_path / "a.fits", pixels), shape, 8 * pixels.itemsize), pixels)


@pytest.mark.parametrize("dtype", ["u1", "i2"])
def test_limits_of_a_type_are_those_that_were_packed(tmp_path: Path, dtype: str) -> None:
    limits = np.iinfo(dtype)
    pixels = np.where(np.arange(64) < 30, limits.min, limits.max) * np.ones((64, 1), dtype)
    assert np.array_equal(decode(stream(tmp_path / "a.fits", pixels.astype(dtype)), (64, 64)), pixels)


def test_large_integers_have_many_bits(tmp_path: Path) -> None:
    pixels = (np.add.outer(np.arange(-9, 10) << 26, np.arange(24) << 20) + 5).astype(np.int32)
    assert np.array_equal(decode(stream(tmp_path / "a.fits", pixels), pixels.shape), pixels)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8"])
@pytest.mark.parametrize("tile", [(16, 64), (7, 9), (70, 64)])
def test_planes_are_what_cfitsio_reads(tmp_path: Path, dtype: str, tile: tuple[int, int]) -> None:
    path = str(tmp_path / "a.fits")
    pixels = np.random.default_rng(5).normal(60, 20, (70, 64)).clip(0, 200).astype(dtype)
    fitsio.write(path, pixels, compress="HCOMPRESS", tile_dims=tile, qlevel=8)
    with FitsFile(path) as file:
        plane = open_plane(file, 1)
        assert plane.dtype == np.dtype(dtype)
        assert np.array_equal(plane.read(), fitsio.read(path))
        assert np.array_equal(plane.positive(slice(5, 50)), fitsio.read(path)[5:50] > 0)


def test_numbers_that_were_packed_with_loss_are_what_cfitsio_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    data = stream(path, image("noise", (30, 40), "i2"), hcomp_scale=8)
    assert int.from_bytes(data[10:14]) > 1
    assert np.array_equal(decode(data, (30, 40), 16), fitsio.read(str(path)))


def test_every_truncated_stream_is_damaged(tmp_path: Path) -> None:
    data = stream(tmp_path / "a.fits", image("few", (9, 11), "i2"))
    assert decode(data, (9, 11)) is not None
    assert all(decode(data[:n], (9, 11)) is None for n in range(len(data)))


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, 0xDC), (1, 0), (5, 8), (9, 12), (9, 0), (22, 255), (23, 63), (25, 0x70)],
    ids=["magic", "number", "rows", "columns", "no columns", "bit planes", "63 of them", "kind of plane"],
)
def test_stream_that_is_not_of_this_tile_is_damaged(tmp_path: Path, at: int, value: int) -> None:
    data = bytearray(stream(tmp_path / "a.fits", image("few", (9, 11), "i2")))
    data[at] = value
    assert decode(bytes(data), (9, 11)) is None


def test_sum_that_no_pixels_have_is_damaged(tmp_path: Path) -> None:
    data = bytearray(stream(tmp_path / "a.fits", image("equal", (9, 11), "i2")))
    data[14:16] = b"\x7f\xff"
    assert decode(bytes(data), (9, 11)) is None


def test_width_that_does_not_divide_a_tile_is_an_error_of_the_caller(tmp_path: Path) -> None:
    data = stream(tmp_path / "a.fits", image("equal", (9, 11), "i2"))
    tile = (np.array([0]), np.array([len(data)]), np.array([0, 99]))
    with pytest.raises(ValueError, match="a tile lies outside the bytes or the pixels"):
        decode_hcompress(np.frombuffer(data, np.uint8), *tile, np.zeros(99, np.int32), widths=np.array([10]), n_bits=16)
