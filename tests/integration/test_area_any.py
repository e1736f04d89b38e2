"""The sky area of a tile that is good in at least one epoch, as the catalogue keeps it."""

import shutil
from pathlib import Path
from typing import Any

import hpgeom
import numpy as np
import pyarrow.parquet as pq
import pytest

import goodpix
from goodpix.ingest.images.goodcover import COVER_NSIDE

from .damage import all_rows, change, flip_mask, mask_path
from .neighbours import by_astropy, inside_region, nearest
from .survey import SPEC, Survey, records, rewrite
from .test_frozen import FROZEN

TILE = SPEC.tilename
PER_CENTRE = float(hpgeom.nside_to_pixel_area(COVER_NSIDE, degrees=True)) * 3600


def areas(survey: Survey) -> dict[str, Any]:
    with survey.catalogue() as catalogue:
        return {row.band: row.area_good_any_unique for row in records(catalogue.tiles())}


def plain(catalogue: goodpix.Catalogue, tile: str, band: str) -> float:
    """Return the area of the centres in a good pixel of an epoch with SE segmentation, by hpgeom and astropy."""
    coadd: Any = catalogue.mask(tile, band).row
    good = [np.empty(0, np.int64)]
    for mask in catalogue.masks(tilename=tile, band=band):
        row: Any = mask.row
        if not row["se_seg_used"]:
            continue
        hpix = hpgeom.query_circle(COVER_NSIDE, row["ra_cent"], row["dec_cent"], 60 / 3600, nest=True)
        sky = np.array(hpgeom.pixel_to_angle(COVER_NSIDE, hpix, nest=True))
        x, y = nearest(np.array(by_astropy(row).all_world2pix(*sky, 1)) - row["position_offset"])
        held = (x >= 0) & (x < row["nx"]) & (y >= 0) & (y < row["ny"]) & inside_region(coadd, sky)
        good.append(hpix[held][mask.flags()[y[held], x[held]] == 0])
    return np.unique(np.concatenate(good)).size * PER_CENTRE


def test_area_equals_the_plain_way_in_tiles_that_overlap(neighbours: Survey) -> None:
    with neighbours.catalogue() as catalogue:
        tiles = records(catalogue.tiles())
        for row in tiles:
            expected = plain(catalogue, row.tilename, row.band)
            assert row.area_good_any_unique == pytest.approx(expected, rel=1e-12)
            assert 0 < row.area_good_any_unique < row.good_area_images_unique
            # at centres elsewhere: some 200 of these, and as many pixels along the edges of what is good
            close = catalogue.sky_area(tilename=row.tilename, band=row.band)
            assert row.area_good_any_unique == pytest.approx(close, rel=0.1)
    assert len(tiles) == 4


def test_ingest_in_another_order_gives_the_same_area(stored: Survey, tmp_path: Path) -> None:
    before = areas(stored)
    with stored.editing() as info:
        info["src_info"] = info["src_info"][::-1]
    goodpix.ingest_tiles(stored.folder, db=tmp_path / "other.db", masks=tmp_path / "other", workers=2)
    assert areas(Survey(tmp_path / "stored" / "survey")) == before
    with goodpix.Catalogue(tmp_path / "other.db") as catalogue:
        assert dict(zip(catalogue.tiles().band, catalogue.tiles().area_good_any_unique, strict=True)) == before


def test_epoch_that_comes_and_goes_changes_the_area_and_brings_it_back(stored: Survey) -> None:
    before = areas(stored)
    with stored.editing() as info:
        entry = info["src_info"].pop(1)
    stored.ingest()
    with stored.catalogue() as catalogue:
        assert areas(stored)["r"] == pytest.approx(plain(catalogue, TILE, "r"), rel=1e-12)
    assert areas(stored)["r"] < before["r"]
    assert areas(stored)["i"] == before["i"]
    with stored.editing() as info:
        info["src_info"].insert(1, entry)
    stored.ingest()
    assert areas(stored) == before


def test_epoch_that_changes_changes_the_area(stored: Survey) -> None:
    for number in range(SPEC.n_epochs):
        rewrite(stored.path(number, "image"), {"msk": np.ones_like(stored.plane(number, "bmask"))})
    stored.ingest()
    assert areas(stored)["r"] == 0.0
    assert areas(stored)["i"] > 0


def test_ingest_without_changes_changes_nothing(stored: Survey) -> None:
    rows, files = all_rows(stored.database), {path: path.read_bytes() for path in stored.masks.rglob("*.parquet")}
    assert stored.ingest().n_epochs == 0
    assert all_rows(stored.database) == rows
    assert {path: path.read_bytes() for path in stored.masks.rglob("*.parquet")} == files


def test_epoch_without_segmentation_does_not_count(stored: Survey) -> None:
    before = areas(stored)["r"]
    stored.set_entry(0, {"seg_path": ...})
    stored.ingest(allow_missing_se_seg=True)
    with stored.catalogue() as catalogue:
        assert areas(stored)["r"] == pytest.approx(plain(catalogue, TILE, "r"), rel=1e-12)
    assert areas(stored)["r"] < before


def test_tile_without_a_unique_region_has_null(stored: Survey) -> None:
    stored.set_entry(None, {"udecmax": ...})
    stored.ingest()
    assert np.isnan(areas(stored)["r"])
    assert areas(stored)["i"] > 0
    assert goodpix.verify(stored.database).ok


def test_rebuild_has_the_same_area(stored: Survey) -> None:
    before = areas(stored)
    stored.database.unlink()
    goodpix.rebuild(stored.database, stored.masks)
    assert areas(stored) == before


@pytest.mark.parametrize("value", ["0.5", "NULL"])
def test_area_that_differs_from_that_in_the_file_is_found_and_mended(value: str, stored: Survey) -> None:
    before = areas(stored)
    change(stored, f"UPDATE coadd SET area_good_any_unique = {value} WHERE band = 'r'")
    (problem,) = goodpix.verify(stored.database).problems
    shown = value.lower()
    assert problem.message.startswith(f"area_good_any_unique is {shown}, but {before['r']} in the mask file")
    assert goodpix.verify(stored.database, repair=True).ok
    assert areas(stored) == before


@pytest.mark.parametrize("repaired", [True, False], ids=["verify --repair", "rebuild"])
def test_area_is_null_while_an_epoch_is_lost(repaired: bool, stored: Survey) -> None:
    before = areas(stored)
    flip_mask(stored, 1)
    if repaired:
        goodpix.verify(stored.database, repair=True)
    else:
        goodpix.rebuild(stored.database, stored.masks, force=True)
    assert np.isnan(areas(stored)["r"])
    assert areas(stored)["i"] == before["i"]
    assert goodpix.verify(stored.database).ok
    stored.ingest()
    assert areas(stored) == before


def test_catalogue_of_version_1_has_null_until_its_masks_are_written_again(tmp_path: Path) -> None:
    copy = tmp_path / "catalogue"
    shutil.copytree(FROZEN, copy)
    database = copy / "goodpix.db"
    with goodpix.Catalogue(database) as catalogue:
        assert catalogue.tiles().area_good_any_unique.isna().all()
    goodpix.upgrade(database)
    with goodpix.Catalogue(database) as catalogue:
        assert catalogue.tiles().area_good_any_unique.isna().all()
    assert goodpix.verify(database).ok


def test_mask_file_says_the_area(stored: Survey) -> None:
    metadata = pq.ParquetFile(mask_path(stored)).metadata.metadata
    assert float(metadata[b"goodpix.area_good_any_unique"]) == areas(stored)["r"]
