"""Facts about the reader of FITS planes."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fitsio
import numpy as np
import pytest

from goodpix.schema.errors import DitheredWeightError, FitsFileError, PlaneError
from goodpix.schema.planes.reader import Plane, PlaneReader, check_integer, check_weight, read_scamp_head

SHAPE = (12, 7)


@pytest.fixture
def reader() -> Iterator[PlaneReader]:
    with PlaneReader() as opened:
        yield opened


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A file with an empty primary, an image SCI, a mask msk and a table."""
    name = str(tmp_path / "image.fits")
    with fitsio.FITS(name, "rw") as file:
        file.write(None, header={"NITE": 20151106})
        file.write(np.ones(SHAPE, np.float32), extname="SCI", header={"expnum": 7, "FWHM": 3.5})
        file.write(np.arange(84, dtype=np.int16).reshape(SHAPE), extname="msk")
        file.write(np.zeros(3, [("a", "f4")]), extname="TAB")
    return name


@pytest.mark.parametrize("ext", ["msk", "MSK", " Msk ", 2])
def test_extension_is_found_by_name_in_any_case_or_number(reader: PlaneReader, path: str, ext: str | int) -> None:
    assert np.array_equal(reader.plane(path, ext).read(), np.arange(84).reshape(SHAPE))


def test_shape_is_rows_by_columns(reader: PlaneReader, path: str) -> None:
    assert reader.plane(path, "sci").shape == SHAPE


def test_header_keys_are_in_upper_case(reader: PlaneReader, path: str) -> None:
    header = reader.plane(path, "sci").header
    assert (header["EXPNUM"], header["FWHM"]) == (7, 3.5)


def test_primary_header_is_apart(reader: PlaneReader, path: str) -> None:
    assert reader.primary_header(path)["NITE"] == 20151106


def test_file_is_opened_once(reader: PlaneReader, path: str) -> None:
    reader.plane(path, "sci")
    Path(path).unlink()
    assert reader.plane(path, "msk").shape == SHAPE


DTYPES = ["u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [slice(0, 12), slice(3, 8), slice(11, 12)])
def test_rows_are_those_of_the_whole_plane(reader: PlaneReader, tmp_path: Path, dtype: str, rows: slice) -> None:
    pixels = np.random.default_rng(5).integers(0, 250, SHAPE).astype(dtype)
    fitsio.write(str(tmp_path / "a.fits"), pixels, extname="A")
    found = reader.plane(str(tmp_path / "a.fits"), "a").read(rows)
    assert np.array_equal(found, pixels[rows])


@pytest.mark.parametrize("dtype", DTYPES)
def test_pixels_are_of_their_own_type_in_native_order(reader: PlaneReader, tmp_path: Path, dtype: str) -> None:
    fitsio.write(str(tmp_path / "a.fits"), np.zeros(SHAPE, dtype), extname="A")
    assert reader.plane(str(tmp_path / "a.fits"), "a").read().dtype == np.dtype(dtype).newbyteorder("=")


EXTREMES = [("u2", 65535), ("i2", -32768), ("i4", -(1 << 31)), ("u1", 255)]


# PLIO holds 24 bits, unsigned
@pytest.mark.parametrize(
    ("dtype", "value", "compress"),
    [(*each, compress) for each in EXTREMES for compress in (None, "GZIP")] + [("u1", 255, "PLIO")],
)
def test_extreme_mask_values_come_back(
    reader: PlaneReader, tmp_path: Path, dtype: str, value: int, compress: str | None
) -> None:
    name = str(tmp_path / "a.fits.fz")
    fitsio.write(name, np.full(SHAPE, value, dtype), extname="A", compress=compress)
    plane = reader.plane(name, "a")
    assert np.array_equal(plane.read(), np.full(SHAPE, value, dtype))
    assert np.array_equal(plane.read(slice(2, 4)), np.full((2, SHAPE[1]), value, dtype))


@pytest.mark.parametrize("qmethod", ["SUBTRACTIVE_DITHER_2", "SUBTRACTIVE_DITHER_1", "NO_DITHER"])
def test_quantization_is_read_from_the_plane(reader: PlaneReader, tmp_path: Path, qmethod: str) -> None:
    name = str(tmp_path / "a.fits.fz")
    pixels = np.random.default_rng(1).normal(100, 5, (40, 40)).astype(np.float32)
    fitsio.write(name, pixels, extname="wgt", compress="RICE", qlevel=16, qmethod=qmethod)
    assert reader.plane(name, "wgt").quantization == qmethod


def test_plane_that_is_not_packed_has_no_quantization(reader: PlaneReader, path: str) -> None:
    assert reader.plane(path, "sci").quantization is None


def weight(method: str | None) -> Plane:
    header = {} if method is None else {"ZQUANTIZ": method}
    return Plane("a.fits", "wgt", SHAPE, SimpleNamespace(read_header=lambda: header))


@pytest.mark.parametrize("method", ["SUBTRACTIVE_DITHER_2", "NO_DITHER", "NONE", None])
def test_weight_that_keeps_its_zeros_is_taken(method: str | None) -> None:
    assert check_weight(weight(method)) == method


def test_weight_that_lost_its_zeros_is_refused() -> None:
    with pytest.raises(
        DitheredWeightError, match=r"a\.fits\[wgt\]: ZQUANTIZ is SUBTRACTIVE_DITHER_1.*--allow-dithered"
    ):
        check_weight(weight("SUBTRACTIVE_DITHER_1"))


def test_weight_that_lost_its_zeros_may_be_allowed() -> None:
    taken = check_weight(weight("SUBTRACTIVE_DITHER_1"), allow_dithered=True)
    assert taken == "SUBTRACTIVE_DITHER_1"


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_mask_of_floats_is_refused(reader: PlaneReader, path: str, dtype: str) -> None:
    with pytest.raises(PlaneError, match=r"image\.fits\[msk\]: bmask is float\d\d: expected integers"):
        check_integer(reader.plane(path, "msk"), np.zeros(3, dtype), "bmask")


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "i8"])
def test_mask_of_integers_is_taken(reader: PlaneReader, path: str, dtype: str) -> None:
    check_integer(reader.plane(path, "msk"), np.zeros(3, dtype), "bmask")


def test_missing_extension_names_those_there_are(reader: PlaneReader, path: str) -> None:
    with pytest.raises(FitsFileError, match=r"no extension 'wgt' \(the file has 0, SCI, msk, TAB; is it truncated"):
        reader.plane(path, "wgt")


@pytest.mark.parametrize("ext", [4, -1])
def test_number_of_no_extension_is_refused(reader: PlaneReader, path: str, ext: int) -> None:
    with pytest.raises(FitsFileError, match=f"no extension {ext}"):
        reader.plane(path, ext)


@pytest.mark.parametrize("ext", [0, "TAB"])
def test_extension_that_is_no_image_is_refused(reader: PlaneReader, path: str, ext: str | int) -> None:
    with pytest.raises(PlaneError, match="expected an image"):
        reader.plane(path, ext)


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4)])
def test_image_that_is_not_two_dimensional_is_refused(
    reader: PlaneReader, tmp_path: Path, shape: tuple[int, ...]
) -> None:
    fitsio.write(str(tmp_path / "a.fits"), np.zeros(shape, np.int16), extname="A")
    with pytest.raises(PlaneError, match="expected an image"):
        reader.plane(str(tmp_path / "a.fits"), "a")


def test_missing_file_is_named(reader: PlaneReader, tmp_path: Path) -> None:
    with pytest.raises(FitsFileError, match=r"gone\.fits: no such file"):
        reader.plane(str(tmp_path / "gone.fits"), 0)


def test_folder_is_no_file(reader: PlaneReader, tmp_path: Path) -> None:
    with pytest.raises(FitsFileError, match="is a folder: expected a FITS file"):
        reader.plane(str(tmp_path), 0)


@pytest.mark.parametrize("content", [b"", b"SIMPLE  =", b"no FITS file at all" * 500])
def test_file_that_is_not_fits_is_refused(reader: PlaneReader, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.fits").write_bytes(content)
    with pytest.raises(FitsFileError, match=r"a\.fits"):
        reader.plane(str(tmp_path / "a.fits"), 0)


def test_truncated_data_are_refused(reader: PlaneReader, tmp_path: Path) -> None:
    name = tmp_path / "a.fits"
    fitsio.write(str(name), np.ones((400, 400), np.float32), extname="A")
    name.write_bytes(name.read_bytes()[:20000])
    with pytest.raises(FitsFileError, match=r"a\.fits.*truncated"):
        reader.plane(str(name), "a").read()


def test_error_shows_the_path_as_written_and_as_opened(
    reader: PlaneReader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MEDS_DIR", str(tmp_path))
    with pytest.raises(FitsFileError, match=rf"^\$MEDS_DIR/a\.fits \({tmp_path}/a\.fits\): no such file"):
        reader.plane("$MEDS_DIR/a.fits", 0)


def test_plane_keeps_the_path_as_written(reader: PlaneReader, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("MEDS_DIR", str(Path(path).parent))
    assert reader.plane("$MEDS_DIR/image.fits", "sci").path == "$MEDS_DIR/image.fits"


def test_scamp_header_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.head").write_text("HISTORY   by hand\nCRVAL1  =  20.5 / degrees\nCTYPE1  = 'RA---TPV'\nEND     \n")
    header: Any = read_scamp_head(str(tmp_path / "a.head"))
    assert (header["CRVAL1"], header["CTYPE1"]) == (20.5, "RA---TPV")


def test_missing_scamp_header_is_named(tmp_path: Path) -> None:
    with pytest.raises(FitsFileError, match=r"gone\.head: cannot read this SCAMP header"):
        read_scamp_head(str(tmp_path / "gone.head"))


def test_scamp_header_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.head").write_bytes(b"\xff\xfe\x00" * 50)
    with pytest.raises(FitsFileError, match=r"a\.head"):
        read_scamp_head(str(tmp_path / "a.head"))


def test_variable_that_is_not_set_is_named(reader: PlaneReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDS_DIR", raising=False)
    with pytest.raises(FitsFileError, match=r"\$MEDS_DIR/a\.fits: no such file: is MEDS_DIR set\?"):
        reader.plane("$MEDS_DIR/a.fits", "sci")
