"""A survey whose files were copied is the same survey, and one whose bytes differ is another."""

import json
import os
import time
from pathlib import Path
from typing import Any

import fitsio
import pytest

import goodpix
from goodpix.schema.planes.fitsfile import FitsFile

from .survey import Survey, change_comment, epochs, records

LATER = 10**9


def copy_all(survey: Survey) -> None:
    """Give all files the modification times of a copy."""
    now = time.time_ns()
    for path in survey.folder.rglob("*"):
        os.utime(path, ns=(now, path.stat().st_mtime_ns + LATER))


def files(survey: Survey, table: str = "epoch") -> list[dict[str, Any]]:
    """Return the recorded files of each row."""
    with survey.catalogue() as catalogue:
        return [json.loads(text) for text in catalogue.sql(f"SELECT files FROM {table} ORDER BY {table}_id").files]


def change_byte(path: Path, ext: str, place: float = 0.5) -> None:
    """Flip a bit of a unit's data; size and modification time stay."""
    state = path.stat()
    with FitsFile(str(path)) as file:
        unit = file.unit(ext)
    content = bytearray(path.read_bytes())
    content[unit.start + int(unit.size * place)] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_copied_survey_is_not_made_again(stored: Survey, ingested: Survey) -> None:
    copy_all(stored)
    report = stored.ingest()
    assert (report.n_epochs, report.n_unchanged, report.n_failures) == (0, 6, 0)
    assert epochs(stored).fingerprint.tolist() == epochs(ingested).fingerprint.tolist()
    assert goodpix.verify(stored.database).ok


@pytest.mark.parametrize("table", ["epoch", "coadd"])
def test_copied_survey_has_its_new_times(stored: Survey, table: str) -> None:
    before = files(stored, table)
    copy_all(stored)
    stored.ingest()
    for old, new in zip(before, files(stored, table), strict=True):
        for path, file in old.items():
            moved = {"mtime_ns": file["mtime_ns"] + LATER, "fingerprint_mtime_ns": file["mtime_ns"]}
            assert new[path] == file | moved
        assert new.keys() == old.keys()


def test_survey_copied_twice_keeps_the_times_of_its_fingerprints(stored: Survey, ingested: Survey) -> None:
    copy_all(stored)
    stored.ingest()
    copy_all(stored)
    assert stored.ingest().n_epochs == 0
    assert epochs(stored).fingerprint.tolist() == epochs(ingested).fingerprint.tolist()
    times = {file["fingerprint_mtime_ns"] - file["mtime_ns"] for each in files(stored) for file in each.values()}
    assert times == {-2 * LATER}


def test_survey_with_its_old_times_again_is_as_it_was(stored: Survey) -> None:
    before, states = files(stored), {path: path.stat() for path in stored.folder.rglob("*")}
    copy_all(stored)
    stored.ingest()
    for path, state in states.items():
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert stored.ingest().n_epochs == 0
    assert files(stored) == before


def test_copied_survey_is_recorded_once(stored: Survey) -> None:
    copy_all(stored)
    stored.ingest()
    before = stored.mask_files()
    assert len(before) == 4
    assert stored.ingest().n_unchanged == 6
    assert stored.mask_files() == before


def test_copied_survey_is_not_made_again_on_any_database(stored: Survey, database_url: str) -> None:
    goodpix.rebuild(database_url, stored.masks)
    copy_all(stored)
    for _ in range(2):
        report = goodpix.ingest_tiles(stored.folder, db=database_url, masks=stored.masks)
        assert (report.n_epochs, report.n_unchanged) == (0, 6)
    assert goodpix.verify(database_url).ok


def test_statistics_of_a_copied_survey_are_not_refused(stored: Survey) -> None:
    copy_all(stored)
    with stored.catalogue() as catalogue:
        assert catalogue.background().problem.notna().all()
    stored.ingest()
    with stored.catalogue() as catalogue:
        assert catalogue.background().problem.isna().all()


@pytest.mark.parametrize(("plane", "ext"), [("image", "sci"), ("image", "msk"), ("weight", "wgt"), ("seg", "sci")])
def test_copy_with_other_data_is_made_again(stored: Survey, plane: str, ext: str) -> None:
    change_byte(stored.path(0, plane), ext, 0.0)
    copy_all(stored)
    report = stored.ingest()
    assert (report.n_epochs + report.n_failures, report.n_unchanged) == (1, 5)


@pytest.mark.parametrize("plane", ["image", "seg", "head"])
def test_copy_with_another_header_is_made_again(stored: Survey, plane: str) -> None:
    change_comment(stored.path(0, plane))
    report = stored.ingest()
    assert (report.n_epochs, report.n_unchanged) == (1, 5)


def test_copy_of_other_options_is_made_again(stored: Survey) -> None:
    copy_all(stored)
    assert stored.ingest(allow_dithered_weights=True).n_epochs == 6


def test_copied_coadd_makes_nothing_again(stored: Survey) -> None:
    for plane in ("image", "seg"):
        os.utime(stored.path(None, plane), ns=(1, 1))
    assert stored.ingest().n_epochs == 0


def test_rows_say_what_their_masks_were_made_from(ingested: Survey) -> None:
    of_first = files(ingested)[0]
    assert sorted(of_first) == ["head", "image", "seg"]
    for name, size in ((name, ingested.path(0, name, "i").stat().st_size) for name in of_first):
        assert of_first[name]["size"] == size
    assert of_first["image"]["mtime_ns"] == ingested.path(0, "image", "i").stat().st_mtime_ns
    assert (len(of_first["image"]["headers"]), list(of_first["image"]["datasums"])) == (64, ["1", "2", "3"])


@pytest.fixture
def checked(survey: Survey) -> Survey:
    """The small tile, whose files have checksums, and its catalogue."""
    for path in survey.folder.rglob("*.fits*"):
        with fitsio.FITS(str(path), "rw") as file:
            for unit in file:
                unit.write_checksum()
    survey.ingest()
    return survey


def test_planes_with_checksums_are_checked(checked: Survey) -> None:
    found = epochs(checked)
    assert found.planes_checked.all()
    assert not found.damaged_taken.any()
    with checked.catalogue() as catalogue:
        assert catalogue.tiles().planes_checked.all()


def test_damaged_planes_that_were_used_are_named(checked: Survey) -> None:
    change_byte(checked.path(0, "weight"), "wgt")
    checked.ingest(allow_damaged=True, force=True)
    found = {row.expnum: (row.planes_checked, row.damaged_taken) for row in records(epochs(checked))}
    assert found.pop(checked.epoch(0)["expnum"]) == (False, True)
    assert set(found.values()) == {(True, False)}


def test_planes_without_checksums_are_not_checked(ingested: Survey) -> None:
    found = epochs(ingested)
    assert not found.planes_checked.any()
    assert not found.damaged_taken.any()


def test_image_with_a_checksum_is_not_read(checked: Survey) -> None:
    found = files(checked)[0]["image"]
    assert list(found["datasums"]) == ["2", "3"]


def test_copy_of_a_survey_with_checksums_is_not_made_again(checked: Survey) -> None:
    copy_all(checked)
    assert checked.ingest().n_epochs == 0


def test_copy_with_another_image_is_made_again_in_spite_of_its_checksum(checked: Survey) -> None:
    change_byte(checked.path(0, "image"), "sci")
    copy_all(checked)
    assert checked.ingest().n_epochs == 1


def test_single_epoch_inputs_are_the_same_in_all_tiles(neighbours: Survey) -> None:
    found = epochs(neighbours)
    of_image = found.groupby(["band", "expnum", "ccdnum"])
    assert of_image.tilename.nunique().eq(2).all()
    assert of_image.fingerprint.nunique().eq(2).all()
    assert of_image.se_fingerprint.nunique().eq(1).all()
    assert found.se_fingerprint.nunique() == len(of_image)


def test_epoch_without_a_map_says_so(survey: Survey) -> None:
    survey.set_entry(0, {"seg_path": ...})
    survey.ingest(allow_missing_se_seg=True)
    found = {row.expnum: row.segmentation for row in records(epochs(survey))}
    assert {name for expnum, name in found.items() if expnum == survey.epoch(0)["expnum"]} == {"none"}
    assert sorted(found.values()) == ["file"] * 5 + ["none"]
