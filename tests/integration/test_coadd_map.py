"""How many epochs are good at each coadd pixel: the array, its files, the command."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits
from astropy.wcs import WCS

import goodpix
from goodpix.query.maps.coaddmap import EpochMap, epoch_map
from goodpix.query.source import open_source
from goodpix.schema.errors import MaskNotFoundError, UnknownNameError, UsageError

from .conftest import Run
from .neighbours import NEIGHBOUR, SELECTIONS, epoch_positions, nearest, sky_of_pixels
from .survey import SPEC, Survey

TILE = SPEC.tilename


def plain_map(catalogue: goodpix.Catalogue, band: str, selection: goodpix.Selection) -> npt.NDArray[Any]:
    """Return the map that a loop over epochs makes by wcslib, from the centre of each coadd pixel."""
    coadd = catalogue.mask(TILE, band).row
    assert coadd is not None
    counts = np.zeros((coadd["ny"], coadd["nx"]), int)
    for mask in catalogue.masks(tilename=TILE, band=band):
        good = mask.good(selection)
        ix, iy = nearest(epoch_positions(mask.row, coadd))
        inside = (ix >= 0) & (ix < good.shape[1]) & (iy >= 0) & (iy < good.shape[0])
        counts[inside] += good[iy[inside], ix[inside]]
    return counts


def made(survey: Survey, selection: goodpix.Selection | None = None) -> EpochMap:
    with open_source(survey.database) as source:
        return epoch_map(source, TILE, "r", selection)


@pytest.fixture
def db(ingested: Survey) -> list[str]:
    """The option that names the catalogue."""
    return ["--db", str(ingested.database)]


@pytest.mark.parametrize("name", SELECTIONS)
@pytest.mark.parametrize("band", SPEC.bands)
def test_map_equals_the_plain_way_at_every_pixel(name: str, band: str, ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        found = catalogue.good_epoch_map(TILE, band, SELECTIONS[name])
        expected = plain_map(catalogue, band, SELECTIONS[name])
    assert found.dtype == np.int16
    assert expected.max() > 1
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", SELECTIONS)
def test_map_is_what_at_answers_at_every_centre(name: str, neighbours: Survey) -> None:
    with neighbours.catalogue() as catalogue:
        found = catalogue.good_epoch_map(NEIGHBOUR, "r", SELECTIONS[name])
        ra, dec = sky_of_pixels(catalogue.mask(NEIGHBOUR, "r").row).reshape(2, -1)
        seen = catalogue.at(ra, dec, tilename=NEIGHBOUR, band="r", selection=SELECTIONS[name])
    expected = np.bincount(seen.position[seen.good.astype(bool)], minlength=ra.size).reshape(found.shape)
    assert expected.max() > 1
    np.testing.assert_array_equal(found, expected)


def test_map_without_selection_is_of_the_default_one(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        found = catalogue.good_epoch_map(TILE, "r")
        np.testing.assert_array_equal(found, catalogue.good_epoch_map(TILE, "r", goodpix.Selection()))


def test_map_is_on_the_tiles_own_coadd(neighbours: Survey, ingested: Survey) -> None:
    with neighbours.catalogue() as catalogue:
        np.testing.assert_array_equal(catalogue.good_epoch_map(TILE, "r"), made(ingested).counts)


def test_epoch_without_segmentation_stays_out_unless_se_seg_is_ignored(stored: Survey) -> None:
    stored.set_entry(0, {"seg_path": ...})
    stored.ingest(allow_missing_se_seg=True)
    assert made(stored).n_epochs == 2
    assert made(stored, goodpix.Selection(ignore=["SE_SEG"])).n_epochs == 3


def test_positions_count_from_the_coadds_own_offset(stored: Survey) -> None:
    # what the coadd has at a pixel moves with it
    own = goodpix.Selection(ignore=["COADD_SEG", "COADD_WEIGHT", "COADD_BMASK", "OFF_COADD"])
    usual = made(stored, own).counts
    stored.set_entry(None, {"position_offset": 3})
    stored.ingest()
    # added to the coadd's pixels before its WCS: all of the sky lies two pixels further down and left
    np.testing.assert_array_equal(made(stored, own).counts[:-2, :-2], usual[2:, 2:])


@pytest.mark.parametrize(("tile", "band", "says"), [("DES9999+0000", "r", "no tile"), (TILE, "Y", "has bands i, r")])
def test_unknown_tile_or_band_is_an_error(tile: str, band: str, says: str, ingested: Survey) -> None:
    with ingested.catalogue() as catalogue, pytest.raises(MaskNotFoundError, match=says):
        catalogue.good_epoch_map(tile, band)


def test_unknown_bit_is_an_error(ingested: Survey) -> None:
    wrong = goodpix.Selection(ignore_bits={"SE": ["STARS"]})
    with ingested.catalogue() as catalogue, pytest.raises(UnknownNameError, match="STARS"):
        catalogue.good_epoch_map(TILE, "r", wrong)


# Files.


def test_fits_file_has_the_numbers_and_the_coadds_wcs(ingested: Survey, tmp_path: Path) -> None:
    wide = SELECTIONS["ignore"]
    with ingested.catalogue() as catalogue:
        found = catalogue.good_epoch_map(TILE, "r", wide, path=tmp_path / "map.fits")
        coadd = catalogue.mask(TILE, "r").row
    assert coadd is not None
    with fits.open(tmp_path / "map.fits") as hdus:
        header, image = hdus[1].header, hdus[1].data
    assert np.issubdtype(image.dtype, np.integer)
    np.testing.assert_array_equal(image, found)
    assert (header["TILENAME"], header["BAND"], header["N_EPOCHS"]) == (TILE, "r", 3)
    assert header["SELECT"] == str(wide)
    y, x = np.mgrid[0 : coadd["ny"], 0 : coadd["nx"]]
    sky = np.array(WCS(header).all_pix2world(x.ravel(), y.ravel(), 0))
    np.testing.assert_allclose(sky, sky_of_pixels(coadd).reshape(2, -1), rtol=0, atol=1e-10)


def test_picture_names_its_selection(ingested: Survey) -> None:
    axes = made(ingested, SELECTIONS["grow"]).plot()
    title = axes.get_title(loc="left")
    assert title.splitlines()[0] == f"{TILE}  r  good epochs out of 3"
    assert title.splitlines()[-1] == "selection: grow SE_SEG by 3, grow COADD_SEG by 2"


def test_picture_file_is_a_picture(ingested: Survey, tmp_path: Path) -> None:
    made(ingested).save(tmp_path / "map.PNG")
    assert (tmp_path / "map.PNG").read_bytes().startswith(b"\x89PNG")


def test_name_that_says_no_format_is_refused_before_anything_is_done(ingested: Survey, tmp_path: Path) -> None:
    with ingested.catalogue() as catalogue, pytest.raises(UsageError, match="expected a name that ends in"):
        catalogue.good_epoch_map(TILE, "r", path=tmp_path / "map.jpg")


# The command.


def test_command_lists_pixels_by_number_of_epochs(ingested: Survey, db: list[str], cli: Run) -> None:
    done = cli("map", TILE, "r", *db, "--border", "7")
    assert (done.status, done.err) == (0, "")
    lines = [line.split() for line in done.out.splitlines()]
    summary = made(ingested, SELECTIONS["border"]).summary()
    assert lines[0] == list(summary.columns)
    assert [int(line[1]) for line in lines[1:]] == list(summary.n_pixels)


@pytest.mark.parametrize("name", ["map.fits", "map.fits.fz", "map.npz", "map.png"])
def test_command_writes_a_file(name: str, db: list[str], cli: Run, tmp_path: Path) -> None:
    done = cli("map", TILE, "r", *db, "-o", tmp_path / name)
    assert (done.status, done.out, done.err) == (0, "", f"wrote {tmp_path / name}\n")
    assert (tmp_path / name).stat().st_size > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["DES9999+0000", "r"], "there is no tile DES9999+0000"),
        ([TILE, "u"], "has bands i, r"),
        ([TILE, "r", "-o", "map.gif"], "expected a name that ends in .fits, .png or .npz"),
        ([TILE, "r", "-o", "no-folder/map.npz"], "cannot be written"),
        ([TILE, "r", "-o", "no-folder/map.fits"], "cannot be written"),
        ([TILE, "r", "--ignore", "SEG"], "unknown criterion 'SEG'"),
    ],
)
def test_command_that_cannot_be_done_exits_2_in_one_line(
    arguments: list[str], says: str, db: list[str], cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("map", *arguments, *db)
    assert (done.status, done.out, len(done.lines)) == (2, "", 1)
    assert says in done.err
