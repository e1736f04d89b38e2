"""The commands mask and check."""

import io
import re
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import pandas as pd
import pytest

import goodpix

from .conftest import Run
from .survey import FIRST, SPEC, Survey, records, rewrite


def arguments_of(survey: Survey, number: int = 0) -> list[str]:
    """Return TILE BAND EXPNUM CCDNUM of an epoch in r."""
    entry = survey.epoch(number)
    return [SPEC.tilename, "r", str(entry["expnum"]), str(entry["ccdnum"])]


# Masks.


def test_mask_says_how_many_pixels_are_good(ingested: Survey, db: list[str], cli: Run) -> None:
    done = cli("mask", *arguments_of(ingested), *db)
    with ingested.catalogue() as catalogue:
        n_good = catalogue.epochs(expnum=FIRST).n_good.tolist()[0]
    assert done.status == 0
    assert f"good pixels (default): {n_good:,} of 8,192" in done.out


def test_mask_without_exposure_is_the_coadds(ingested: Survey, db: list[str], cli: Run) -> None:
    done = cli("mask", SPEC.tilename, "r", *db)
    assert f"Mask of coadd (tile {SPEC.tilename}, band r), 170 x 160" in done.out


def test_mask_takes_a_selection(ingested: Survey, db: list[str], cli: Run) -> None:
    selection = goodpix.Selection(ignore=["COADD_SEG"], ignore_bits={"SE": ["STAR", 2048]})
    with ingested.catalogue() as catalogue:
        n_good = catalogue.mask(SPEC.tilename, "r", FIRST, 12).count(selection)
    options = ["--ignore", "COADD_SEG", "--ignore-bit", "SE:STAR", "--ignore-bit", "se:2048"]
    done = cli("mask", *arguments_of(ingested), *options, *db)
    assert f": {n_good:,} of 8,192" in done.out


def test_epochs_whose_masks_are_gone_exit_1(stored: Survey, cli: Run) -> None:
    for path in stored.masks.rglob("*_i_*.parquet"):
        path.unlink()
    done = cli("epochs", "--border", "3", "--db", stored.database, "--format", "csv")
    assert (done.status, done.lines[-1]) == (1, "epochs that could not be counted: 3")
    found = pd.read_csv(io.StringIO(done.out))
    assert found.groupby("band").n_good.count().tolist() == [0, 3]
    assert cli("epochs", "--border", "3", "--band", "r", "--db", stored.database).status == 0


@pytest.fixture
def good(ingested: Survey) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Which pixels of the first epoch in r are good."""
    with ingested.catalogue() as catalogue:
        return catalogue.mask(SPEC.tilename, "r", FIRST, 12).good()


def test_mask_as_fits_is_1_where_bad(
    good: "np.ndarray[Any, np.dtype[np.bool_]]", ingested: Survey, db: list[str], cli: Run, tmp_path: Path
) -> None:
    path = tmp_path / "mask.fits"
    cli("mask", *arguments_of(ingested), *db, "-o", path)
    assert np.array_equal(fitsio.read(path, ext="MASK") == 0, good)


def test_mask_as_npz_has_the_good_pixels(
    good: "np.ndarray[Any, np.dtype[np.bool_]]", ingested: Survey, db: list[str], cli: Run, tmp_path: Path
) -> None:
    path = tmp_path / "mask.npz"
    cli("mask", *arguments_of(ingested), *db, "-o", path)
    with np.load(path) as found:
        assert np.array_equal(found["good"], good)


def test_mask_as_parquet_has_the_runs(
    good: "np.ndarray[Any, np.dtype[np.bool_]]", ingested: Survey, db: list[str], cli: Run, tmp_path: Path
) -> None:
    path = tmp_path / "mask.parquet"
    with ingested.catalogue() as catalogue:
        tilename, band, expnum, ccdnum = arguments_of(ingested)
        recut = catalogue.mask(tilename, band, int(expnum), int(ccdnum)).good(
            goodpix.Selection(["COADD_SEG"], border=3)
        )
    for options, expected in (([], good), (["--ignore", "COADD_SEG", "--border", "3"], recut)):
        cli("mask", *arguments_of(ingested), *db, *options, "-o", path)
        found = np.zeros(good.shape, bool)
        for row in records(pd.read_parquet(path)):
            found[row.y : row.y + row.length, row.x] = row.flags & 0xFF == 0
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("rest", [[], ["coadd"]], ids=["epoch", "coadd"])
def test_mask_as_png_is_a_picture(rest: list[str], ingested: Survey, db: list[str], cli: Run, tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    which = [SPEC.tilename, "r"] if rest else arguments_of(ingested)
    done = cli("mask", *which, *db, "-o", path)
    assert (done.status, done.lines) == (0, [f"wrote {path}"])
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["mask.jpg", "mask"])
def test_mask_of_an_unknown_ending_exits_2(
    name: str, ingested: Survey, db: list[str], cli: Run, tmp_path: Path
) -> None:
    done = cli("mask", *arguments_of(ingested), *db, "-o", tmp_path / name)
    assert (done.status, len(done.lines)) == (2, 1)
    assert "expected a name that ends in .png, .fits, .npz, .parquet or .reg" in done.err


def test_good_writes_the_other_sense(ingested: Survey, db: list[str], cli: Run, tmp_path: Path) -> None:
    for options, path in (([], tmp_path / "bad.fits"), (["--good"], tmp_path / "good.fits")):
        assert cli("mask", *arguments_of(ingested), *db, *options, "-o", path).status == 0
    bad, good = (fitsio.read(path, ext="MASK") for path in (tmp_path / "bad.fits", tmp_path / "good.fits"))
    assert np.array_equal(bad, 1 - good)
    assert fitsio.read_header(tmp_path / "good.fits", ext="MASK")["MASKGOOD"] == 1


@pytest.mark.parametrize(("output", "says"), [([], "expected -o FILE.fits"), (["-o", "m.npz"], "ends in .fits")])
def test_good_without_a_fits_file_is_refused(
    output: list[str], says: str, ingested: Survey, db: list[str], cli: Run
) -> None:
    done = cli("mask", *arguments_of(ingested), *db, "--good", *output)
    assert (done.status, done.out, len(done.lines)) == (2, "", 1)
    assert says in done.err


@pytest.mark.parametrize("suffix", ["png", "fits", "npz", "parquet"])
def test_mask_that_cannot_be_written_exits_2(
    suffix: str, ingested: Survey, db: list[str], cli: Run, tmp_path: Path
) -> None:
    done = cli("mask", *arguments_of(ingested), *db, "-o", tmp_path / "nowhere" / f"mask.{suffix}")
    assert (done.status, len(done.lines), "cannot be written" in done.err) == (2, 1, True), done.err


def test_mask_whose_file_is_gone_exits_2(stored: Survey, cli: Run) -> None:
    for path in stored.masks.rglob("*.parquet"):
        path.unlink()
    done = cli("mask", *arguments_of(stored), "--db", stored.database)
    assert (done.status, len(done.lines)) == (2, 1)
    assert re.search(r"mask file .* is missing", done.err)


# Check.


def test_check_says_that_every_pixel_is_equal(ingested: Survey, db: list[str], cli: Run) -> None:
    done = cli("check", *arguments_of(ingested), *db)
    assert (done.status, done.out, done.err) == (0, "8,192 of 8,192 pixels agree with the mask computed directly\n", "")


def test_check_of_a_changed_file_exits_1_and_says_where(stored: Survey, cli: Run) -> None:
    seg = stored.plane(0, "seg")
    seg[5, 7:9] = seg[5, 7:9] == 0
    rewrite(stored.path(0, "seg"), {"sci": seg})
    done = cli("check", *arguments_of(stored), "--db", stored.database)
    assert done.status == 1
    first, *where = done.out.splitlines()
    assert first == "8,190 of 8,192 pixels agree with the mask computed directly"
    assert [line.split(":")[0] for line in where] == ["x 7, y 5", "x 8, y 5"]


def test_check_of_another_shape_exits_1(stored: Survey, cli: Run) -> None:
    for plane, ext in (("image", "sci"), ("image", "msk"), ("image", "wgt"), ("seg", "sci")):
        path = stored.path(0, plane)
        rewrite(path, {ext: fitsio.read(path, ext=ext)[:100]})
    assert cli("check", *arguments_of(stored), "--db", stored.database).status == 1


def test_check_of_a_missing_file_exits_2_in_one_line(stored: Survey, cli: Run) -> None:
    stored.path(0, "image").unlink()
    done = cli("check", *arguments_of(stored), "--db", stored.database)
    assert (done.status, len(done.lines), "no such file" in done.err) == (2, 1, True)
