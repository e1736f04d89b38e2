"""A catalogue made by goodpix 0.1.0, which every later version must read.

Its masks and their flags never change; ``expected.json`` holds the good pixels and the sha256 of the
flags image (int64, little-endian, row by row) of each.
"""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import goodpix

FROZEN = Path(__file__).resolve().parents[1] / "data" / "catalogue_v1"
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
