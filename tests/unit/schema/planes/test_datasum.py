"""DATASUM is what CFITSIO and astropy write, and a flipped bit is seen."""

from pathlib import Path

import fitsio
import numpy as np
import pytest
from astropy.io import fits

from goodpix.schema.errors import DamagedFileError
from goodpix.schema.planes.datasum import compute_datasum
from goodpix.schema.planes.fitsfile import FitsFile
from goodpix.schema.planes.plane import open_plane


@pytest.fixture
def path(tmp_path: Path) -> Path:
    name = tmp_path / "a.fits"
    pixels = np.random.default_rng(1).integers(0, 1 << 31, (700, 601)).astype("i4")
    with fitsio.FITS(str(name), "rw") as file:
        for compress in (None, "RICE"):
            file.write(pixels, compress=compress)
            file[-1].write_checksum()
    return name


def check(path: Path, ext: int) -> bool:
    with FitsFile(str(path)) as file:
        return open_plane(file, ext).datasum().check()


@pytest.mark.parametrize("ext", [0, 1])
def test_sum_of_cfitsio_agrees(path: Path, ext: int) -> None:
    assert check(path, ext)


def test_sum_of_astropy_agrees(tmp_path: Path) -> None:
    fits.PrimaryHDU(np.arange(1001, dtype="i2").reshape(7, 143)).writeto(tmp_path / "a.fits", checksum=True)
    assert check(tmp_path / "a.fits", 0)


@pytest.mark.parametrize("ext", [0, 1])
@pytest.mark.parametrize("place", [0, 0.37, 0.9999])
def test_flipped_bit_is_an_error(path: Path, ext: int, place: float) -> None:
    with FitsFile(str(path)) as file:
        unit = file.unit(ext)
    data = bytearray(path.read_bytes())
    data[unit.start + int(place * unit.size)] ^= 16
    path.write_bytes(data)
    with pytest.raises(
        DamagedFileError, match=rf"a\.fits\[{ext}\]: the data are damaged: they sum to \d+: expected DATASUM"
    ):
        check(path, ext)


@pytest.mark.parametrize("value", ["", "        ", None])
def test_blank_or_missing_sum_is_none(tmp_path: Path, value: str | None) -> None:
    unit = fits.PrimaryHDU(np.ones((3, 3), "i2"))
    if value is not None:
        unit.header["DATASUM"] = value
    unit.writeto(tmp_path / "a.fits")
    assert not check(tmp_path / "a.fits", 0)


@pytest.mark.parametrize("value", ["393222", " 393222  ", 393222, 393222.0, "393222.0", "4295360517"])
def test_sum_may_be_written_as_any_number(tmp_path: Path, value: str | float) -> None:
    unit = fits.PrimaryHDU(np.ones((3, 4), "i2"))
    unit.header["DATASUM"] = value
    unit.writeto(tmp_path / "a.fits")
    assert check(tmp_path / "a.fits", 0)


@pytest.mark.parametrize("value", ["-12", -12, "393222.5", "0x60006", "T", True, "393223"])
def test_sum_that_is_another_or_no_sum_is_an_error(tmp_path: Path, value: str | float) -> None:
    unit = fits.PrimaryHDU(np.ones((3, 4), "i2"))
    unit.header["DATASUM"] = value
    unit.writeto(tmp_path / "a.fits")
    with pytest.raises(DamagedFileError, match=f"they sum to 393222: expected DATASUM, {value} "):
        check(tmp_path / "a.fits", 0)


def test_checksum_of_the_header_is_not_compared(tmp_path: Path) -> None:
    unit = fits.PrimaryHDU(np.ones((3, 4), "i2"))
    unit.header["CHECKSUM"] = "0123456789abcdef"
    unit.writeto(tmp_path / "a.fits")
    assert not check(tmp_path / "a.fits", 0)


def test_sum_of_a_last_block_that_is_cut_short(tmp_path: Path) -> None:
    fits.PrimaryHDU(np.array([[1, 2, 3], [4, 5, 6]], "u1")).writeto(tmp_path / "a.fits")
    data = (tmp_path / "a.fits").read_bytes()
    (tmp_path / "a.fits").write_bytes(data[: 2880 + 6])
    with FitsFile(str(tmp_path / "a.fits")) as file:
        assert compute_datasum(file, file.unit(0)) == 0x01020304 + 0x05060000
