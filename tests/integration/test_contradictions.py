"""Ingests that contradict the catalogue or themselves exit 2 and name both sides."""

import re
import shutil
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

import goodpix

from .survey import SPEC, Survey, epochs

# Contradictions exit 2 and name both sides.


def refused(survey: Survey, *says: str, **options: Any) -> None:
    """Check that an ingest is refused in one line that says all of that, and changes nothing."""
    before = epochs(survey) if survey.database.exists() else None
    with pytest.raises(goodpix.GoodpixError, match="".join(f"(?=.*{each})" for each in says)):
        survey.ingest(**options)
    if before is not None:
        pd.testing.assert_frame_equal(epochs(survey), before)


def test_two_info_files_of_one_tile_and_band_are_refused(survey: Survey) -> None:
    second = survey.info_path().with_name("second_pizza_cutter_info.yaml")
    shutil.copy(survey.info_path(), second)
    refused(survey, re.escape(survey.info_path().name), re.escape(second.name), SPEC.tilename, "band r")


def test_two_campaigns_are_refused(survey: Survey) -> None:
    other = survey.folder / "des-pizza-slices-y6-v9" / "pizza_cutter_info"
    other.mkdir(parents=True)
    survey.info_path("i").rename(other / survey.info_path("i").name)
    refused(survey, re.escape(SPEC.campaign), "des-pizza-slices-y6-v9")


def test_another_campaign_than_the_catalogues_is_refused(stored: Survey) -> None:
    (stored.folder / SPEC.campaign).rename(stored.folder / "des-pizza-slices-y6-v9")
    refused(stored, re.escape(SPEC.campaign), "des-pizza-slices-y6-v9")


def test_files_that_cannot_be_used_fix_no_campaign(survey: Survey) -> None:
    wrong = survey.folder / "elsewhere" / "info" / "notes.yaml"
    wrong.parent.mkdir(parents=True)
    wrong.write_text("a page of text")
    report = goodpix.ingest_tiles(wrong, db=survey.database, masks=survey.masks)
    assert (report.n_failures, report.campaign) == (1, "elsewhere")
    assert (survey.ingest().n_failures, len(epochs(survey))) == (0, 6)
    with survey.catalogue() as catalogue:
        assert catalogue.info()["campaign"] == SPEC.campaign
        assert catalogue.failures().path.tolist() == [str(wrong)]


def test_another_wcs_source_than_the_catalogues_is_refused(stored: Survey) -> None:
    refused(stored, "scamp", "image", wcs_source="scamp")


def test_another_masks_root_is_refused(stored: Survey) -> None:
    other = stored.masks.with_name("other-masks")
    refused(stored, re.escape(str(other)), re.escape(str(stored.masks)), masks=other)
    assert not other.exists()


def test_masks_root_of_another_catalogue_is_refused(stored: Survey) -> None:
    with pytest.raises(goodpix.GoodpixError, match=r"masks root .* belongs to catalogue"):
        stored.ingest(db=stored.database.with_name("other.db"))


def test_wcs_source_that_does_not_exist_is_refused(stored: Survey) -> None:
    with pytest.raises(goodpix.GoodpixError, match="wcs_source is 'gaia': expected image or scamp"):
        stored.ingest(wcs_source="gaia")


@pytest.mark.parametrize("options", [["--wcs", "scamp"], ["--masks", "other"]], ids=["wcs", "masks"])
def test_contradiction_exits_2_in_one_line(options: list[str], stored: Survey, cli: Callable[..., Any]) -> None:
    done = cli("ingest", stored.folder, "--db", stored.database, *options)
    assert (done.status, len(done.lines), done.out) == (2, 1, "")
