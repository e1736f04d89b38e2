"""Random points, compared with `at`, with wcslib, and with the area of the sky."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hpgeom
import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

import goodpix
from goodpix.schema.criteria import Criterion, Selection
from goodpix.schema.errors import MaskFileError, UnknownNameError, UsageError

from ..conftest import new_database
from .neighbours import CENTRES, NEIGHBOUR, centres_seen, ingest_neighbours, make_neighbours
from .smallsky import HERE, PLACES, SmallSky, few_bad
from .survey import SPEC, Survey

LIMITS = ("uramin", "uramax", "udecmin", "udecmax")
EVERYTHING = Selection(ignore=list(Criterion))
SELECTIONS = {
    "default": Selection(),
    "ignoring": Selection(ignore=["OFF_COADD"], ignore_bits={"SE": ["BPM"]}),
    "grown, with a border": Selection(grow={"SE_BMASK": 1.5}, border=2),
    "excluding": Selection(border=1, exclude=["ccdnum=2", "box=0:9:0:40,band=i"]),
}
PER_CENTRE = float(hpgeom.nside_to_pixel_area(CENTRES, degrees=True))


@pytest.fixture(scope="module", params=PLACES.values(), ids=list(PLACES))
def anywhere(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SmallSky:
    """A catalogue about each of the places, of images whose flags differ between two tiles; nobody changes it."""
    return make(tmp_path_factory.mktemp("randoms"), *request.param)


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> SmallSky:
    """The same about one place."""
    return make(tmp_path_factory.mktemp("randoms"), *HERE)


def make(folder: Path, ra: float, dec: float) -> SmallSky:
    return SmallSky.make(f"sqlite:///{folder / 'sky.db'}", folder, ra, dec, n_images=8, flags_of=few_bad)


@pytest.mark.parametrize("name", SELECTIONS)
def test_images_are_those_that_at_lists(name: str, anywhere: SmallSky) -> None:
    selection = SELECTIONS[name]
    with anywhere.catalogue() as catalogue:
        found = catalogue.randoms(400, seed=2, selection=selection)
        listed = catalogue.at(found.ra, found.dec, unique=True, selection=selection)
    assert len(found) == 400
    for band in "ir":
        of_band = listed[listed.band == band]
        n_images, n_good = (
            np.bincount(each.position, minlength=400) for each in (of_band, of_band[of_band.good.astype(bool)])
        )
        assert np.array_equal(found[f"n_images_{band}"], n_images)
        assert np.array_equal(found[f"n_good_{band}"], n_good)
    good, images = (found[f"{name}_i"] + found[f"{name}_r"] for name in ("n_good", "n_images"))
    assert 0 < good.sum() < images.sum()
    names = listed.groupby("position").criteria.agg(lambda each: ", ".join(filter(None, each)))
    for position, reasons in enumerate(found.reasons):
        expected = set(names.get(position, "").split(", ")) - {""}
        criteria = {each for each in reasons.split(", ") if ":" not in each} - {""}
        assert criteria - {"OWN_CUT"} == expected - {"OWN_CUT"}
        assert ("OWN_CUT" in criteria) >= ("OWN_CUT" in expected)


def test_images_are_those_of_wcslib(anywhere: SmallSky) -> None:
    with anywhere.catalogue() as catalogue:
        found = catalogue.randoms(300, seed=4)
    images = {image.key[1:]: image for image in anywhere.images}
    for band in "ir":
        n_images = sum(image.holds(found.ra, found.dec) for key, image in images.items() if key[0] == band)
        assert np.array_equal(found[f"n_images_{band}"], n_images)


def test_points_are_uniform_over_the_unique_regions(anywhere: SmallSky) -> None:
    with anywhere.catalogue() as catalogue:
        found = catalogue.randoms(4000, seed=1)
        rows: dict[str, Any] = {tile: catalogue.mask(tile, "r").row for tile in ("EAST", "WEST")}
    areas = {}
    for tile, row in rows.items():
        of_tile = found[found.tilename == tile]
        width = (row["uramax"] - row["uramin"]) % 360
        south, north = np.sin(np.radians([row["udecmin"], row["udecmax"]]))
        east = (of_tile.ra - row["uramin"]) % 360 / width
        up = (np.sin(np.radians(of_tile.dec)) - south) / (north - south)
        assert min(kstest(each, "uniform").pvalue for each in (east, up)) > 1e-3
        areas[tile] = width * (north - south)
    expected = 4000 * areas["EAST"] / sum(areas.values())
    assert (found.tilename == "EAST").sum() == pytest.approx(expected, abs=4 * np.sqrt(expected / 2))


def test_another_tile_or_worker_moves_no_point(some: SmallSky) -> None:
    with some.catalogue() as catalogue:
        every = catalogue.randoms(density=500, seed=7)
        pd.testing.assert_frame_equal(catalogue.randoms(density=500, seed=7, workers=2), every)
        with ThreadPoolExecutor(2) as executor:
            pd.testing.assert_frame_equal(catalogue.randoms(density=500, seed=7, executor=executor), every)
        alone = catalogue.randoms(density=500, seed=7, tilename="EAST")
        numbered = catalogue.randoms(200, seed=7)
        other = catalogue.randoms(density=500, seed=8)
    east = every[every.tilename == "EAST"].reset_index(drop=True)
    assert len(east) > 100
    pd.testing.assert_frame_equal(alone[["ra", "dec", "tilename"]], east[["ra", "dec", "tilename"]])
    for tile in ("EAST", "WEST"):
        first = numbered[numbered.tilename == tile].reset_index(drop=True)
        pd.testing.assert_frame_equal(first, every[every.tilename == tile].head(len(first)).reset_index(drop=True))
    assert not np.isin(other.ra, every.ra).any()


def test_randoms_and_area_agree(neighbours: Survey) -> None:
    with neighbours.catalogue() as catalogue:
        found = catalogue.randoms(density=1e8, seed=3, band="r")
        area = catalogue.sky_area(band="r") / 3600
        map_ = catalogue.healsparse_map("fracdet", nside=1 << 15, nside_coverage=32, band="r")
    n_good = int((found.n_good_r > 0).sum())
    assert n_good > 3000
    assert n_good == pytest.approx(1e8 * area, abs=4 * np.sqrt(1e8 * area))
    pixels = map_.valid_pixels
    expected = 1e8 * map_[pixels] * hpgeom.nside_to_pixel_area(1 << 15, degrees=True)
    good = found[found.n_good_r > 0]
    at = np.searchsorted(pixels, hpgeom.angle_to_pixel(1 << 15, good.ra, good.dec))
    counts = np.bincount(at, minlength=pixels.size)
    held = expected > 20
    chi2 = ((counts[held] - expected[held]) ** 2 / expected[held]).sum()
    # the area of a HEALPix pixel is sampled at 256 centres, which adds little to the Poisson noise
    assert held.sum() > 20
    assert chi2 == pytest.approx(held.sum(), abs=5 * np.sqrt(2 * held.sum()))


def test_without_unique_regions_each_spot_of_the_images_has_points_once(tmp_path: Path) -> None:
    first, second = make_neighbours(tmp_path)
    for survey in (first, second):
        for band in SPEC.bands:
            survey.set_entry(None, dict.fromkeys(LIMITS, ...), band)
    survey = ingest_neighbours(first, second)
    with survey.catalogue() as catalogue:
        found = catalogue.randoms(density=1e8, seed=5, band="r")
        numbered = catalogue.randoms(500, seed=5, band="r")
        area = centres_seen(catalogue, EVERYTHING, band="r")[1].size * PER_CENTRE
        listed = catalogue.at(found.ra, found.dec, unique=True, band="r")
    assert len(found) == pytest.approx(1e8 * area, abs=4 * np.sqrt(1e8 * area))
    assert np.array_equal(found.n_images_r, np.bincount(listed.position, minlength=len(found)))
    assert found.n_images_r.min() == 1
    assert set(found.tilename) == {NEIGHBOUR}  # the first by name, since both list every image
    assert len(numbered) == 500
    assert set(numbered.ra) <= set(found.ra)


def test_a_tile_without_a_region_leaves_that_of_another_alone(tmp_path: Path) -> None:
    first, second = make_neighbours(tmp_path)
    for band in SPEC.bands:
        first.set_entry(None, dict.fromkeys(LIMITS, ...), band)
    survey = ingest_neighbours(first, second)
    with survey.catalogue() as catalogue:
        found = catalogue.randoms(density=1e8, band="r")
        row: Any = catalogue.mask(NEIGHBOUR, "r").row
    inside = (found.ra >= row["uramin"]) & (found.ra < row["uramax"])
    inside &= (found.dec >= row["udecmin"]) & (found.dec < row["udecmax"])
    assert np.array_equal(found.tilename == NEIGHBOUR, inside)
    assert 100 < inside.sum() < len(found) - 100


@pytest.mark.parametrize(
    ("filters", "columns"), [({"band": b"Y  "}, ["n_images_Y", "n_good_Y"]), ({"tilename": "NONE"}, [])], ids=str
)
def test_no_points_without_tiles(filters: dict[str, Any], columns: list[str], some: SmallSky) -> None:
    with some.catalogue() as catalogue:
        assert catalogue.randoms(5, **filters).empty
        assert list(catalogue.randoms(density=5, **filters)) == ["ra", "dec", "tilename", *columns, "reasons"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "give a number of points n or their density"),
        ({"n": 5, "density": 5}, "expected one of them"),
        ({"n": 0}, "n is 0: expected a whole number from 1 to 1,000,000,000"),
        ({"n": 10**10}, "n is 10000000000"),
        ({"n": 1.5}, "n is 1.5"),
        ({"density": 0}, "density is 0: expected points per square degree, more than 0"),
        ({"density": float("inf")}, "density is inf"),
        ({"density": 1e12}, "density is 1000000000000.0, on .* square degrees: expected at most 1,000,000,000 points"),
        ({"density": "many"}, "density is 'many'"),
        ({"n": 5, "seed": -2}, "seed is -2"),
        ({"n": 5, "workers": 0}, "workers is 0"),
    ],
)
def test_number_out_of_range_is_refused(given: dict[str, Any], message: str, some: SmallSky) -> None:
    with some.catalogue() as catalogue, pytest.raises(UsageError, match=message):
        catalogue.randoms(**given)


def test_unknown_filter_is_an_error(some: SmallSky) -> None:
    wrong: dict[str, Any] = {"tilenam": "EAST"}
    with some.catalogue() as catalogue, pytest.raises(UnknownNameError, match="did you mean 'tilename'"):
        catalogue.randoms(3, **wrong)


def test_mask_that_cannot_be_read_is_an_error(stored: Survey) -> None:
    for path in stored.masks.rglob("*.parquet"):
        path.unlink()
    with stored.catalogue() as catalogue, pytest.raises(MaskFileError, match="parquet"):
        catalogue.randoms(2000)


def test_selection_is_that_of_the_catalogue(some: SmallSky) -> None:
    with some.catalogue() as catalogue, pytest.raises(UnknownNameError, match="STARS"):
        catalogue.randoms(5, selection=goodpix.Selection(ignore_bits={"SE": ["STARS"]}))


def test_postgres_gives_the_same_points_and_places(some: SmallSky, postgres_url: str, tmp_path: Path) -> None:
    for url in new_database(postgres_url):
        copy = SmallSky.make(url, tmp_path, *HERE, n_images=8, flags_of=few_bad)
        with some.catalogue() as catalogue, copy.catalogue() as other:
            points, places = catalogue.randoms(200, max={"fwhm": 9}), catalogue.blank_sky(10, 40.0, band=["r", "i"])
            pd.testing.assert_frame_equal(other.randoms(200, max={"fwhm": 9}), points)
            pd.testing.assert_frame_equal(other.blank_sky(10, 40.0, band=["r", "i"]), places)
        assert (len(points), len(places)) == (200, 10)
