"""An ingest with SCAMP's solutions."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from goodpix.ingest.synthetic import SCAMP_SHIFT

from .survey import SPEC, Survey, epochs, failures

# SCAMP's solution.


@pytest.fixture(scope="module")
def scamp(small_tile: Path, tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """A catalogue with SCAMP's solutions, of the epochs that have one; nobody changes it."""
    survey = Survey(tmp_path_factory.mktemp("scamp") / "survey")
    shutil.copytree(small_tile, survey.folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDS_DIR", os.fspath(survey.folder))
        survey.ingest(wcs_source="scamp")
    return survey


def test_scamp_epochs_without_head_fail(scamp: Survey) -> None:
    assert failures(scamp).failure_key.tolist() == [
        f"{scamp.info_path(band)}#{scamp.name(1, band)}" for band in sorted(SPEC.bands)
    ]


def test_scamp_masks_differ_from_the_images(scamp: Survey, ingested: Survey) -> None:
    before = ingested.flags()
    assert any(not np.array_equal(flags, before[key]) for key, flags in scamp.flags().items())


@pytest.mark.parametrize("number", [0, 2])
def test_scamp_masks_equal_the_direct_way(number: int, scamp: Survey) -> None:
    assert scamp.check(number).equal


@pytest.mark.parametrize("source", ["image", "scamp"])
def test_wcs_delta_is_scamps_shift_where_there_is_a_head(source: str, survey: Survey) -> None:
    for band in SPEC.bands:
        with survey.editing(band) as info:
            del info["src_info"][1]
    survey.ingest(wcs_source=source)
    assert epochs(survey).wcs_delta_pix.tolist() == pytest.approx([SCAMP_SHIFT] * 4, rel=0.02)


def test_wcs_delta_is_null_where_there_is_no_head(ingested: Survey) -> None:
    found = epochs(ingested).query("wcs_delta_pix.isna()")
    assert set(zip(found.expnum, found.ccdnum, strict=True)) == {
        (ingested.epoch(1, band)["expnum"], ingested.epoch(1, band)["ccdnum"]) for band in SPEC.bands
    }
