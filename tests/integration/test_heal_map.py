"""Maps of good pixels on the sky."""

import builtins
import logging
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import healsparse
import hpgeom
import numpy as np
import pytest

import goodpix
from goodpix.ingest.synthetic import make_tile
from goodpix.query.maps.statistics import STATISTICS
from goodpix.schema.errors import UnknownNameError, UsageError

from .neighbours import NEIGHBOUR, SELECTIONS
from .plainmaps import plain_images, plain_map, set_headers
from .survey import FIRST, SPEC, Survey

NSIDE = 1 << 15  # pixels of 6.4 arcsec, for images of 17 x 34
COUNTS = ("n_images", "n_images_mean", "fracdet", "fraction")
REASONS = ("SE_SEG", "COADD_SEG", "SE_BMASK", "SE:STAR", "COADD:NO_DATA")
BY_VALUE = tuple(name for name in STATISTICS if name not in COUNTS)

HEADERS: dict[int, dict[str, float | None]] = {
    FIRST: {"skyvara": 95.0, "skyvarb": 140.0, "skysigma": 10.5, "magzp": 31.2, "fwhm": 3.5, "exptime": 90.0},
    FIRST + 1: {"skyvara": None, "skyvarb": None, "skysigma": 13.0, "magzp": 30.4, "fwhm": 4.75, "exptime": 45.0},
    FIRST + 2: {"skyvara": 50.0, "skyvarb": None, "skysigma": None, "magzp": None, "fwhm": None, "exptime": 200.0},
}
"""Header values of the exposures of band r; the third lacks a zero point, and the noise of amplifier B."""


def assert_equal(found: Any, expected: Mapping[int, float]) -> None:
    pixels = np.array(sorted(expected))
    np.testing.assert_array_equal(found.valid_pixels, pixels)
    values = np.array([expected[int(pixel)] for pixel in pixels])
    np.testing.assert_allclose(found.get_values_pix(pixels), values, rtol=2e-6)


@pytest.fixture(scope="module")
def headers(neighbours: Survey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[goodpix.Catalogue]:
    """The two tiles, with header values set by hand."""
    folder = tmp_path_factory.mktemp("headers")
    shutil.copytree(neighbours.folder.parent, folder / "copy")
    copy = Survey(folder / "copy" / "survey")
    sky = {FIRST: 2500.0, FIRST + 1: 1e9, FIRST + 2: 800.0}
    set_headers(copy.database, {expnum: {**each, "skybrite": sky[expnum]} for expnum, each in HEADERS.items()})
    with copy.catalogue() as catalogue:
        yield catalogue


@pytest.mark.parametrize("name", SELECTIONS)
def test_counts_equal_the_plain_way(name: str, ingested: Survey) -> None:
    names = (*COUNTS, *REASONS)
    with ingested.catalogue() as catalogue:
        found = catalogue.healsparse_map(names, nside=NSIDE, selection=SELECTIONS[name])
        images = plain_images(catalogue, SELECTIONS[name])
    assert list(found) == list(names)
    for statistic, each in found.items():
        assert isinstance(each, healsparse.HealSparseMap)
        assert each.dtype == (np.int32 if statistic == "n_images" else np.float32)
        assert (each.nside_sparse, each.nside_coverage) == (NSIDE, 32)
        assert_equal(each, plain_map(statistic, images, NSIDE))
    assert found["n_images"][found["n_images"].valid_pixels].max() > 2


@pytest.mark.parametrize("nside", [16, 512, 2048, NSIDE, 1 << 18])
@pytest.mark.parametrize("unique", [False, True])
def test_counts_of_two_tiles_equal_the_plain_way(unique: bool, nside: int, neighbours: Survey) -> None:
    names = (*COUNTS, *REASONS)
    with neighbours.catalogue() as catalogue:
        found = catalogue.healsparse_map(names, nside=nside, nside_coverage=min(nside, 128), band="r", unique=unique)
        images = plain_images(catalogue, band="r", unique=unique)
    assert len(images) == 3
    for statistic, each in found.items():
        assert_equal(each, plain_map(statistic, images, nside))
    assert found["fracdet"][found["fracdet"].valid_pixels].max() <= 1


@pytest.mark.parametrize("nside", [32, 4096, NSIDE])
@pytest.mark.parametrize("unique", [False, True])
def test_values_equal_the_plain_way(unique: bool, nside: int, headers: goodpix.Catalogue) -> None:
    found = headers.healsparse_map(BY_VALUE, nside=nside, band="r", unique=unique)
    images = plain_images(headers, band="r", unique=unique)
    for statistic, each in found.items():
        expected = plain_map(statistic, images, nside)
        assert expected, statistic
        assert_equal(each, expected)


def test_magnitude_limit_of_one_image_by_hand(headers: goodpix.Catalogue) -> None:
    found = headers.healsparse_map("maglim", nside=NSIDE, expnum=FIRST + 1)
    pixel_area = headers.epochs(expnum=FIRST + 1)["pixel_area"].iloc[0]
    # noise in an aperture of radius 1 arcsec, times ten, with the zero point of the image
    expected = 30.4 - 2.5 * np.log10(10 * 13.0 * np.sqrt(np.pi / pixel_area))
    np.testing.assert_allclose(found[found.valid_pixels], expected, rtol=1e-6)
    assert 20 < expected < 24


def test_images_left_out_are_reported(headers: goodpix.Catalogue, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        headers.healsparse_map(["skyvar", "mu_sky", "skysigma_zp30_mean", "fracdet"], band="r")
    assert [record.message for record in caplog.records] == [
        "skyvar, mu_sky: 1 of 3 images do not count: a weight takes a zero point and a sky variance",
        "skysigma_zp30_mean: 1 of 3 images do not count: no zero point (magzp)",
        "mu_sky: 1 of 3 images do not count: the sky is outside 14.5 to 25 mag/arcsec^2: check their zero points",
    ]


def test_images_without_a_value_are_reported(
    neighbours: Survey, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(neighbours.folder.parent, tmp_path / "copy")
    copy = Survey(tmp_path / "copy" / "survey")
    no_noise: dict[str, float | None] = {"skyvara": None, "skyvarb": None, "skysigma": None}
    lost: dict[str, float | None] = {"fwhm": None, "exptime": 0.0, "skybrite": None}
    set_headers(copy.database, {FIRST: no_noise, FIRST + 1: {"fwhm": None}, FIRST + 2: lost})
    names = ["fwhm_mean", "fwhm_min", "exptime", "skyvar_mean", "skysigma_zp30_sum", "mu_sky_mean", "n_images"]
    with copy.catalogue() as catalogue, caplog.at_level(logging.WARNING):
        found = catalogue.healsparse_map(names, nside=NSIDE, band="r", expnum=[FIRST, FIRST + 1, FIRST + 2])
        catalogue.healsparse_map(["fwhm_mean", "fracdet"], nside=NSIDE, expnum=[FIRST + 1, FIRST + 2])
    assert found["fwhm_mean"].n_valid > 0
    assert [record.message for record in caplog.records] == [
        "skyvar_mean: 1 of 3 images do not count: no sky variance",
        "skysigma_zp30_sum: 1 of 3 images do not count: no sky noise",
        "fwhm_mean, fwhm_min: 2 of 3 images do not count: no seeing (FWHM)",
        "mu_sky_mean: 1 of 3 images do not count: no sky level (SKYBRITE)",
        "exptime: 1 of 3 images do not count: no exposure time (EXPTIME)",
        "fwhm_mean: null: no seeing (FWHM)",
    ]


def test_without_zero_points_maps_are_null_and_a_line_says_so(
    headers: goodpix.Catalogue, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = headers.healsparse_map(["maglim", "skyvar", "skyvar_mean"], expnum=FIRST + 2)
    assert [found[name].n_valid for name in ("maglim", "skyvar")] == [0, 0]
    assert found["skyvar_mean"].n_valid > 0
    (record,) = caplog.records
    assert record.message == "maglim, skyvar: null: a weight takes a zero point and a sky variance"


def test_stored_noise_stands_in_where_headers_have_none(stored: Survey, tmp_path: Path) -> None:
    nothing: dict[str, float | None] = {"skyvara": None, "skyvarb": None, "skysigma": None}
    set_headers(stored.database, {FIRST: nothing, FIRST + 1: {**nothing, "skysigma": 13.0}})
    with stored.catalogue() as catalogue:
        for by in ("ccd", "epoch"):
            catalogue.extend_background(tmp_path / by, by=by, band="r", statistics=["median"])
        row = catalogue.background(by="ccd", expnum=FIRST, statistics=["median"]).iloc[0]
        assert catalogue.healsparse_map("skyvar_mean", expnum=FIRST).n_valid == 0
        for by in ("ccd", "epoch"):
            found = catalogue.healsparse_map("skyvar_mean", dataset=tmp_path / by, expnum=FIRST)
            np.testing.assert_allclose(found[found.valid_pixels], row.mad_std**2, rtol=1e-6)
            other = catalogue.healsparse_map("skyvar_mean", dataset=tmp_path / by, expnum=FIRST + 1)
            np.testing.assert_allclose(other[other.valid_pixels], 169, rtol=1e-6)
        catalogue.extend_background(tmp_path / "calibrated", calibrated=True, band="r", statistics=["median"])
        with pytest.raises(UsageError, match="its values are calibrated: expected a sky dataset in the unit of pixels"):
            catalogue.healsparse_map("skyvar", dataset=tmp_path / "calibrated")
        with pytest.raises(UsageError, match="not a sky dataset"):
            catalogue.healsparse_map("skyvar", dataset=tmp_path)


@pytest.mark.parametrize(("ra", "dec"), [(0.0004, -40.0), (359.9999, 3.0), (77.0, -84.9), (20.0, 84.95)])
def test_maps_at_ra_0_and_near_the_poles_equal_the_plain_way(
    ra: float, dec: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    survey = Survey(tmp_path / "survey")
    make_tile(survey.folder, replace(SPEC, ra=ra, dec=dec, bands=("r",)))
    monkeypatch.setenv("MEDS_DIR", str(survey.folder))
    survey.ingest()
    names = (*COUNTS, "fwhm_mean", "SE:STAR")
    with survey.catalogue() as catalogue:
        found = catalogue.healsparse_map(names, nside=NSIDE, unique=False)
        images = plain_images(catalogue, unique=False)
    assert len(images) == 3
    for statistic, each in found.items():
        assert_equal(each, plain_map(statistic, images, NSIDE))


def test_workers_make_the_same_maps(headers: goodpix.Catalogue) -> None:
    names = ["n_images", "skyvar", "maglim", "fwhm_min"]
    alone, shared = (headers.healsparse_map(names, nside=NSIDE, workers=n) for n in (1, 2))
    for name in names:
        np.testing.assert_array_equal(alone[name].valid_pixels, shared[name].valid_pixels)
        np.testing.assert_array_equal(alone[name][alone[name].valid_pixels], shared[name][alone[name].valid_pixels])


def test_an_image_in_two_tiles_counts_once(neighbours: Survey) -> None:
    with neighbours.catalogue() as catalogue:
        found = catalogue.healsparse_map("n_images", nside=1024, nside_coverage=32, band="r")
    # all tiles hold the same three images, which lie in a few pixels of 3 arcmin
    assert found[found.valid_pixels].max() == 3


@pytest.mark.parametrize("nside", [1 << 19, 1 << 20])
def test_map_finer_than_the_usual_centres_has_one_centre_per_pixel(nside: int, ingested: Survey) -> None:
    filters: dict[str, Any] = {"expnum": FIRST}
    with ingested.catalogue() as catalogue:
        found = catalogue.healsparse_map(["fraction", "n_images"], nside=nside, nside_coverage=128, **filters)
        images = plain_images(catalogue, centres=nside, **filters)
    for statistic, each in found.items():
        assert_equal(each, plain_map(statistic, images, nside, centres=nside))


def test_map_that_would_not_fit_in_memory_is_refused(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue, pytest.raises(UsageError, match=r"nside is 536870912: this takes .* [PE]B"):
        catalogue.healsparse_map(nside=1 << 29)


def test_fracdet_adds_up_to_the_sky_area(neighbours: Survey) -> None:
    with neighbours.catalogue() as catalogue:
        found = catalogue.healsparse_map("fracdet", nside=4096)
        per_pixel = hpgeom.nside_to_pixel_area(4096, degrees=True) * 3600
        total = float(found[found.valid_pixels].sum(dtype=np.float64)) * per_pixel
        assert total == pytest.approx(catalogue.sky_area(), rel=1e-6)


@pytest.mark.parametrize("statistic", ["fraction", "skyvar_min", "n_images"])
def test_written_map_says_what_it_is_and_where_it_comes_from(statistic: str, ingested: Survey, tmp_path: Path) -> None:
    wide = goodpix.Selection(ignore=["SE_SEG"], border=7)
    with ingested.catalogue() as catalogue:
        catalogue.healsparse_map(statistic, nside=NSIDE, selection=wide, band="r").write(tmp_path / "map.hsp")
        identity = catalogue.database.identity
    said = healsparse.HealSparseMap.read(tmp_path / "map.hsp").metadata
    assert said["MAPTYPE"] == statistic
    assert said["WHAT"] == STATISTICS[statistic].meaning
    assert said["BUNIT"] == {"fraction": "fraction", "skyvar_min": "ADU^2", "n_images": "images"}[statistic]
    assert (said["SELECT"], said["FILTERS"], said["UNIQUE"]) == (str(wide), "band=r", True)
    assert (said["CATALOG"], said["CAMPAIGN"]) == (identity.uuid, identity.campaign)
    assert said["CREATOR"] == f"goodpix {version('goodpix')}"


def test_filters_choose_the_epochs(neighbours: Survey) -> None:
    filters: dict[str, Any] = {"tilename": NEIGHBOUR, "band": "i"}
    with neighbours.catalogue() as catalogue:
        found = catalogue.healsparse_map(nside=NSIDE, **filters)
        assert_equal(found, plain_map("fraction", plain_images(catalogue, **filters), NSIDE))


def test_zero_is_not_the_same_as_nothing(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        found = catalogue.healsparse_map("n_images", nside=NSIDE)
    values = found.get_values_pix(found.valid_pixels)
    assert (values == 0).any()
    assert found.get_values_pix(np.array([0]))[0] == found.sentinel != 0


def test_map_of_nothing_is_empty(ingested: Survey, caplog: pytest.LogCaptureFixture) -> None:
    with ingested.catalogue() as catalogue:
        assert catalogue.healsparse_map(tilename="DES9999+0000").n_valid == 0
    assert [record.message for record in caplog.records] == ["no image matches the filters: the maps are empty"]


def test_epoch_without_segmentation_stays_out_unless_se_seg_is_ignored(stored: Survey) -> None:
    stored.set_entry(0, {"seg_path": ...})
    stored.ingest(allow_missing_se_seg=True)
    name = stored.epoch(0)["expnum"]
    with stored.catalogue() as catalogue:
        assert catalogue.healsparse_map(expnum=name).n_valid == 0
        assert catalogue.healsparse_map(expnum=name, selection=goodpix.Selection(ignore=["SE_SEG"])).n_valid > 0


def test_unknown_filter_is_an_error(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue, pytest.raises(UnknownNameError, match="unknown filter 'nsides'"):
        catalogue.healsparse_map(nsides=32)  # type: ignore[call-arg]  # wrong on purpose


def test_without_healsparse_the_error_names_the_extra(ingested: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "healsparse":
            raise ModuleNotFoundError("No module named 'healsparse'", name=name)
        return usual(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with ingested.catalogue() as catalogue, pytest.raises(UsageError, match=r"pip install 'goodpix\[maps\]'"):
        catalogue.healsparse_map()
