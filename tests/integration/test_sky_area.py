"""The area on the sky that is good in at least one epoch."""

from pathlib import Path
from typing import Any

import hpgeom
import pytest

import goodpix
from goodpix.schema.errors import UnknownNameError

from .neighbours import (
    CENTRES,
    NEIGHBOUR,
    SELECTIONS,
    centres_seen,
    ingest_neighbours,
    inside_region,
    make_neighbours,
    sky_of_pixels,
)
from .survey import SPEC, Survey, records

TILE = SPEC.tilename
LIMITS = ("uramin", "uramax", "udecmin", "udecmax")


PER_CENTRE = float(hpgeom.nside_to_pixel_area(CENTRES, degrees=True)) * 3600


def plain_area(catalogue: goodpix.Catalogue, selection: goodpix.Selection | None, **filters: Any) -> float:
    return centres_seen(catalogue, selection, **filters)[1].size * PER_CENTRE


def coadd_area(catalogue: goodpix.Catalogue, tile: str, band: str) -> float:
    """Return the area of the coadd pixels of a tile's unique region that are good in an epoch, arcmin^2."""
    coadd: Any = catalogue.mask(tile, band).row
    good = (catalogue.good_epoch_map(tile, band) > 0) & inside_region(coadd, sky_of_pixels(coadd))
    return float(good.sum() * coadd["pixel_area"] / 3600)


@pytest.mark.parametrize("name", SELECTIONS)
def test_area_equals_the_plain_way(name: str, ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        found = catalogue.sky_area(SELECTIONS[name])
        assert found == pytest.approx(plain_area(catalogue, SELECTIONS[name]), rel=1e-11)
    assert isinstance(found, float)
    assert found > 0


@pytest.mark.parametrize("filters", [{"band": "r"}, {"band": ["i"]}, {"max": {"fraction_good_se": 0.87}}], ids=str)
def test_filters_choose_the_epochs(filters: dict[str, Any], ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        expected = plain_area(catalogue, None, **filters)
        assert catalogue.sky_area(**filters) == pytest.approx(expected, rel=1e-11)
        assert 0 < expected < catalogue.sky_area()


def test_area_is_a_union_and_not_a_sum(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        each = [catalogue.sky_area(expnum=int(number)) for number in catalogue.epochs().expnum]
        assert max(each) < catalogue.sky_area() < 0.9 * sum(each)


def test_tiles_add_up(neighbours: Survey) -> None:
    with neighbours.catalogue() as catalogue:
        single = [catalogue.sky_area(tilename=tile) for tile in (TILE, NEIGHBOUR)]
        assert single[1] == pytest.approx(plain_area(catalogue, None, tilename=NEIGHBOUR), rel=1e-11)
        assert min(single) > 0
        assert catalogue.sky_area() == pytest.approx(sum(single), rel=1e-12)


def test_area_of_one_epoch_is_that_of_its_good_pixels(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        one = max(records(catalogue.epochs()), key=lambda epoch: int(epoch.n_good_unique))
        found = catalogue.sky_area(band=one.band, expnum=int(one.expnum), ccdnum=int(one.ccdnum))
    # some 6,000 pixels, sampled at 640 centres
    assert found == pytest.approx(one.area_good_unique, rel=2e-2)


def test_area_of_a_tile_is_that_of_its_good_coadd_pixels(neighbours: Survey) -> None:
    with neighbours.catalogue() as catalogue:
        expected = sum(coadd_area(catalogue, tile, "r") for tile in (TILE, NEIGHBOUR))
        # some 7,000 pixels, sampled at 750 centres
        assert catalogue.sky_area(band="r") == pytest.approx(expected, rel=3e-2)


def test_tile_without_limits_counts_as_a_whole(stored: Survey) -> None:
    for band in SPEC.bands:
        stored.set_entry(None, dict.fromkeys(LIMITS, ...), band)
    stored.ingest()
    with stored.catalogue() as catalogue:
        found = catalogue.sky_area()
        assert found == pytest.approx(plain_area(catalogue, None), rel=1e-11)


def test_epoch_without_segmentation_stays_out_unless_se_seg_is_ignored(stored: Survey) -> None:
    stored.set_entry(0, {"seg_path": ...})
    stored.ingest(allow_missing_se_seg=True)
    name = stored.epoch(0)["expnum"]
    with stored.catalogue() as catalogue:
        assert catalogue.sky_area(expnum=name) == 0
        assert catalogue.sky_area(goodpix.Selection(ignore=["SE_SEG"]), expnum=name) > 0


def test_bands_with_coadds_of_different_pixels_cover_the_same_sky(stored: Survey) -> None:
    stored.set_entry(None, {"position_offset": 0}, "i")
    stored.ingest()
    with stored.catalogue() as catalogue:
        assert catalogue.sky_area() == pytest.approx(plain_area(catalogue, None), rel=1e-11)


@pytest.mark.parametrize("limits", [{"uramin": ...}, {"udecmax": 80.0}])
def test_sky_in_two_tiles_counts_once_even_where_regions_overlap(limits: dict[str, Any], tmp_path: Path) -> None:
    first, second = make_neighbours(tmp_path)
    first.set_entry(None, limits, "i")
    survey = ingest_neighbours(first, second)
    with survey.catalogue() as catalogue:
        assert catalogue.sky_area() == pytest.approx(plain_area(catalogue, None), rel=1e-11)


@pytest.mark.parametrize("filters", [{"tilename": "DES9999+0000"}, {"band": "Y"}], ids=str)
def test_area_of_nothing_is_zero(filters: dict[str, Any], ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        assert catalogue.sky_area(**filters) == 0.0


@pytest.mark.parametrize(("name", "says"), [("tilenam", "did you mean 'tilename'"), ("kind", "unknown filter 'kind'")])
def test_unknown_filter_is_an_error(name: str, says: str, ingested: Survey) -> None:
    filters: dict[str, Any] = {name: "coadd"}
    with ingested.catalogue() as catalogue, pytest.raises(UnknownNameError, match=says):
        catalogue.sky_area(**filters)


def test_unknown_bit_is_an_error_even_without_epochs(ingested: Survey) -> None:
    wrong = goodpix.Selection(ignore_bits={"SE": ["STARS"]})
    with ingested.catalogue() as catalogue, pytest.raises(UnknownNameError, match="STARS"):
        catalogue.sky_area(wrong, band="Y")
