"""SQLite and Postgres answer alike."""

import os
from pathlib import Path

import pandas as pd
import pytest

import goodpix

from .survey import SPEC, Survey, change_image

# SQLite and Postgres answer alike.


@pytest.fixture(scope="module")
def both(module_database_url: str, small_tile: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a catalogue of the small tile, in either database; nobody changes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDS_DIR", os.fspath(small_tile))
        Survey(small_tile).ingest(db=module_database_url, masks=tmp_path_factory.mktemp("both") / "masks")
    return module_database_url


@pytest.mark.parametrize("table", ["epochs", "tiles", "ccds", "exposures", "bits", "failures"])
def test_both_databases_give_the_same_answer(table: str, both: str, ingested: Survey) -> None:
    with goodpix.Catalogue(both) as found, ingested.catalogue() as expected:
        pd.testing.assert_frame_equal(getattr(found, table)(), getattr(expected, table)())


def test_both_databases_give_back_the_masks(both: str, ingested: Survey) -> None:
    with goodpix.Catalogue(both) as found, ingested.catalogue() as expected:
        for a, b in zip(found.masks(), expected.masks(), strict=True):
            assert (a.key, a.encoded.checksum) == (b.key, b.encoded.checksum)


def test_both_databases_check_against_the_direct_way(both: str, ingested: Survey) -> None:
    entry = ingested.epoch(0)
    assert goodpix.check_mask(both, SPEC.tilename, "r", entry["expnum"], entry["ccdnum"]).equal


@pytest.mark.parametrize(
    "query",
    ["DELETE FROM epoch", "WITH a AS (DELETE FROM epoch RETURNING 1) SELECT * FROM a", "SELECT 1; DROP TABLE failure"],
)
def test_both_databases_refuse_a_query_that_writes(query: str, both: str) -> None:
    with goodpix.Catalogue(both) as catalogue:
        with pytest.raises(goodpix.GoodpixError, match="the query"):
            catalogue.sql(query)
        assert len(catalogue.epochs()) == 6


def test_both_databases_refuse_another_masks_root(both: str, survey: Survey) -> None:
    with pytest.raises(goodpix.GoodpixError, match=r"masks root is .*other.* was made with"):
        survey.ingest(db=both, masks=survey.masks.with_name("other"))


def test_both_databases_follow_what_changes(database_url: str, survey: Survey) -> None:
    survey.ingest(db=database_url)
    assert survey.ingest(db=database_url).n_unchanged == 6
    change_image(survey)
    survey.path(2, "seg").unlink()
    with survey.editing() as info:
        del info["src_info"][1]
    report = survey.ingest(db=database_url)
    assert (report.n_epochs, report.n_dropped, report.n_failures) == (1, 1, 1)
    with goodpix.Catalogue(database_url) as catalogue:
        assert catalogue.epochs(band="r").stale.tolist() == [False, True]
        assert catalogue.failures().expnum.tolist() == [survey.epoch(1)["expnum"]]
