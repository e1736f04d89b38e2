"""Masks in FITS and NumPy files, read by others."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from goodpix.query.masks.export import write_fits, write_image, write_npz
from goodpix.schema.amplifiers import Region
from goodpix.schema.masks.rle import encode
from goodpix.schema.rows import MaskKey

BAD = np.random.default_rng(1).random((40, 30)) < 0.3


def test_fits_image_is_one_where_bad_and_names_its_image(tmp_path: Path) -> None:
    place = Region(5, 35, 7, 47)
    for key in (MaskKey("T", "r", "coadd", None, None), MaskKey("T", "r", "epoch", 492768, 11)):
        write_fits(tmp_path / "mask.fits", np.asfortranarray(BAD), key, place, "border 5")
    with fits.open(tmp_path / "mask.fits") as hdus:
        header, image = hdus[1].header, hdus[1].data
    np.testing.assert_array_equal(image, BAD.astype(int))
    names = ("TILENAME", "BAND", "EXPNUM", "CCDNUM", "SELECT", "X0", "Y0")
    assert [header[name] for name in names] == ["T", "r", 492768, 11, "border 5", 5, 7]


def test_key_that_a_mask_has_not_is_not_in_its_header(tmp_path: Path) -> None:
    write_fits(tmp_path / "mask.fits", BAD, MaskKey("T", "r", "coadd", None, None), Region(0, 30, 0, 40), "")
    header = fits.getheader(tmp_path / "mask.fits", 1)
    assert {"TILENAME", "BAND"} <= set(header)
    assert not {"EXPNUM", "CCDNUM"} & set(header)


def test_npz_has_good_pixels_and_runs_under_the_name_that_was_given(tmp_path: Path) -> None:
    runs = encode(BAD.astype(np.int64))
    write_npz(tmp_path / "mask.data", ~BAD, runs, "all")
    with np.load(tmp_path / "mask.data") as file:
        np.testing.assert_array_equal(file["good"], ~BAD)
        np.testing.assert_array_equal(np.repeat(file["flags"], file["lengths"]).reshape(30, 40).T, BAD)
        assert str(file["selection"]) == "all"


@pytest.mark.parametrize("name", ["x[1].fits", "!x.fits", " x.fits", "x(1).fits", "mem:.fits", "x.fits.gz"])
def test_letters_of_a_name_are_no_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):  # the second replaces the first
        write_image(name, BAD.astype(np.int16), extname="MASK", compress="PLIO")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with (tmp_path / name).open("rb") as file, fits.open(file) as hdus:
        np.testing.assert_array_equal(hdus["MASK"].data, BAD)


def test_missing_folder_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"\A[^\n]+missing/mask\.fits'\Z"):
        write_image(tmp_path / "missing" / "mask.fits", BAD.astype(np.int16))
