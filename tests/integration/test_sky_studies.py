"""What the good pixels are for: is the mask wide enough, what definitions leave, background maps."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from photutils.background import Background2D, MedianBackground

import goodpix
from goodpix.ingest.synthetic import RESIDUAL_LEVEL, make_tile
from goodpix.query.background.definitions import DEFINITION_COLUMNS
from goodpix.query.background.maskwidth import WIDTH_COLUMNS
from goodpix.query.plots import plot_definitions, plot_mask_width
from goodpix.schema.errors import FitsFileError, InputChangedError, MaskNotFoundError, UsageError

from ..pictures import within_its_figure
from .survey import SPEC, Pixels, Survey, break_card, records

Selection = goodpix.Selection

LARGER = replace(SPEC, coadd_shape=(400, 500), ccd_shape=(400, 200), density=38.0)
RADII = (0, 1.5, 3, 8, 16.5)
BASE = Selection(ignore_bits={"SE": ["STREAK"]}, border=4)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """A larger tile and its catalogue; nobody changes them."""
    found = Survey(tmp_path_factory.mktemp("larger") / "survey")
    make_tile(found.folder, LARGER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDS_DIR", os.fspath(found.folder))
        found.ingest()
    return found


@pytest.fixture
def larger(made: Survey, monkeypatch: pytest.MonkeyPatch) -> Survey:
    monkeypatch.setenv("MEDS_DIR", os.fspath(made.folder))
    return made


def residuals(survey: Survey, catalogue: goodpix.Catalogue, band: str, selection: Selection) -> tuple[Pixels, int]:
    """Return (image - bkg) / skysigma of the good pixels of a band's epochs that have a background, and how many."""
    found = []
    for number, mask in enumerate(catalogue.masks(band=band)):
        if survey.path(number, "bkg", band).exists():
            residual = survey.plane(number, "image", band) - survey.plane(number, "bkg", band)
            assert mask.row is not None
            found.append(residual[mask.good(selection)].astype(float) / mask.row["skysigma"])
    return np.concatenate(found), len(found)


# Is the mask wide enough?


@pytest.mark.parametrize("base", [Selection(), BASE], ids=str)
def test_median_is_that_of_the_pixels_for_every_radius(larger: Survey, base: Selection) -> None:
    with larger.catalogue() as catalogue:
        found = catalogue.mask_width(base, radii=RADII)
        for row in records(found):
            grown = replace(base, grow={"SE_SEG": row.radius, "COADD_SEG": row.radius})
            values, n_epochs = residuals(larger, catalogue, row.band, grown)
            assert (row.n, row.n_images, row.n_left_out) == (values.size, n_epochs, 1)
            low, middle, high = np.percentile(values, (16, 50, 84))
            assert row.median == pytest.approx(middle, abs=0.003)
            assert row.scatter == pytest.approx((high - low) / 2, abs=0.005)
            # at least that of independent pixels
            assert row.median_error >= 0.95 * 1.2533 * row.scatter / np.sqrt(row.n)
            assert row.selection == str(base)
    assert found.columns.tolist() == list(WIDTH_COLUMNS)
    assert found["band"].tolist() == ["i"] * len(RADII) + ["r"] * len(RADII)
    assert found["radius"].tolist() == list(RADII) * 2


def test_wings_of_objects_show_until_the_mask_is_wide(larger: Survey) -> None:
    with larger.catalogue() as catalogue:
        found = catalogue.mask_width(radii=RADII)
    for band in LARGER.bands:
        narrow, *_, wide = records(found[found["band"] == band])
        assert narrow.n > wide.n > 1000
        # the wings differ from image to image, which the error counts: against the noise of the pixels they are sure
        assert narrow.median > 4 * 1.2533 * narrow.scatter / np.sqrt(narrow.n)
        assert narrow.median > abs(wide.median)
        assert abs(wide.median) < 4 * wide.median_error


def test_one_criterion_can_grow_alone_and_without_a_background(larger: Survey) -> None:
    with larger.catalogue() as catalogue:
        found = catalogue.mask_width(radii=[0, 5], grow=["SE:EDGE"], subtract_background=False, band="r")
        counts = catalogue.epochs(selection=Selection(grow={"SE:EDGE": 5}), band="r")
    assert found["n_images"].tolist() == [LARGER.n_epochs] * 2
    assert found["n"].tolist()[1] == counts["n_good"].sum() < found["n"].tolist()[0]
    assert found["median"].gt(0.1).all()
    assert not found["bkg_subtracted"].any()
    assert plot_mask_width(found).get_ylabel() == "median of good image / skysigma"


def test_width_is_the_same_whoever_measures(larger: Survey) -> None:
    with larger.catalogue() as catalogue, ThreadPoolExecutor(2) as threads:
        alone = catalogue.mask_width(radii=[0, 4])
        pd.testing.assert_frame_equal(catalogue.mask_width(radii=[4, 0], executor=threads), alone)
        assert catalogue.mask_width(radii=[0], band="u").empty


def test_epochs_that_cannot_be_used_are_left_out_of_a_width(stored: Survey, caplog: pytest.LogCaptureFixture) -> None:
    break_card(stored.path(0, "image"), "SCI", "SKYSIGMA", None)
    stored.set_entry(1, {"seg_path": ...})
    stored.ingest(allow_missing_se_seg=True)
    with stored.catalogue() as catalogue:
        found = catalogue.mask_width(radii=[0, 1], band="r")
        assert found["n_left_out"].tolist() == [3, 3]
        assert found["median"].isna().all()
        ignored = Selection(ignore=["SE_SEG"])
        assert catalogue.mask_width(ignored, radii=[0], grow=["COADD_SEG"], band="r")["n_images"].tolist() == [1]
    for text in ("skysigma is None", "no SE segmentation map", "bkg.fits.fz"):
        assert text in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"radii": []}, "radii are"),
        ({"radii": [-1, 3]}, "expected pixels, 0 to 1000"),
        ({"radii": ["wide"]}, "expected numbers of pixels"),
        ({"grow": []}, "grow is empty"),
        ({"grow": ["SE_SEGG"]}, "did you mean SE_SEG"),
        ({"selection": Selection(ignore=["SE_SEG"])}, "there is nothing to grow"),
        ({"selection": Selection(grow={"SE_SEG": 2})}, "SE_SEG is already grown by the selection"),
    ],
)
def test_width_that_makes_no_sense_is_refused(ingested: Survey, options: dict[str, Any], message: str) -> None:
    with ingested.catalogue() as catalogue, pytest.raises(UsageError, match=message):
        catalogue.mask_width(**options)


def test_picture_of_widths_has_a_line_for_each_band(larger: Survey) -> None:
    with larger.catalogue() as catalogue:
        widths = catalogue.mask_width(BASE, radii=[0, 4, 8])
    axes = plot_mask_width(widths)
    assert axes.get_title(loc="left").splitlines()[-1] == f"selection: {BASE}"
    legend = axes.get_legend()
    assert legend is not None
    assert [each.get_text().partition(",")[0] for each in legend.get_texts()] == ["r: 2 images", "i: 2 images"]
    assert "skysigma" in axes.get_ylabel()
    assert within_its_figure(plot_mask_width(widths.assign(selection=", ".join(["ignore SE:STREAK"] * 12))))


def test_picture_of_nothing_says_so(larger: Survey) -> None:
    with larger.catalogue() as catalogue:
        left_out = catalogue.mask_width(radii=[0], expnum=201002)
        none = catalogue.compare_definitions({"one": None}, band="Y")
    for axes in (plot_mask_width(left_out), plot_definitions(none)):
        assert [each.get_text() for each in axes.texts] == ["no image matches, or none is usable"]


# What definitions leave.


def test_definitions_are_compared_by_their_epochs(larger: Survey) -> None:
    definitions = {"stored": None, "wide": Selection(grow={"SE_SEG": 8, "COADD_SEG": 8}), "none": Selection(border=400)}
    with larger.catalogue() as catalogue:
        found = catalogue.compare_definitions(definitions)
        for row in records(found):
            rows = catalogue.background(definitions[row.definition], by="ccd", band=row.band)
            assert row.n == rows["n"].sum()
            assert row.fraction == rows["n"].sum() / rows["n_pixels"].sum()
            assert (row.unit, row.calibrated, row.bkg_subtracted) == ("ADU", False, False)
            if row.definition != "none":
                levels = rows.dropna(subset="plane_level")
                assert row.n_images == len(levels) == 2
                weights = 1 / (levels["plane_level_error"] ** 2 + row.scatter**2)
                assert row.level == pytest.approx((weights * levels["plane_level"]).sum() / weights.sum())
                assert row.level_error == pytest.approx(weights.sum() ** -0.5)
    assert found.columns.tolist() == list(DEFINITION_COLUMNS)
    none = found[found["definition"] == "none"]
    assert (none["n_images"].tolist(), none["n_left_out"].tolist()) == ([0, 0], [3, 3])
    assert none["level"].isna().all()
    assert (none["n"].tolist(), none["fraction"].tolist()) == ([0, 0], [0, 0])
    for band in LARGER.bands:
        stored, wide, _ = records(found[found["band"] == band].set_index("definition").loc[list(definitions)])
        assert stored.fraction > wide.fraction > 0
        assert abs(wide.level - RESIDUAL_LEVEL) < abs(stored.level - RESIDUAL_LEVEL)


def test_picture_of_definitions_has_a_point_for_each(larger: Survey) -> None:
    with larger.catalogue() as catalogue:
        found = catalogue.compare_definitions({"one": None, "two": BASE}, band="r")
        with pytest.raises(UsageError, match="definitions is empty"):
            catalogue.compare_definitions({})
    axes = plot_definitions(found, truth=RESIDUAL_LEVEL, unit="ADU")
    assert [each.get_text() for each in axes.texts] == ["one", "two"]
    assert axes.get_ylabel() == "residual level (ADU)"
    legend = axes.get_legend()
    assert legend is not None
    assert "known: 2.5" in [each.get_text() for each in legend.get_texts()]


# Background maps.


def first_epoch(survey: Survey) -> tuple[str, str, int, int]:
    entry = survey.epoch(0)
    return LARGER.tilename, "r", entry["expnum"], entry["ccdnum"]


def test_map_is_that_of_photutils_with_bad_pixels_masked(larger: Survey) -> None:
    wide = Selection(grow={"SE_SEG": 4})
    with larger.catalogue() as catalogue:
        found = catalogue.background_map(*first_epoch(larger), wide, box=(50, 40), filter_size=(1, 1))
        bad = catalogue.mask(*first_epoch(larger)).bad(wide)
    image = larger.plane(0, "image")
    expected = Background2D(image, (50, 40), mask=bad, exclude_percentile=90, filter_size=(1, 1))
    assert np.array_equal(found.background, expected.background)
    assert np.array_equal(found.rms, expected.background_rms)
    # what is masked has no say
    spoilt = Background2D(np.where(bad, 1e6, image), (50, 40), mask=bad, exclude_percentile=90, filter_size=(1, 1))
    np.testing.assert_allclose(found.background, spoilt.background, rtol=1e-4)
    assert np.array_equal(found.good, ~bad)
    assert (found.bunit, found.skybrite is not None, found.skysigma is not None) == ("ADU", True, True)


def test_map_is_compared_with_the_surveys_own(larger: Survey) -> None:
    wide = Selection(grow={"SE_SEG": 8, "COADD_SEG": 8})
    with larger.catalogue() as catalogue:
        found = catalogue.background_map(*first_epoch(larger), wide, box=50, bkg_estimator=MedianBackground())
    bkg = larger.plane(0, "bkg")
    assert found.survey is not None
    assert np.array_equal(found.survey, bkg)
    assert np.array_equal(found.difference, found.background - bkg)
    of_good, of_all = records(found.compare())
    difference = found.difference[found.good].astype(float)
    assert (of_good.Index, of_good.n, of_all.Index, of_all.n) == ("good", found.good.sum(), "all", bkg.size)
    assert of_good.mean == pytest.approx(difference.mean())
    assert of_good.std == pytest.approx(difference.std())
    assert of_good.median == np.median(difference)
    assert found.skysigma is not None
    assert of_good.mean_in_sigma == pytest.approx(difference.mean() / found.skysigma)
    # the survey's map is the known residual
    assert abs(of_good.mean) < 0.5
    assert of_good.greatest - of_good.least < 8


def test_map_without_one_of_the_survey_is_a_map(larger: Survey) -> None:
    entry = larger.epoch(2)
    with larger.catalogue() as catalogue:
        found = catalogue.background_map(LARGER.tilename, "r", entry["expnum"], entry["ccdnum"], box=50)
    assert found.background.shape == LARGER.ccd_shape
    assert found.survey is None
    for ask in (lambda: found.difference, found.compare):
        with pytest.raises(FitsFileError, match=r"no survey background map to compare with: .*no such file"):
            ask()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"selection": Selection(border=200)}, "the selection border 200 leaves no good pixel"),
        ({"exclude_percentile": 500}, "photutils failed to make a map: .*exclude_percentile"),
        ({"colour": 3}, "photutils failed to make a map: .*colour"),
        ({"mask": None}, "mask comes from the catalogue"),
    ],
)
def test_map_that_cannot_be_made_is_an_error(larger: Survey, options: dict[str, Any], message: str) -> None:
    with larger.catalogue() as catalogue, pytest.raises(UsageError, match=message):
        catalogue.background_map(*first_epoch(larger), **options)


def test_map_of_changed_or_unknown_files_is_an_error(stored: Survey) -> None:
    entry = stored.epoch(0)
    key = (SPEC.tilename, "r", entry["expnum"], entry["ccdnum"])
    os.utime(stored.path(0, "image"), ns=(1, 1))
    with stored.catalogue() as catalogue:
        with pytest.raises(InputChangedError, match=f"epoch {stored.name(0)} .*--allow-changed"):
            catalogue.background_map(*key)
        assert catalogue.background_map(*key, box=32, allow_changed=True).background.shape == SPEC.ccd_shape
        with pytest.raises(MaskNotFoundError):
            catalogue.background_map(SPEC.tilename, "r", 1, 1)


def test_without_photutils_a_line_says_what_to_install(ingested: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "photutils"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "photutils", None)
    entry = ingested.epoch(0)
    with ingested.catalogue() as catalogue, pytest.raises(UsageError, match="photutils is not installed: pip install"):
        catalogue.background_map(SPEC.tilename, "r", entry["expnum"], entry["ccdnum"])


def test_truth_lies_beside_the_info_file(larger: Survey) -> None:
    found = sorted(path.name for path in larger.info_path().parent.iterdir() if path.suffix == ".json")
    assert found == [f"{LARGER.tilename}_{band}_sky_truth.json" for band in ("i", "r")]
    assert Path(larger.info_path()).exists()
