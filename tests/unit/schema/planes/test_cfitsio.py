"""The door to CFITSIO: no text of a survey's acts, and no file harms the next."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import fitsio
import numpy as np
import pytest

from goodpix.schema.errors import FitsFileError, PlaneError
from goodpix.schema.planes.cfitsio import CfitsioReader
from goodpix.schema.planes.imagefiles import PlaneFile

SHAPE = (40, 33)


@pytest.fixture
def reader() -> Iterator[CfitsioReader]:
    with CfitsioReader() as opened:
        yield opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with an image SCI, a mask msk and a table."""
    name = tmp_path / "image.fits"
    with fitsio.FITS(str(name), "rw") as file:
        file.write(np.ones(SHAPE, np.float32), extname="SCI", header={"expnum": 7})
        file.write(np.arange(40 * 33, dtype=np.int16).reshape(SHAPE), extname="msk", compress="RICE")
        file.write(np.zeros(3, [("a", "f4")]), extname="TAB")
    return name


@pytest.mark.parametrize("ext", ["msk", "MSK", " Msk ", 1])
def test_rows_of_an_extension_are_read(reader: CfitsioReader, path: Path, ext: str | int) -> None:
    plane = reader.open(PlaneFile(str(path), ext))
    assert plane.shape == SHAPE
    assert np.array_equal(plane.read(slice(3, 9)), np.arange(40 * 33).reshape(SHAPE)[3:9])


def test_header_keys_are_in_upper_case(reader: CfitsioReader, path: Path) -> None:
    assert reader.open(PlaneFile(str(path), "sci")).header["EXPNUM"] == 7


NAMES = ["image.fits[1]", "image.fits[sci][1:2,1:2]", "!image.fits", "image.fits+1", "(out)", " image.fits", "mem:"]


@pytest.mark.parametrize("name", NAMES)
def test_path_that_is_a_program_to_cfitsio_is_a_plain_name(reader: CfitsioReader, path: Path, name: str) -> None:
    plain = path.rename(path.with_name(name))
    assert reader.open(PlaneFile(str(plain), "msk")).shape == SHAPE
    assert os.listdir(plain.parent) == [name]


@pytest.mark.parametrize("ext", ["wgt", 7])
def test_missing_extension_is_named(reader: CfitsioReader, path: Path, ext: str | int) -> None:
    with pytest.raises(FitsFileError, match=rf"image\.fits: no extension {ext!r}"):
        reader.open(PlaneFile(str(path), ext))


def test_extension_that_is_no_image_is_refused(reader: CfitsioReader, path: Path) -> None:
    with pytest.raises(PlaneError, match="expected an image"):
        reader.open(PlaneFile(str(path), "TAB"))


def test_pipe_is_refused(reader: CfitsioReader, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.fits")
    with pytest.raises(FitsFileError, match=r"a\.fits: is not a regular file"):
        reader.open(PlaneFile(str(tmp_path / "a.fits"), 0))


def test_truncated_data_are_refused(reader: CfitsioReader, path: Path) -> None:
    plane = reader.open(PlaneFile(str(path), "sci"))
    os.truncate(path, 3000)
    with pytest.raises(FitsFileError, match=r"image\.fits\[sci\]: CFITSIO cannot read it: is it truncated\? \(FITSIO"):
        plane.read(slice(0, 40))


# Cards that CFITSIO cannot read, most of which leave lines on its error stack.
CARDS = [
    b"BADCARD = 'lost quote",
    b"BADCARD = value",
    b"BADCARD = 'caf\xe9'",
    b"BADCARD = 1 2",
    b"BAD CARD= 5",
    b"\0\1\2",
]


@pytest.mark.parametrize("card", CARDS)
def test_header_that_cfitsio_cannot_read_leaves_the_next_file_alone(path: Path, card: bytes) -> None:
    bad, content = path.with_name("bad.fits"), bytearray(path.read_bytes())
    at = content.index(b"EXPNUM  ")
    content[at : at + 80] = card.ljust(80)
    bad.write_bytes(content)
    for _ in range(30):
        with CfitsioReader() as reader, suppress(FitsFileError):
            dict(reader.open(PlaneFile(str(bad), "sci")).header)
    with CfitsioReader() as reader:
        assert reader.open(PlaneFile(str(path), "sci")).header["EXPNUM"] == 7
    with pytest.raises(OSError, match=r"^FITSIO status = 104: .*\nfailed to find or open the following file"):
        fitsio.FITS(str(path.with_name("none.fits")))
