"""Facts about the views."""

import pytest
import sqlalchemy as sa

from goodpix.schema.views import VIEWS

from ...rows import PIXEL_AREA, TILE
from .conftest import Catalogue

OTHER_TILE = "DES0124-3249"


@pytest.mark.parametrize("view", list(VIEWS))
def test_view_of_an_empty_catalogue_is_empty(catalogue: Catalogue, view: str) -> None:
    assert catalogue.rows(view) == []


@pytest.mark.parametrize("view", list(VIEWS))
def test_view_says_what_a_row_is(view: str) -> None:
    assert VIEWS[view].doc


def test_epoch_quality_has_one_row_per_epoch(catalogue: Catalogue) -> None:
    catalogue.coadd()
    for ccdnum in (11, 12):
        catalogue.epoch(7, ccdnum=ccdnum)
    rows = catalogue.rows("epoch_quality")
    assert sorted((row["ccdnum"], row["n_good"], row["generation"]) for row in rows) == [(11, 7, 3), (12, 7, 3)]


def test_tile_fractions_are_sums_over_sums(catalogue: Catalogue) -> None:
    catalogue.coadd()
    catalogue.epoch(10, flags=8, ccdnum=11)
    catalogue.epoch(36, flags=1, ccdnum=12)
    row = catalogue.row("tile_quality")
    fractions = [row[name] for name in ("fraction_good", "fraction_good_on_coadd", "fraction_good_se")]
    assert fractions == pytest.approx([46 / 80, 46 / 50, 76 / 80], rel=1e-15)


def test_tile_counts_are_sums(catalogue: Catalogue) -> None:
    catalogue.coadd()
    catalogue.epoch(10, flags=8, ccdnum=11, unique=(8, 6))
    catalogue.epoch(36, flags=1, ccdnum=12, unique=(9, 3))
    row = catalogue.row("tile_quality")
    names = ("n_pixels", "n_good", "n_on_coadd", "n_off_coadd", "n_se_seg", "only_se_seg", "n_unique", "n_good_unique")
    assert [row[name] for name in names] == [80, 46, 50, 30, 4, 4, 17, 9]


def test_tile_area_is_a_sum(catalogue: Catalogue) -> None:
    catalogue.coadd()
    catalogue.epoch(10, ccdnum=11)
    catalogue.epoch(36, ccdnum=12)
    assert catalogue.row("tile_quality")["area_good"] == pytest.approx(46 * PIXEL_AREA / 3600, rel=1e-12)


def test_area_of_images_is_what_its_old_name_says(catalogue: Catalogue) -> None:
    catalogue.coadd()
    for ccdnum, n_good_unique in ((11, 3), (12, 5)):
        catalogue.epoch(10, ccdnum=ccdnum, unique=(9, n_good_unique))
    epochs = [row["good_area_images_unique"] for row in catalogue.rows("epoch_quality")]
    assert sorted(epochs) == pytest.approx([n * PIXEL_AREA / 3600 for n in (3, 5)], rel=1e-12)
    tile = catalogue.row("tile_quality")
    assert tile["good_area_images_unique"] == tile["area_good_unique"] == pytest.approx(8 * PIXEL_AREA / 3600)


def test_tile_shows_the_coadds_own_counts(catalogue: Catalogue) -> None:
    catalogue.coadd(n_good=30)
    row = catalogue.row("tile_quality")
    assert (row["coadd_n_good"], row["coadd_n_seg"], row["coadd_fraction_good"]) == (30, 10, 0.75)


def test_tile_without_epochs_has_zero_of_them(catalogue: Catalogue) -> None:
    catalogue.coadd()
    row = catalogue.row("tile_quality")
    assert (row["n_epochs"], row["n_epochs_used"], row["n_epochs_stale"]) == (0, 0, 0)


def test_tile_without_epochs_has_null_counts(catalogue: Catalogue) -> None:
    catalogue.coadd()
    row = catalogue.row("tile_quality")
    assert (row["n_pixels"], row["n_good"], row["fraction_good"], row["area_good"]) == (None,) * 4


def test_fraction_on_coadd_is_null_where_nothing_is_on_it(catalogue: Catalogue) -> None:
    catalogue.coadd()
    catalogue.epoch(0, flags=8)
    assert catalogue.row("tile_quality")["fraction_good_on_coadd"] is None


def test_epoch_off_the_coadd_has_a_null_fraction(catalogue: Catalogue) -> None:
    catalogue.coadd()
    catalogue.epoch(0, flags=8)
    row = catalogue.row("epoch_quality")
    assert (row["fraction_good_on_coadd"], row["n_good"]) == (None, 0)


def test_tile_without_unique_region_has_null_unique_counts(catalogue: Catalogue) -> None:
    catalogue.coadd()
    catalogue.epoch(10)
    row = catalogue.row("tile_quality")
    assert (row["n_unique"], row["n_good_unique"], row["area_good_unique"]) == (None, None, None)


def test_epoch_without_se_seg_stays_out_of_its_tile(catalogue: Catalogue) -> None:
    catalogue.coadd()
    catalogue.epoch(10, ccdnum=11)
    catalogue.epoch(40, ccdnum=12, se_seg_used=False)
    row = catalogue.row("tile_quality")
    assert (row["n_epochs"], row["n_epochs_used"], row["n_pixels"], row["n_good"]) == (2, 1, 40, 10)


@pytest.mark.parametrize("view", ["ccd_quality", "exposure_quality"])
def test_epoch_without_se_seg_is_no_ccds(catalogue: Catalogue, view: str) -> None:
    catalogue.coadd()
    catalogue.epoch(40, se_seg_used=False)
    assert catalogue.rows(view) == []


def test_epoch_without_se_seg_has_a_row_with_null(catalogue: Catalogue) -> None:
    catalogue.coadd()
    catalogue.epoch(40, se_seg_used=False)
    row = catalogue.row("epoch_quality")
    assert (row["n_se_seg"], bool(row["se_seg_used"])) == (None, False)


def test_stale_epochs_are_counted(catalogue: Catalogue) -> None:
    catalogue.coadd()
    catalogue.epoch(10, ccdnum=11, stale=True)
    catalogue.epoch(10, ccdnum=12)
    assert catalogue.row("tile_quality")["n_epochs_stale"] == 1


def in_two_tiles(catalogue: Catalogue, n_good: int, n_good_other: int) -> None:
    catalogue.coadd()
    catalogue.coadd(OTHER_TILE)
    catalogue.epoch(n_good)
    catalogue.epoch(n_good_other, tilename=OTHER_TILE)


def test_ccd_of_two_tiles_counts_once(catalogue: Catalogue) -> None:
    in_two_tiles(catalogue, 30, 30)
    row = catalogue.row("ccd_quality")
    assert (row["n_tiles"], row["n_pixels"], row["n_good_se"], row["fraction_good_se"]) == (2, 40, 30, 0.75)


@pytest.mark.parametrize(("n_good", "disagree"), [(30, False), (29, True)])
def test_tiles_that_disagree_on_a_ccd_are_flagged(catalogue: Catalogue, n_good: int, disagree: bool) -> None:
    in_two_tiles(catalogue, 30, n_good)
    assert bool(catalogue.row("ccd_quality")["tiles_disagree"]) is disagree


def test_tiles_may_differ_in_what_concerns_the_coadd(catalogue: Catalogue) -> None:
    catalogue.coadd()
    catalogue.coadd(OTHER_TILE)
    catalogue.epoch(30, flags=8)
    catalogue.epoch(10, flags=16, tilename=OTHER_TILE)
    assert not catalogue.row("ccd_quality")["tiles_disagree"]


def test_null_header_fact_stays_null(catalogue: Catalogue) -> None:
    catalogue.coadd()
    catalogue.epoch(30)
    row = catalogue.row("ccd_quality")
    assert (row["airmass"], row["nite"]) == (None, 20151106)


def test_exposure_fraction_is_sum_over_sum(catalogue: Catalogue) -> None:
    in_two_tiles(catalogue, 30, 30)
    catalogue.epoch(6, ccdnum=12)
    row = catalogue.row("exposure_quality")
    assert (row["n_ccds"], row["n_pixels"], row["n_good_se"], row["fraction_good_se"]) == (2, 80, 36, 0.45)


def test_exposures_of_two_bands_are_apart(catalogue: Catalogue) -> None:
    catalogue.coadd()
    catalogue.epoch(6)
    catalogue.epoch(6, expnum=492769)
    assert sorted(row["expnum"] for row in catalogue.rows("exposure_quality")) == [492768, 492769]


def test_bit_quality_names_epoch_plane_and_bit(catalogue: Catalogue) -> None:
    catalogue.coadd()
    epoch_id = catalogue.epoch(30)
    catalogue.bit(epoch_id=epoch_id, coadd_id=None, plane="coadd", bit=0, name="NO_DATA", n_pixels=5)
    assert catalogue.row("bit_quality") == {
        "tilename": TILE,
        "band": "i",
        "expnum": 492768,
        "ccdnum": 11,
        "plane": "coadd",
        "bit": 0,
        "name": "NO_DATA",
        "n_pixels": 5,
    }


@pytest.mark.parametrize("view", ["tile_quality", "exposure_quality"])
def test_sums_are_whole_numbers(catalogue: Catalogue, view: str) -> None:
    catalogue.coadd()
    catalogue.epoch(30)
    assert type(catalogue.row(view)["n_pixels"]) is int


@pytest.mark.parametrize("owners", [(None, None), (1, 1)])
def test_bit_count_has_exactly_one_owner(catalogue: Catalogue, owners: tuple[int | None, int | None]) -> None:
    catalogue.coadd()
    catalogue.epoch(30)
    with pytest.raises(sa.exc.IntegrityError, match="one_owner"):
        catalogue.bit(epoch_id=owners[0], coadd_id=owners[1], plane="se", bit=0, name="BPM", n_pixels=5)
