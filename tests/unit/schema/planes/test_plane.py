"""Planes are read as fitsio and astropy read them, and what is asked of them is what their pixels say."""

from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits

from goodpix.schema.errors import FitsFileError, PlaneError
from goodpix.schema.planes.fitsfile import FitsFile
from goodpix.schema.planes.plane import open_plane

Pixels = npt.NDArray[Any]

SHAPES = [(12, 70), (1, 33), (45, 1), (1, 1), (130, 64)]
INTEGERS = ["u1", "i1", "i2", "u2", "i4", "u4", "i8"]


def integers(dtype: str, shape: tuple[int, int], *, small: bool = False) -> Pixels:
    """Return noise with long runs of equal pixels, zeros and the type's ends; small ones are those of PLIO."""
    rng = np.random.default_rng(3)
    kind = np.iinfo(dtype)
    least, most = (0, min(kind.max, 1 << 14)) if small else (kind.min, kind.max)
    pixels = rng.normal(most // 3, 5, shape).astype(np.int64).clip(least, most).astype(dtype)
    pixels[rng.random(shape) < 0.1] = 0
    pixels.ravel()[: pixels.size // 3] = most // 5
    pixels.ravel()[:: max(1, pixels.size // 7)] = most
    pixels.ravel()[1 :: max(2, pixels.size // 5)] = least
    return pixels


def numbers(dtype: str, shape: tuple[int, int]) -> Pixels:
    """Return noise about 0, with exact zeros."""
    rng = np.random.default_rng(4)
    pixels = rng.normal(0.3, 1, shape).astype(dtype)
    pixels[rng.random(shape) < 0.2] = 0
    return pixels


def check(path: Path, expected: Pixels, ext: int = 1, *, blocks: tuple[int, ...] = (1, 7, 64)) -> None:
    """Compare all that can be asked of a plane, whole and by blocks of rows."""
    with FitsFile(str(path)) as file:
        plane = open_plane(file, ext)
        ny = plane.shape[0]
        found = plane.read()
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert np.array_equal(found, expected, equal_nan=found.dtype.kind == "f")
        assert np.array_equal(plane.positive(), np.isfinite(expected) & (expected > 0))
        assert np.array_equal(plane.nonzero(), expected != 0)
        for n in blocks:
            cut = np.concatenate([plane.read(slice(y, min(y + n, ny))) for y in range(0, ny, n)])
            assert np.array_equal(cut, expected, equal_nan=found.dtype.kind == "f")
            cut = np.concatenate([plane.positive(slice(y, min(y + n, ny))) for y in range(0, ny, n)])
            assert np.array_equal(cut, np.isfinite(expected) & (expected > 0))


def read(path: Path, ext: int = 1) -> Pixels:
    pixels = fitsio.read(str(path), ext=ext)
    return np.asarray(pixels).astype(pixels.dtype.newbyteorder("="))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [*INTEGERS, "f4", "f8"])
def test_plain_planes_are_as_fitsio_reads_them(tmp_path: Path, dtype: str, shape: tuple[int, int]) -> None:
    path = tmp_path / "a.fits"
    pixels = integers(dtype, shape) if dtype in INTEGERS else numbers(dtype, shape)
    with fitsio.FITS(str(path), "rw") as file:
        file.write(None)
        file.write(pixels)
    assert np.array_equal(read(path), pixels)
    check(path, pixels)


def test_plain_plane_in_the_primary_unit(tmp_path: Path) -> None:
    pixels = integers("i4", (5, 9))
    fits.PrimaryHDU(pixels).writeto(tmp_path / "a.fits")
    check(tmp_path / "a.fits", pixels, ext=0)


def test_plain_numbers_keep_nan_infinity_and_what_is_below_the_smallest(tmp_path: Path) -> None:
    pixels = np.array([[np.nan, np.inf, -np.inf, 0, -0.0, 1e-42, -1e-42, 3]], np.float32)
    fits.PrimaryHDU(pixels).writeto(tmp_path / "a.fits")
    check(tmp_path / "a.fits", read(tmp_path / "a.fits", 0), ext=0)


@pytest.mark.parametrize(
    ("dtype", "scale", "zero"),
    [("i2", 0.5, 3.0), ("u1", 1.0, -128.0), ("u1", 2.0, 7.0), ("i4", 0.25, 0.0), ("i2", 1.0, 100.0), ("f4", 2.0, -1.0)],
)
def test_scaled_planes_are_as_fitsio_reads_them(tmp_path: Path, dtype: str, scale: float, zero: float) -> None:
    path = tmp_path / "a.fits"
    stored = integers(dtype, (6, 11)) // 2 if dtype != "f4" else numbers(dtype, (6, 11))
    unit = fits.PrimaryHDU(stored)
    unit.header["BSCALE"], unit.header["BZERO"] = scale, zero
    unit.writeto(path)
    data = path.read_bytes()
    path.write_bytes(data[:2880] + stored.astype(stored.dtype.newbyteorder(">")).tobytes().ljust(2880, b"\0"))
    check(path, read(path, 0), ext=0)


CODECS = ["RICE", "GZIP", "GZIP_2", "PLIO"]

# Neither writes other types by PLIO, CFITSIO no 64-bit integers.
FITSIO = [(codec, dtype) for codec in CODECS for dtype in ("u1", "i1", "i2", "u2", "i4", "u4")]
FITSIO = [each for each in FITSIO if each[0] != "PLIO" or each[1] in ("u1", "i2", "u2")]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("codec", "dtype"), FITSIO)
def test_integers_of_fitsio(tmp_path: Path, codec: str, dtype: str, shape: tuple[int, int]) -> None:
    path = tmp_path / "a.fits"
    fitsio.write(str(path), integers(dtype, shape, small=codec == "PLIO"), compress=codec)
    expected = read(path)
    assert np.array_equal(expected, integers(dtype, shape, small=codec == "PLIO"))
    check(path, expected)


@pytest.mark.parametrize("tile", [(1, 70), (5, 70), (12, 70), (4, 16), (7, 33), (12, 1), (5, 71)])
@pytest.mark.parametrize("codec", CODECS)
def test_tiles_of_any_shape(tmp_path: Path, codec: str, tile: tuple[int, int]) -> None:
    path = tmp_path / "a.fits"
    pixels = integers("i2", (12, 70), small=True)
    fitsio.write(str(path), pixels, compress=codec, tile_dims=tile)
    check(path, pixels)


METHODS = ["SUBTRACTIVE_DITHER_1", "SUBTRACTIVE_DITHER_2", "NO_DITHER"]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("codec", ["RICE", "GZIP", "GZIP_2"])
def test_quantised_numbers_of_fitsio(
    tmp_path: Path, codec: str, method: str, dtype: str, shape: tuple[int, int]
) -> None:
    path = tmp_path / "a.fits"
    fitsio.write(str(path), numbers(dtype, shape), compress=codec, qmethod=method, qlevel=4, dither_seed=9998)
    check(path, read(path))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("tile", [(1, 70), (5, 33)])
def test_quantised_numbers_with_nan(tmp_path: Path, method: str, tile: tuple[int, int]) -> None:
    path = tmp_path / "a.fits"
    pixels = numbers("f4", (12, 70))
    pixels[3:9, 20:40] = np.nan
    pixels[10] = np.nan
    fitsio.write(str(path), pixels, compress="RICE", qmethod=method, qlevel=16, tile_dims=tile)
    found = read(path)
    assert np.isnan(found).any()
    check(path, found)


@pytest.mark.parametrize("codec", ["GZIP", "GZIP_2"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_numbers_without_loss(tmp_path: Path, codec: str, dtype: str) -> None:
    path = tmp_path / "a.fits"
    pixels = numbers(dtype, (12, 70))
    pixels[0, :3] = np.nan, -1e-42, 1e-42
    fitsio.write(str(path), pixels, compress=codec, qlevel=0)
    check(path, read(path))


def test_tiles_that_cannot_be_quantised(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    pixels = numbers("f4", (12, 70))
    pixels[4:6] = 10.0 ** np.arange(-35, 35)
    pixels[7, :5] = np.nan
    pixels[8] = np.where(np.arange(70) % 2, 1e30, 1e-41)
    pixels[8, 3] = np.nan
    fitsio.write(str(path), pixels, compress="RICE", qmethod="SUBTRACTIVE_DITHER_2", qlevel=16)
    with fits.open(path, disable_image_compression=True) as file:
        assert min(len(row) for row in file[1].data["COMPRESSED_DATA"]) == 0
    check(path, read(path))


ASTROPY = [
    (codec, dtype) for codec in ("RICE_1", "GZIP_1", "GZIP_2", "NOCOMPRESS") for dtype in ("u1", "i2", "u2", "i4", "u4")
]
ASTROPY += [("PLIO_1", dtype) for dtype in ("u1", "i2", "i4")]


@pytest.mark.parametrize("tile", [(1, 70), (5, 33), (12, 70)])
@pytest.mark.parametrize(("codec", "dtype"), ASTROPY)
def test_integers_of_astropy(tmp_path: Path, codec: str, dtype: str, tile: tuple[int, int]) -> None:
    path = tmp_path / "a.fits"
    pixels = integers(dtype, (12, 70), small=codec == "PLIO_1")
    fits.CompImageHDU(pixels, compression_type=codec, tile_shape=tile).writeto(path)
    check(path, pixels)


@pytest.mark.parametrize("method", [1, 2, -1])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("codec", ["RICE_1", "GZIP_1", "GZIP_2"])
def test_quantised_numbers_of_astropy(tmp_path: Path, codec: str, dtype: str, method: int) -> None:
    path = tmp_path / "a.fits"
    fits.CompImageHDU(numbers(dtype, (12, 70)), compression_type=codec, quantize_method=method, dither_seed=17).writeto(
        path
    )
    with fits.open(path) as file:
        expected = np.asarray(file[1].data)
    check(path, expected.astype(expected.dtype.newbyteorder("=")))
    check(path, read(path))


@pytest.mark.parametrize("codec", ["GZIP_1", "GZIP_2", "NOCOMPRESS"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_numbers_of_astropy_without_loss(tmp_path: Path, codec: str, dtype: str) -> None:
    path = tmp_path / "a.fits"
    pixels = numbers(dtype, (12, 70))
    pixels[0, :3] = np.nan, np.inf, -np.inf
    fits.CompImageHDU(pixels, compression_type=codec, quantize_level=0).writeto(path)
    check(path, pixels)


def test_one_scale_for_all_tiles_may_be_a_keyword(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    pixels = integers("i4", (12, 70)) % 1000
    fitsio.write(str(path), pixels, compress="RICE")
    with fits.open(path, mode="update", disable_image_compression=True) as file:
        header = file[1].header
        header["ZBITPIX"], header["ZSCALE"], header["ZZERO"], header["ZQUANTIZ"] = -32, 0.5, -7.25, "NO_DITHER"
    check(path, (pixels * 0.5 - 7.25).astype(np.float32))


@pytest.mark.parametrize("ext", ["msk", " MSK ", 2])
def test_extension_is_found_by_name_in_any_case_or_number(tmp_path: Path, ext: str | int) -> None:
    with fitsio.FITS(str(tmp_path / "a.fits"), "rw") as out:
        out.write(np.zeros((2, 3), "f4"), extname="sci")
        out.write(np.ones((2, 3), "i2"), extname="Msk", compress="PLIO")
    with FitsFile(str(tmp_path / "a.fits")) as file:
        ext = ext if isinstance(ext, str) else 1
        assert open_plane(file, ext).read().all()


def test_missing_extension_is_an_error_that_lists_those_there_are(tmp_path: Path) -> None:
    fitsio.write(str(tmp_path / "a.fits"), np.zeros((2, 3), "f4"), extname="sci")
    with (
        FitsFile(str(tmp_path / "a.fits")) as file,
        pytest.raises(FitsFileError, match=r"no extension 'wgt' \(the file has sci; is it truncated\?\)"),
    ):
        open_plane(file, "wgt")


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4)])
@pytest.mark.parametrize("compress", [None, "RICE"])
def test_plane_of_other_dimensions_is_an_error(tmp_path: Path, shape: tuple[int, ...], compress: str | None) -> None:
    fitsio.write(str(tmp_path / "a.fits"), np.ones(shape, "i4"), compress=compress)
    with (
        FitsFile(str(tmp_path / "a.fits")) as file,
        pytest.raises(PlaneError, match=r"its dimensions are \[.*\]: expected an image"),
    ):
        open_plane(file, 0 if compress is None else 1)


def test_table_is_not_a_plane(tmp_path: Path) -> None:
    fitsio.write(str(tmp_path / "a.fits"), np.zeros(3, [("a", "f4")]))
    with FitsFile(str(tmp_path / "a.fits")) as file, pytest.raises(PlaneError, match=r"its dimensions are \[\]"):
        open_plane(file, 1)


@pytest.mark.parametrize(("y0", "y1"), [(-1, 2), (3, 2), (0, 13)])
def test_rows_outside_are_an_error(tmp_path: Path, y0: int, y1: int) -> None:
    fitsio.write(str(tmp_path / "a.fits"), np.ones((12, 2), "i4"))
    with (
        FitsFile(str(tmp_path / "a.fits")) as file,
        pytest.raises(ValueError, match=r"rows .*: expected a range within 0 to 12"),
    ):
        open_plane(file, 0).read(slice(y0, y1))


def test_no_rows_are_an_empty_array(tmp_path: Path) -> None:
    fitsio.write(str(tmp_path / "a.fits"), np.ones((12, 2), "i4"), compress="RICE")
    with FitsFile(str(tmp_path / "a.fits")) as file:
        assert open_plane(file, 1).read(slice(5, 5)).shape == (0, 2)
