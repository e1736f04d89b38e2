"""The area on the sky that is good in at least one epoch."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import goodpix
from goodpix.schema.errors import UnknownNameError, UsageError
from goodpix.schema.wcs.solution import Wcs, unit_vectors

from .neighbours import NEIGHBOUR, SELECTIONS, epoch_positions, inside_region, nearest, sky_of_pixels
from .survey import SPEC, Survey, records

TILE = SPEC.tilename
LIMITS = ("uramin", "uramax", "udecmin", "udecmax")


def covered(catalogue: goodpix.Catalogue, selection: goodpix.Selection | None, **filters: Any) -> npt.NDArray[np.bool_]:
    """Return the coadd pixels of one tile whose centre lies in a good pixel of an epoch, by astropy."""
    out: npt.NDArray[np.bool_] = np.zeros((0, 0), np.bool_)
    for mask in catalogue.masks(**filters):
        coadd = catalogue.mask(mask.key.tilename, mask.key.band).row
        assert coadd is not None
        if not out.size:
            out = np.zeros((coadd["ny"], coadd["nx"]), np.bool_)
        good = mask.good(selection)
        ix, iy = nearest(epoch_positions(mask.row, coadd))
        inside = (ix >= 0) & (ix < good.shape[1]) & (iy >= 0) & (iy < good.shape[0])
        out[inside] |= good[iy[inside], ix[inside]]
    return out


def areas(coadd: Any) -> npt.NDArray[np.float64]:
    """Return the solid angle of each coadd pixel, arcmin^2, from the cosine of its distance from the tangent point."""
    solution = Wcs.from_json(coadd["wcs"])
    ra, dec = sky_of_pixels(coadd)
    cosines = unit_vectors(*solution.crval) @ unit_vectors(ra.ravel(), dec.ravel())
    scale = abs(np.linalg.det(solution.cd)) * 3600
    out: npt.NDArray[np.float64] = scale * cosines.reshape(ra.shape) ** 3
    return out


def plain_area(catalogue: goodpix.Catalogue, tile: str, selection: goodpix.Selection | None, **filters: Any) -> float:
    found = covered(catalogue, selection, tilename=tile, **filters)
    coadd: Any = catalogue.mask(tile, "r").row
    if coadd["uramin"] is not None:
        found &= inside_region(coadd, sky_of_pixels(coadd))
    return float(areas(coadd)[found].sum())


@pytest.mark.parametrize("name", SELECTIONS)
def test_area_equals_the_plain_way(name: str, ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        found = catalogue.sky_area(SELECTIONS[name])
        assert found == pytest.approx(plain_area(catalogue, TILE, SELECTIONS[name]), rel=1e-11)
    assert isinstance(found, float)
    assert found > 0


@pytest.mark.parametrize("filters", [{"band": "r"}, {"band": ["i"]}, {"max": {"fraction_good_se": 0.87}}], ids=str)
def test_filters_choose_the_epochs(filters: dict[str, Any], ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        expected = plain_area(catalogue, TILE, None, **filters)
        assert catalogue.sky_area(**filters) == pytest.approx(expected, rel=1e-11)
        assert 0 < expected < catalogue.sky_area()


def test_area_is_a_union_and_not_a_sum(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        each = [catalogue.sky_area(expnum=int(number)) for number in catalogue.epochs().expnum]
        assert max(each) < catalogue.sky_area() < 0.9 * sum(each)


def test_tiles_add_up(neighbours: Survey) -> None:
    with neighbours.catalogue() as catalogue:
        single = [catalogue.sky_area(tilename=tile) for tile in (TILE, NEIGHBOUR)]
        assert single[1] == pytest.approx(plain_area(catalogue, NEIGHBOUR, None), rel=1e-11)
        assert min(single) > 0
        assert catalogue.sky_area() == pytest.approx(sum(single), rel=1e-12)


def test_area_of_one_epoch_is_that_of_its_good_pixels(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        one = max(records(catalogue.epochs()), key=lambda epoch: int(epoch.n_good_unique))
        found = catalogue.sky_area(band=one.band, expnum=int(one.expnum), ccdnum=int(one.ccdnum))
    # some 6,000 pixels: those at edges of holes may be in one count and not in the other
    assert found == pytest.approx(one.area_good_unique, rel=5e-3)


def test_tile_without_limits_counts_as_a_whole(stored: Survey) -> None:
    for band in SPEC.bands:
        stored.set_entry(None, dict.fromkeys(LIMITS, ...), band)
    stored.ingest()
    with stored.catalogue() as catalogue:
        found = catalogue.sky_area()
        assert found == pytest.approx(plain_area(catalogue, TILE, None), rel=1e-11)


def test_epoch_without_segmentation_stays_out_unless_se_seg_is_ignored(stored: Survey) -> None:
    stored.set_entry(0, {"seg_path": ...})
    stored.ingest(allow_missing_se_seg=True)
    name = stored.epoch(0)["expnum"]
    with stored.catalogue() as catalogue:
        assert catalogue.sky_area(expnum=name) == 0
        assert catalogue.sky_area(goodpix.Selection(ignore=["SE_SEG"]), expnum=name) > 0


def test_coadds_of_different_pixels_are_refused_with_both_named(stored: Survey) -> None:
    stored.set_entry(None, {"position_offset": 0}, "i")
    stored.ingest()
    with stored.catalogue() as catalogue:
        with pytest.raises(UsageError, match=f"tile {TILE}: the coadds of bands i and r have different"):
            catalogue.sky_area()
        assert catalogue.sky_area(band="i") > 0


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
