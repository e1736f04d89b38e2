"""Masks of format 1, which goodpix 0.1.0 wrote, are kept, and lie beside those of format 2 in one root.

``known_tile/catalogue_v1`` is what 0.1.0 made of the known tile, all of whose files were last modified at `MODIFIED`.
"""

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

import goodpix
from goodpix.ingest.infofile import read_info_file
from goodpix.ingest.plan import Options, TileTask, make_plan
from goodpix.ingest.synthetic import make_tile
from goodpix.schema.bits import DES_Y6
from goodpix.schema.maskfile import MaskFile
from goodpix.schema.store.masksroot import MasksRoot
from goodpix.schema.tables import metadata

from .damage import make_older
from .survey import SPEC, Survey, change_comment
from .test_known_tiles import DATA

MODIFIED = 1_600_000_000
OTHER = replace(SPEC, tilename="DES0150-3206", bands=("r",), n_epochs=2, seed=7)


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Survey:
    """The known tile with its catalogue by 0.1.0, whose tables have been upgraded."""
    survey = Survey(tmp_path / "survey")
    shutil.copytree(DATA / "survey", survey.folder)
    for path in survey.folder.rglob("*"):
        os.utime(path, (MODIFIED, MODIFIED))
    shutil.copy(DATA / "catalogue_v1" / "goodpix.db", survey.database)
    shutil.copytree(DATA / "catalogue_v1" / "goodpix-masks", root(survey))
    monkeypatch.setenv("MEDS_DIR", os.fspath(survey.folder))
    goodpix.upgrade(survey.database)
    return survey


def root(survey: Survey) -> Path:
    return survey.folder.parent / "goodpix-masks"


def stored_format(survey: Survey) -> int:
    """Return the version in the marker of the masks root."""
    found: int = json.loads((root(survey) / "_goodpix.json").read_text())["format_version"]
    return found


def contents(survey: Survey) -> dict[str, str]:
    """Return the sha256 of each file of the masks root."""
    paths = [path for path in root(survey).rglob("*") if path.is_file()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def formats(survey: Survey) -> dict[str, str]:
    """Return the format version of each mask file."""
    files = {path.name: pq.ParquetFile(path).metadata.metadata for path in root(survey).rglob("*.parquet")}
    return {name.split("_r_")[0]: found[b"goodpix.format_version"].decode() for name, found in files.items()}


def test_unchanged_masks_are_kept(old: Survey) -> None:
    before = contents(old)
    report = goodpix.ingest_tiles(old.folder, db=old.database)
    assert (report.n_epochs, report.n_unchanged, report.n_failures) == (0, 3, 0)
    assert contents(old) == before
    assert stored_format(old) == 1


def test_unchanged_masks_are_kept_by_any_database(old: Survey, database_url: str) -> None:
    goodpix.rebuild(database_url, root(old))
    before = contents(old)
    report = goodpix.ingest_tiles(old.folder, db=database_url, masks=root(old))
    assert (report.n_epochs, report.n_unchanged, report.n_failures) == (0, 3, 0)
    assert contents(old) == before


def test_fingerprints_are_those_of_0_1_0(old: Survey) -> None:
    info = read_info_file(old.info_path())
    first = info.src_info[0]
    with old.catalogue() as catalogue:
        (of_coadd,) = catalogue.tiles().fingerprint
        found = catalogue.epochs(expnum=first.expnum).fingerprint.tolist()
    assert found == ["a19a08266d8e308f410368f7cf8293cf553aacdb9bc8825b6458b7b0126c16e6"]
    plan = make_plan(TileTask(str(old.info_path()), info, MasksRoot.of(root(old)), Options(), DES_Y6))
    assert (plan.steps[0].fingerprint, plan.epochs[0][1].fingerprint) == (of_coadd, found[0])


def test_upgraded_catalogue_is_of_format_2(old: Survey) -> None:
    with old.catalogue() as catalogue:
        assert catalogue.info()["format_version"] == 2


def test_facts_of_format_2_are_null(old: Survey) -> None:
    names = ["planes_checked", "damaged_taken", "profile", "segmentation", "se_fingerprint"]
    with old.catalogue() as catalogue:
        assert catalogue.epochs()[names].isna().all(axis=None)
        assert catalogue.tiles()[names[:-1]].isna().all(axis=None)


def test_statistics_of_unchanged_files_are_not_refused(old: Survey) -> None:
    with old.catalogue() as catalogue:
        assert catalogue.background().problem.isna().all()


@pytest.mark.parametrize("plane", ["image", "weight", "seg"])
def test_statistics_of_changed_files_are_refused(old: Survey, plane: str) -> None:
    os.utime(old.path(0, plane), (1, 1))
    with old.catalogue() as catalogue:
        (problem,) = catalogue.background(expnum=old.epoch(0)["expnum"]).problem
    assert "files have changed since the ingest" in problem


def test_changed_epoch_is_made_again_beside_the_others(old: Survey) -> None:
    change_comment(old.path(0, "image"))
    report = goodpix.ingest_tiles(old.folder, db=old.database)
    assert (report.n_epochs, report.n_unchanged) == (1, 2)
    with old.catalogue() as catalogue:
        found = catalogue.epochs().sort_values("expnum")
    assert found.profile.isna().tolist() == [False, True, True]
    assert found.segmentation.tolist()[0] == "file"
    assert goodpix.verify(old.database).ok


@pytest.fixture
def mixed(old: Survey) -> Survey:
    """The catalogue with one more tile, ingested now."""
    goodpix.ingest_tiles(make_tile(old.folder, OTHER), db=old.database)
    return old


def test_root_is_raised_to_format_2_with_its_first_file(mixed: Survey) -> None:
    assert formats(mixed) == {SPEC.tilename: "1", OTHER.tilename: "2"}
    assert stored_format(mixed) == 2


def test_marker_keeps_what_it_says_of_the_catalogue(mixed: Survey) -> None:
    before = json.loads((DATA / "catalogue_v1" / "goodpix-masks" / "_goodpix.json").read_text())
    assert json.loads((root(mixed) / "_goodpix.json").read_text()) == before | {"format_version": 2}


def test_file_of_format_2_says_what_its_masks_are_of(mixed: Survey) -> None:
    (path,) = root(mixed).rglob(f"{OTHER.tilename}*.parquet")
    file = MaskFile.open(path)
    assert (file.profile, file.segmentation, file.bit_names.coadd) == ("des", "file", {"NO_DATA": 1})


def test_mixed_root_is_one_parquet_dataset(mixed: Survey) -> None:
    found = pd.read_parquet(root(mixed))
    assert found.groupby("tilename").size().to_dict() == {SPEC.tilename: 4, OTHER.tilename: 3}


def test_masks_of_both_formats_are_read(mixed: Survey) -> None:
    with mixed.catalogue() as catalogue:
        assert [mask.key.tilename for mask in catalogue.masks()] == [SPEC.tilename] * 3 + [OTHER.tilename] * 2
        assert all(mask.count() == mask.row["n_good"] for mask in catalogue.masks() if mask.row)
        assert catalogue.epochs().profile.isna().tolist() == [True] * 3 + [False] * 2


def test_mixed_root_is_verified(mixed: Survey) -> None:
    report = goodpix.verify(mixed.database)
    assert (report.ok, report.n_masks) == (True, 7)


def table(url: str, name: str) -> list[dict[str, object]]:
    """Return the rows of a table but for the numbers and runs."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(metadata.tables[name])).mappings().all()
    engine.dispose()
    hidden = (f"{name}_id", "run_id")
    return sorted(({k: v for k, v in row.items() if k not in hidden} for row in rows), key=repr)


@pytest.mark.parametrize("name", ["coadd", "epoch", "ccd_image"])
def test_mixed_root_is_rebuilt(mixed: Survey, database_url: str, name: str) -> None:
    goodpix.rebuild(database_url, root(mixed))
    assert table(database_url, name) == table(f"sqlite:///{mixed.database}", name)
    assert goodpix.verify(database_url).ok


def test_damaged_rows_of_both_formats_are_repaired(mixed: Survey) -> None:
    engine = sa.create_engine(f"sqlite:///{mixed.database}")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE epoch SET files = '{}', n_good = 1, planes_checked = NULL"))
    engine.dispose()
    assert not goodpix.verify(mixed.database).ok
    assert len(goodpix.verify(mixed.database, repair=True).repaired) == 5
    assert goodpix.verify(mixed.database).ok


def test_old_files_of_either_format_are_swept(mixed: Survey) -> None:
    (image,) = mixed.folder.rglob("D00201000_r_c12_*_immasked.fits.fz")
    change_comment(image)
    goodpix.ingest_tiles(mixed.folder, db=mixed.database)
    (older,) = root(mixed).rglob(f"{SPEC.tilename}_r_g1_*.parquet")
    make_older(older)
    assert [each.name for each in goodpix.gc(mixed.database, delete=True).files] == [f"r/{older.name}"]
    assert formats(mixed) == {SPEC.tilename: "2", OTHER.tilename: "2"}
    assert goodpix.verify(mixed.database).ok


def test_mixed_root_is_up_to_date(mixed: Survey) -> None:
    before = contents(mixed)
    report = goodpix.ingest_tiles(mixed.folder, db=mixed.database)
    assert (report.n_epochs, report.n_unchanged) == (0, 5)
    assert contents(mixed) == before
