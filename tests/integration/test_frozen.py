"""A catalogue made by goodpix 0.1.0, which every later version must read.

Its masks and their flags never change; ``expected.json`` holds the good pixels and the sha256 of the
flags image (int64, little-endian, row by row) of each.
"""

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import goodpix
from goodpix.query.background.dataset import SkyDataset
from goodpix.query.background.skyrow import By
from goodpix.schema.errors import AmbiguousInputError, CatalogueError, UsageError

from .conftest import Run

FROZEN = Path(__file__).resolve().parents[1] / "data" / "catalogue_v1"
SKY = FROZEN.with_name("sky_v1")
EXPECTED = json.loads((FROZEN / "expected.json").read_text())


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """Return the database of a copy, so that reading cannot change the original."""
    return Path(shutil.copytree(FROZEN, tmp_path / "catalogue")) / "goodpix.db"


def test_every_mask_of_a_catalogue_of_version_1_reads_as_it_was_written(frozen: Path) -> None:
    with goodpix.Catalogue(frozen) as catalogue:
        found = {
            f"{mask.key.band} {mask.key.name}": {
                "good": int(mask.good().sum()),
                "sha256": hashlib.sha256(np.ascontiguousarray(mask.flags(), "<i8").tobytes()).hexdigest(),
            }
            for kind in ("epoch", "coadd")
            for mask in catalogue.masks(kind=kind)
        }
    assert found == EXPECTED


def test_rows_of_a_catalogue_of_version_1_count_what_its_masks_hold(frozen: Path) -> None:
    with goodpix.Catalogue(frozen) as catalogue:
        epochs = catalogue.epochs()
    found = {f"{row.band} {row.expnum}/{row.ccdnum}": row.n_good for row in epochs.itertuples()}
    assert found == {name: each["good"] for name, each in EXPECTED.items() if "coadd" not in name}


@pytest.mark.parametrize("view", ["tiles", "ccds", "exposures", "bits", "failures"])
def test_views_of_a_catalogue_of_version_1_answer(frozen: Path, view: str) -> None:
    with goodpix.Catalogue(frozen) as catalogue:
        assert getattr(catalogue, view)().empty == (view == "failures")


def test_columns_added_since_are_null(frozen: Path) -> None:
    with goodpix.Catalogue(frozen) as catalogue:
        assert catalogue.epochs()[["planes_checked", "profile", "se_fingerprint"]].isna().all(axis=None)
        assert [mask.row["files"] for mask in catalogue.masks() if mask.row] == [None] * 6
        assert catalogue.tiles().area_good_any_unique.isna().all()
        assert catalogue.info()["format_version"] == 1


@pytest.mark.parametrize(
    ("view", "filters"),
    [
        ("epochs", {"min": {"src_index": 0}}),
        ("epochs", {"where": "src_index = 4"}),
        ("ccds", {"max": {"moon_altitude": 0}}),
        ("tiles", {"min": {"good_area_images_unique": 0}}),
        ("masks", {"min": {"src_index": 0}}),
    ],
)
def test_filter_by_a_column_added_since_names_the_upgrade(frozen: Path, view: str, filters: dict[str, Any]) -> None:
    hint = r"no such column: \w+\.\w+ \(goodpix db upgrade adds columns that are newer than the catalogue\)$"
    with goodpix.Catalogue(frozen) as catalogue, pytest.raises(CatalogueError, match=hint):
        list(getattr(catalogue, view)(**filters))


def test_filter_by_a_column_added_since_works_after_the_upgrade(frozen: Path) -> None:
    goodpix.upgrade(frozen)
    with goodpix.Catalogue(frozen) as catalogue:
        assert len(catalogue.ccds(min={"moon_altitude": -90})) == len(catalogue.ccds()) > 0


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT src_index FROM epoch_quality", "no such column: src_index: goodpix db upgrade adds it"),
        ("SELECT e.src_index FROM epoch AS e", "no such column: e.src_index: goodpix db upgrade adds it"),
        ("SELECT * FROM obscore", "no such table: obscore: goodpix db upgrade adds it"),
        ("SELECT nonsense FROM epoch_quality", "no such column: nonsense"),
    ],
)
def test_query_for_what_was_added_since_names_the_upgrade(frozen: Path, query: str, message: str) -> None:
    with (
        goodpix.Catalogue(frozen) as catalogue,
        pytest.raises(UsageError, match=f"^the query cannot be run: {re.escape(message)}$"),
    ):
        catalogue.sql(query)


def test_column_with_a_new_name_has_the_values_of_the_old_one(frozen: Path) -> None:
    with goodpix.Catalogue(frozen) as catalogue:
        for rows in (catalogue.epochs(), catalogue.tiles()):
            assert rows.area_good_unique.notna().any()
            assert rows.good_area_images_unique.equals(rows.area_good_unique)


def test_catalogue_of_version_1_is_verified_without_an_upgrade(frozen: Path) -> None:
    report = goodpix.verify(frozen)
    assert (report.ok, report.n_masks) == (True, 8)


def test_catalogue_of_version_1_answers_about_positions(frozen: Path) -> None:
    with goodpix.Catalogue(frozen) as catalogue:
        row = catalogue.epochs().iloc[0]
        assert len(catalogue.at(row.ra_cent, row.dec_cent)) > 0


@pytest.fixture
def sky(tmp_path: Path) -> Path:
    """Return a copy of a folder of sky statistics that goodpix 0.1.0 made of the frozen catalogue."""
    return Path(shutil.copytree(SKY, tmp_path / "sky"))


DEFINITION = goodpix.Selection(ignore=["SE_BMASK"], grow={"COADD_SEG": 2})


def test_sky_folder_of_version_1_is_by_epoch_and_its_rows_are_reused(frozen: Path, sky: Path) -> None:
    content = {path.name: path.read_bytes() for path in sky.iterdir()}
    (path,) = sky.glob("*.parquet")
    written = {(row["band"], row["expnum"], row["ccdnum"]): row for row in pq.read_table(path).to_pylist()}
    assert SkyDataset(sky).by is By.EPOCH
    with goodpix.Catalogue(frozen) as catalogue:
        # no image exists: none is measured again
        report = catalogue.extend_background(sky, DEFINITION)
        found = catalogue.with_background(sky)
        with pytest.raises(AmbiguousInputError, match="by is 'epoch', not 'ccd'"):
            catalogue.extend_background(sky, DEFINITION, by="ccd")
    assert (report.by, report.n_measured, report.n_known, report.problems) == (By.EPOCH, 0, 6, ())
    assert {path.name: path.read_bytes() for path in sky.iterdir()} == content
    assert len(found) == len(written) == 6
    for row in found.to_dict("records"):
        old = written[row["band"], row["expnum"], row["ccdnum"]]
        same = ("tilename", "fingerprint", "n", "median", "plane_level", "plane_level_error", "skybrite", "unit")
        assert [row[name] for name in same] == [old[name] for name in same]
        assert np.isnan([row["level"], row["level_error"], row["mu_sky"], row["zero_point"]]).all()


def test_command_goes_on_with_a_sky_folder_of_version_1(frozen: Path, sky: Path, cli: Run) -> None:
    options = ("--db", frozen, "--dataset", sky, "--ignore", "SE_BMASK", "--grow", "COADD_SEG=2")
    done = cli("sky", *options)
    assert (done.status, done.lines) == (0, [f"{sky}: epochs: 0 measured, 6 already present, 0 unusable"])
    refused = cli("sky", *options, "--by", "ccd")
    assert refused.status == 2
    assert "by is 'epoch', not 'ccd'" in refused.err
