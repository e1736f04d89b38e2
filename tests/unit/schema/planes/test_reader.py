"""Facts about the reader of FITS planes."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import pytest
from astropy.io import fits

from goodpix.schema.errors import DamagedFileError, DitheredWeightError, FitsFileError, PlaneError
from goodpix.schema.planes.plane import Plane
from goodpix.schema.planes.reader import PlaneReader, check_integer, check_weight, read_scamp_head

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


@pytest.fixture
def weight(reader: PlaneReader, tmp_path: Path) -> Callable[[str | None], Plane]:
    """A function that makes a plane whose ZQUANTIZ is given."""

    def make(method: str | None) -> Plane:
        unit = fits.ImageHDU(np.ones(SHAPE, "f4"), name="wgt")
        if method is not None:
            unit.header["ZQUANTIZ"] = method
        fits.HDUList([fits.PrimaryHDU(), unit]).writeto(tmp_path / "a.fits")
        return reader.plane(str(tmp_path / "a.fits"), "wgt")

    return make


@pytest.mark.parametrize("method", ["SUBTRACTIVE_DITHER_2", "NO_DITHER", "NONE", None])
def test_weight_that_keeps_its_zeros_is_taken(weight: Callable[[str | None], Plane], method: str | None) -> None:
    assert check_weight(weight(method)) == method


def test_weight_that_lost_its_zeros_is_refused(weight: Callable[[str | None], Plane]) -> None:
    with pytest.raises(
        DitheredWeightError, match=r"a\.fits\[wgt\]: ZQUANTIZ is SUBTRACTIVE_DITHER_1.*--allow-dithered"
    ):
        check_weight(weight("SUBTRACTIVE_DITHER_1"))


def test_weight_that_lost_its_zeros_may_be_allowed(weight: Callable[[str | None], Plane]) -> None:
    taken = check_weight(weight("SUBTRACTIVE_DITHER_1"), allow_dithered=True)
    assert taken == "SUBTRACTIVE_DITHER_1"


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_mask_of_floats_is_refused(reader: PlaneReader, tmp_path: Path, dtype: str) -> None:
    fitsio.write(str(tmp_path / "a.fits"), np.zeros(SHAPE, dtype), extname="msk")
    with pytest.raises(PlaneError, match=r"a\.fits\[msk\]: bmask is float\d\d: expected integers"):
        check_integer(reader.plane(str(tmp_path / "a.fits"), "msk"), "bmask")


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "i8"])
def test_mask_of_integers_is_taken(reader: PlaneReader, tmp_path: Path, dtype: str) -> None:
    fitsio.write(str(tmp_path / "a.fits"), np.zeros(SHAPE, dtype), extname="msk")
    check_integer(reader.plane(str(tmp_path / "a.fits"), "msk"), "bmask")


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


@pytest.mark.parametrize(
    "content", [b"KEY=20.5\n", b"KEY     =  2.05D1 / degrees\n", b"HISTORY caf\xe9\nKEY     = 20.5\r\nEND\n"]
)
def test_scamp_header_of_another_hand_is_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.head").write_bytes(content)
    assert read_scamp_head(str(tmp_path / "a.head"))["KEY"] == 20.5


def test_scamp_header_with_a_card_that_is_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.head").write_text(f"CRVAL1  = {'1' * 71}\n")
    with pytest.raises(FitsFileError, match="CRVAL1 is longer than 80 characters"):
        read_scamp_head(str(tmp_path / "a.head"))


def test_scamp_header_of_too_many_bytes_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.head").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(FitsFileError, match=r"a\.head: cannot read this SCAMP header \(has more than 4194304 bytes"):
        read_scamp_head(str(tmp_path / "a.head"))


@pytest.mark.parametrize(("name", "says"), [("pipe", "is not a regular file"), ("folder", "is a folder")])
def test_scamp_header_that_is_no_regular_file_is_refused(tmp_path: Path, name: str, says: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FitsFileError, match=rf"{name}: cannot read this SCAMP header \({says}\)"):
        read_scamp_head(str(tmp_path / name))


def test_pipe_is_no_file(reader: PlaneReader, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.fits")
    with pytest.raises(FitsFileError, match=r"a\.fits: is not a regular file: expected a FITS file"):
        reader.plane(str(tmp_path / "a.fits"), 0)


def damaged(path: str, ext: str) -> str:
    """Give the planes of a file a DATASUM, flip a bit of one, and return its sum as computed and as stored."""
    with fitsio.FITS(path, "rw") as file:
        for name in ("sci", "msk"):
            file[name].write_checksum()
        stored = str(file[ext].read_header()["DATASUM"]).strip()
        start = file[ext].get_offsets()["data_start"]
    content = bytearray(Path(path).read_bytes())
    content[start + 3] ^= 1
    Path(path).write_bytes(content)
    return stored


def test_damaged_data_are_refused_by_both_sums(reader: PlaneReader, path: str) -> None:
    stored = damaged(path, "sci")
    says = rf"image\.fits\[sci\]: the data are damaged: they sum to {int(stored) ^ 1}: expected DATASUM, {stored} \("
    with pytest.raises(DamagedFileError, match=says):
        reader.check(reader.plane(path, "sci"))


def test_data_beside_damaged_ones_are_taken(reader: PlaneReader, path: str) -> None:
    damaged(path, "sci")
    reader.check(reader.plane(path, "msk"))
    (found,) = reader.opened[path].sums.values()
    assert (bool(found.stored), found.is_damaged) == (True, False)


def test_damaged_data_are_taken_when_allowed(reader: PlaneReader, path: str) -> None:
    stored = damaged(path, "sci")
    reader.check(reader.plane(path, "sci"), allow_damaged=True)
    (found,) = reader.opened[path].sums.values()
    assert (found.computed, found.is_damaged) == (int(stored) ^ 1, True)


def test_data_without_a_sum_are_taken_and_not_checked(reader: PlaneReader, path: str) -> None:
    reader.check(reader.plane(path, "msk"))
    (found,) = reader.opened[path].sums.values()
    assert (found.stored, found.is_damaged) == ("", False)


def test_open_files_have_the_units_that_were_opened_and_the_sums_that_were_checked(
    reader: PlaneReader, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("MEDS_DIR", str(Path(path).parent))
    reader.check(reader.plane("$MEDS_DIR/image.fits", "msk"))
    reader.plane("$MEDS_DIR/image.fits", "sci")
    with fitsio.FITS(path) as file:
        offsets = file[2].get_offsets()
    data = Path(path).read_bytes()[offsets["data_start"] : offsets["data_end"]]
    expected = int(np.frombuffer(data, ">u4").sum(dtype=np.uint64)) % ((1 << 32) - 1)
    ((name, opened),) = reader.opened.items()
    assert (name, sorted(opened.units)) == ("$MEDS_DIR/image.fits", [1, 2])
    assert {number: each.computed for number, each in opened.sums.items()} == {2: expected}


@pytest.mark.parametrize("name", ["image.fits[1]", "!image.fits", "image.fits+1", "(out)", " image.fits", "mem:"])
def test_path_that_is_a_program_to_cfitsio_is_a_plain_name(reader: PlaneReader, path: str, name: str) -> None:
    plain = Path(path).rename(Path(path).with_name(name))
    assert reader.plane(str(plain), "msk").shape == SHAPE


def test_address_is_no_file(reader: PlaneReader) -> None:
    with pytest.raises(FitsFileError, match=r"^http://localhost:1/a\.fits: no such file"):
        reader.plane("http://localhost:1/a.fits", 0)


def test_variable_that_is_not_set_is_named(reader: PlaneReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDS_DIR", raising=False)
    with pytest.raises(FitsFileError, match=r"\$MEDS_DIR/a\.fits: no such file: is MEDS_DIR set\?"):
        reader.plane("$MEDS_DIR/a.fits", "sci")
