"""The direct way and the fast way convert planes alike, though by other code."""

from pathlib import Path

import fitsio
import numpy as np
import pytest
from astropy.io import fits

from goodpix.ingest.profiles.directplanes import direct_header, direct_plane
from goodpix.schema.errors import FitsFileError
from goodpix.schema.planes.conversion import Conversion, Meaning
from goodpix.schema.planes.imagefiles import PlaneFile
from goodpix.schema.planes.reader import PlaneReader

MASK = np.random.default_rng(1).integers(-4, 12, (40, 30)).astype(np.int32)


def both(path: Path, conversion: Conversion | None, ext: str | int = 0) -> None:
    file = PlaneFile(str(path), ext, conversion=conversion)
    with PlaneReader() as reader:
        np.testing.assert_array_equal(reader.open(file).read(), direct_plane(file))


@pytest.mark.parametrize(
    "conversion",
    [
        None,
        Conversion(trim=3),
        Conversion(Meaning.CODES),
        Conversion(Meaning.CODES, ((3, 0), (9, 20)), trim=1),
        Conversion(Meaning.BITS, ((0, 4), (3, 1), (31, 9)), others=23),
        Conversion(Meaning.BITS, ((1, 0),)),
        Conversion(Meaning.BITS, others=23, left_out=(0, 4)),
    ],
)
def test_masks_are_the_same(tmp_path: Path, conversion: Conversion | None) -> None:
    fits.PrimaryHDU(MASK).writeto(tmp_path / "a.fits")
    both(tmp_path / "a.fits", conversion)


@pytest.mark.parametrize("meaning", [Meaning.VARIANCE, Meaning.SIGMA, Meaning.INVERSE_VARIANCE])
def test_weights_are_the_same(tmp_path: Path, meaning: Meaning) -> None:
    stored = np.array([[1, 2, 0, -1], [np.nan, np.inf, 0.3, 7]], np.float32)
    fits.PrimaryHDU(stored).writeto(tmp_path / "a.fits")
    both(tmp_path / "a.fits", Conversion(meaning))


@pytest.mark.parametrize("tile", [(1, 200), (7, 64)])
def test_lost_zeros_are_the_same(tmp_path: Path, tile: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    weights = np.where(rng.random((30, 200)) < 0.3, 0, rng.normal(1, 0.1, (30, 200))).astype(np.float32)
    with fitsio.FITS(str(tmp_path / "a.fits"), "rw") as file:
        options = {"compress": "RICE", "qlevel": 4, "qmethod": "SUBTRACTIVE_DITHER_1", "tile_dims": list(tile)}
        file.write(weights, extname="N4", **options)
    both(tmp_path / "a.fits", Conversion(lost_zeros=True), "n4")


def test_header_is_that_of_the_extension(tmp_path: Path) -> None:
    units = [fits.PrimaryHDU(), fits.ImageHDU(MASK, fits.Header({"CRVAL1": 3.5}), name="N4")]
    fits.HDUList(units).writeto(tmp_path / "a.fits")
    assert direct_header(PlaneFile(str(tmp_path / "a.fits"), "N4"))["CRVAL1"] == 3.5


def test_missing_extension_is_named(tmp_path: Path) -> None:
    fits.PrimaryHDU(MASK).writeto(tmp_path / "a.fits")
    with pytest.raises(FitsFileError, match=r"a\.fits\[N4\]: astropy cannot read it"):
        direct_plane(PlaneFile(str(tmp_path / "a.fits"), "N4"))
    with pytest.raises(FitsFileError, match=r"gone\.fits"):
        direct_plane(PlaneFile(str(tmp_path / "gone.fits"), 0))
