"""Sky statistics that count each CCD image once, on tiles that overlap."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import goodpix
from goodpix.ingest.synthetic import RESIDUAL_LEVEL
from goodpix.query.background.dataset import SkyDataset

from .conftest import Run
from .neighbours import NEIGHBOUR, SELECTIONS, ingest_neighbours, make_neighbours
from .skyway import plain_statistics
from .survey import SPEC, Survey, records
from .test_background import wrong

LARGER = replace(SPEC, bands=("r",), coadd_shape=(400, 500), ccd_shape=(400, 200))
WIDE = goodpix.Selection(grow={"SE_SEG": 8, "COADD_SEG": 8})


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """Two larger tiles side by side that list the same CCD images, in one catalogue; nobody changes them."""
    return ingest_neighbours(*make_neighbours(tmp_path_factory.mktemp("larger"), LARGER))


def image_and_weight(survey: Survey, row: Any) -> tuple[Any, Any]:
    numbers = {each["expnum"]: k for k, each in enumerate(survey.info(row.band)["src_info"])}
    image, weight = (survey.plane(numbers[row.expnum], name, row.band) for name in ("image", "weight"))
    return image, weight


@pytest.mark.parametrize("name", SELECTIONS)
def test_statistics_are_those_of_the_merged_mask_by_numpy_and_astropy(name: str, neighbours: Survey) -> None:
    selection = SELECTIONS[name]
    # the first tile by name has other files with the same pixels
    second = Survey(neighbours.folder.parent.parent / "second" / "survey")
    with neighbours.catalogue() as catalogue:
        found = catalogue.background(selection, by="ccd")
        for row in records(found):
            good = catalogue.ccd_mask(row.band, row.expnum, row.ccdnum).good(selection)
            assert wrong(row, plain_statistics(*image_and_weight(second, row), good)) == {}
            assert row.n + row.n_not_finite == good.sum()
    assert len(found) == len(SPEC.bands) * SPEC.n_epochs
    assert found["n_tiles"].tolist() == [2] * len(found)
    assert "tilename" not in found


def test_by_epoch_each_tile_counts(neighbours: Survey) -> None:
    with neighbours.catalogue() as catalogue:
        found = catalogue.background(by="epoch")
        pd.testing.assert_frame_equal(found, catalogue.background())
    assert len(found) == 2 * len(SPEC.bands) * SPEC.n_epochs
    assert "n_tiles" not in found


def test_filters_choose_images_and_the_mask_is_of_every_tile(neighbours: Survey) -> None:
    with neighbours.catalogue() as catalogue:
        every = catalogue.background(by="ccd", statistics="median", band="r")
        for tilename in (NEIGHBOUR, SPEC.tilename):
            found = catalogue.background(by="ccd", statistics="median", band="r", tilename=tilename)
            pd.testing.assert_frame_equal(found, every)
        few = catalogue.background(by="ccd", statistics="median", min={"fraction_good": 0.3})
        epochs = catalogue.epochs(min={"fraction_good": 0.3})
        assert set(few["expnum"]) == set(epochs["expnum"])
        assert len(few) == len(epochs.drop_duplicates(["band", "expnum", "ccdnum"]))


def test_known_level_comes_out_within_its_error(larger: Survey) -> None:
    with larger.catalogue() as catalogue:
        (row,) = records(catalogue.compare_definitions({"wide": WIDE}))
        (by_epoch,) = records(catalogue.compare_definitions({"wide": WIDE}, by="epoch"))
    assert abs(row.level - RESIDUAL_LEVEL) < 2 * row.level_error
    assert row.level_error < 0.3
    assert row.n_images + row.n_left_out == LARGER.n_epochs
    assert by_epoch.n_images + by_epoch.n_left_out == 2 * LARGER.n_epochs
    assert row.n < by_epoch.n


def test_sliver_has_a_level_where_it_is_and_none_in_the_middle(larger: Survey) -> None:
    sliver = goodpix.Selection(border=96)  # 8 columns of 208 rows
    with larger.catalogue() as catalogue:
        found = catalogue.background(sliver, by="ccd")
        corner = catalogue.background(by="ccd", box=(50, 40))
    assert found["n"].between(1, 2000).all()
    assert found["plane_level"].isna().all()
    errors = found["level_error"].to_numpy()
    assert (np.abs(found["level"] - RESIDUAL_LEVEL) < 4 * errors + 3).all()
    # each box is measured by itself
    assert corner["plane_level"].notna().sum() > 100


def test_mask_width_counts_each_image_once(larger: Survey) -> None:
    with larger.catalogue() as catalogue:
        by_ccd = catalogue.mask_width(radii=[0, 4])
        by_epoch = catalogue.mask_width(radii=[0, 4], by="epoch")
        good = [
            catalogue.ccd_mask("r", row.expnum, row.ccdnum).count(WIDE_OF_4)
            for row in records(catalogue.ccds(band="r"))
            if larger.path(int(row.Index), "bkg").exists()
        ]
    assert by_ccd["n_images"].tolist() == [2, 2]
    assert by_epoch["n_images"].tolist() == [4, 4]
    assert by_ccd["n"].tolist()[1] == sum(good)


WIDE_OF_4 = goodpix.Selection(grow={"SE_SEG": 4, "COADD_SEG": 4})


def test_tile_that_is_added_later_makes_its_images_new(tmp_path: Path) -> None:
    first, second = make_neighbours(tmp_path)
    folder = tmp_path / "sky"
    goodpix.ingest_tiles([first.folder], db=first.database, masks=first.masks)
    with first.catalogue() as catalogue:
        assert catalogue.extend_background(folder, by="ccd", statistics=["median"]).n_measured == 6
        alone = catalogue.with_background(folder)
    goodpix.ingest_tiles([second.folder], db=first.database, masks=first.masks)
    with first.catalogue() as catalogue:
        assert catalogue.with_background(folder)["median"].isna().all()
        report = catalogue.extend_background(folder, statistics=["median"])
        assert (report.n_measured, report.n_known) == (6, 0)
        assert catalogue.extend_background(folder, statistics=["median"]).n_known == 6
        both = catalogue.with_background(folder, band="r")
        epochs = catalogue.epochs(band="r").sort_values("tilename")
    assert alone["n_tiles"].eq(1).all()
    assert both["n_tiles"].eq(2).all()
    assert both["median"].notna().all()
    for row in records(both):
        of_image = epochs[(epochs["expnum"] == row.expnum) & (epochs["ccdnum"] == row.ccdnum)]
        assert row.fingerprint == hashlib.sha256("".join(of_image["fingerprint"]).encode()).hexdigest()
    assert len(SkyDataset(folder).read()) == 12


def test_files_of_every_tile_must_be_those_of_the_ingest(tmp_path: Path) -> None:
    first, second = make_neighbours(tmp_path)
    ingest_neighbours(first, second)
    first.path(0, "weight").touch()
    with first.catalogue() as catalogue:
        found = catalogue.background(by="ccd", statistics=["median"], band="r")
        allowed = catalogue.background(by="ccd", statistics=["median"], band="r", allow_changed=True)
    assert found["n"].isna().tolist() == [True, False, False]
    assert found["problem"][0].startswith("files have changed since the ingest")
    assert allowed["n"].notna().all()


def test_command_counts_each_image_once_unless_told(neighbours: Survey, cli: Run) -> None:
    lines = {
        by: cli("sky", "--db", neighbours.database, *by, "--statistic", "gradient", "--format", "csv").lines
        for by in ((), ("--by", "ccd"), ("--by", "epoch"))
    }
    assert all(not each for each in lines.values())
    done = [cli("sky", "--db", neighbours.database, *by, "--format", "csv").out.splitlines() for by in lines]
    assert [len(each) - 1 for each in done] == [6, 6, 12]
    assert done[0] == done[1]


def test_sky_brightness_has_the_zero_point_of_the_info_file(neighbours: Survey) -> None:
    with neighbours.catalogue() as catalogue:
        found = catalogue.background(by="ccd", statistics=["median"])
        epochs = catalogue.epochs().drop_duplicates(["band", "expnum", "ccdnum"])
    joined = found.merge(epochs, on=["band", "expnum", "ccdnum"], suffixes=("", "_of_epoch"))
    expected = joined["magzp"] - 2.5 * np.log10(joined["skybrite"] / joined["pixel_area"])
    np.testing.assert_allclose(joined["mu_sky"], expected, rtol=1e-12)
    np.testing.assert_allclose(joined["zero_point"], joined["magzp"])
