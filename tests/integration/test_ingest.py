"""What an ingest makes, leaves alone and makes again."""

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import goodpix

from .survey import SPEC, Survey, change_comment, change_image, epochs, rows, the_file

# Twice is once.


def test_second_ingest_makes_nothing(stored: Survey) -> None:
    report = stored.ingest()
    assert (report.n_epochs, report.n_unchanged, report.n_failures) == (0, 6, 0)


def test_second_ingest_says_that_there_is_nothing_to_do(stored: Survey) -> None:
    assert str(stored.ingest()) == "1 tile in 2 bands: nothing to do, 6 epochs up to date"


def test_second_ingest_writes_no_file(stored: Survey) -> None:
    before = {path: path.stat().st_mtime_ns for path in stored.masks.rglob("*")}
    stored.ingest()
    assert {path: path.stat().st_mtime_ns for path in stored.masks.rglob("*")} == before


def test_second_ingest_changes_no_row(stored: Survey, ingested: Survey) -> None:
    stored.ingest()
    for table in ("epoch", "coadd", "bit_count", "footprint", "catalogue", "failure"):
        pd.testing.assert_frame_equal(rows(stored, table), rows(ingested, table))


def test_second_ingest_is_a_run_of_its_own(stored: Survey) -> None:
    stored.ingest()
    with stored.catalogue() as catalogue:
        runs = catalogue.sql("SELECT n_tiles, n_epochs, n_unchanged, n_failures, outcome FROM ingest_run")
    assert runs.values.tolist() == [[2, 6, 0, 0, "done"], [2, 0, 6, 0, "done"]]


@pytest.mark.parametrize("key", ["one", "folder", "both"])
def test_paths_may_be_files_and_folders_and_repeat(key: str, stored: Survey) -> None:
    paths: dict[str, list[Path]] = {
        "one": [stored.info_path("r"), stored.info_path("i")],
        "folder": [stored.folder],
        "both": [stored.folder, stored.info_path("r"), stored.info_path("r")],
    }
    report = goodpix.ingest_tiles(paths[key], db=stored.database, masks=stored.masks)
    assert (report.n_tiles, report.n_info_files, report.n_unchanged) == (1, 2, 6)


def test_ingest_of_one_band_after_the_other_is_both(survey: Survey, ingested: Survey) -> None:
    for band in SPEC.bands:
        goodpix.ingest_tiles(survey.info_path(band), db=survey.database, masks=survey.masks)
    key = ["tilename", "band", "expnum", "ccdnum"]
    assert epochs(survey)[key].equals(epochs(ingested)[key])


# Changes make a new generation.


def test_changed_epoch_makes_a_new_generation_beside_the_old_file(stored: Survey) -> None:
    before = stored.mask_files()
    change_image(stored)
    report = stored.ingest()
    assert (report.n_epochs, report.n_unchanged) == (1, 5)
    (new,) = set(stored.mask_files()) - set(before)
    assert re.fullmatch(rf"r/{re.escape(SPEC.tilename)}_r_g2_[0-9a-f]{{12}}\.parquet", new)


def test_changed_epoch_has_its_new_mask(stored: Survey) -> None:
    change_image(stored)
    stored.ingest()
    assert stored.check(0).equal


def test_changed_epoch_leaves_the_masks_of_the_others(stored: Survey, ingested: Survey) -> None:
    before = ingested.flags()
    change_image(stored)
    stored.ingest()
    after = stored.flags()
    changed = [key for key in before if not np.array_equal(before[key], after[key])]
    assert changed == [("r", stored.epoch(0)["expnum"], stored.epoch(0)["ccdnum"])]


def test_copied_rows_keep_the_run_that_made_them(stored: Survey) -> None:
    change_image(stored)
    stored.ingest()
    found = epochs(stored).query("band == 'r'").sort_values("expnum")
    assert found.run_id.tolist() == [2, 1, 1]


def test_what_an_epoch_is_made_from_makes_it_again(stored: Survey) -> None:
    # of each epoch one thing changes
    for number, plane in ((0, "image"), (1, "seg"), (2, "head")):
        change_comment(stored.path(number, plane))
    entries: list[dict[str, object]] = [{"head_path": ...}, {"magzp": 30.5}, {"image_flags": 3}]
    for number, entry in enumerate(entries):
        stored.set_entry(number, entry, "i")
    assert stored.ingest().n_epochs == 6
    stored.set_entry(0, {"position_offset": 0})
    assert stored.ingest().n_epochs == 1


@pytest.mark.parametrize("plane", ["image", "seg"])
def test_changed_coadd_makes_all_its_epochs_again(plane: str, stored: Survey) -> None:
    change_comment(stored.path(None, plane))
    report = stored.ingest()
    assert (report.n_epochs, report.n_unchanged) == (3, 3)


@pytest.mark.parametrize("plane", ["bkg"])
def test_what_is_not_read_makes_nothing_again(plane: str, stored: Survey) -> None:
    os.utime(stored.path(0, plane), ns=(1, 1))
    assert stored.ingest().n_epochs == 0


def test_force_makes_every_mask_again_with_the_same_rows(stored: Survey, ingested: Survey) -> None:
    report = stored.ingest(force=True)
    assert (report.n_epochs, report.n_unchanged) == (6, 0)
    key = ["run_id", "generation"]
    pd.testing.assert_frame_equal(epochs(stored).drop(columns=key), epochs(ingested).drop(columns=key))
    assert set(epochs(stored).generation) == {2}


# Epochs that are no longer listed.


def test_epoch_that_is_no_longer_listed_is_dropped(stored: Survey) -> None:
    with stored.editing() as info:
        del info["src_info"][1]
    report = stored.ingest()
    assert (report.n_dropped, report.n_unchanged, len(epochs(stored))) == (1, 5, 5)


def test_dropped_epoch_is_reported(stored: Survey, caplog: pytest.LogCaptureFixture) -> None:
    name = stored.name(1)
    with stored.editing() as info:
        del info["src_info"][1]
    with caplog.at_level(logging.WARNING, "goodpix"):
        report = stored.ingest()
    assert f"{SPEC.tilename} r: epoch {name} dropped: the info file no longer lists it" in caplog.messages
    assert "1 dropped" in str(report)


def test_dropped_epoch_leaves_no_row_anywhere(stored: Survey) -> None:
    with stored.editing() as info:
        gone = info["src_info"].pop(1)["expnum"]
    stored.ingest()
    with stored.catalogue() as catalogue:
        orphans = catalogue.sql(
            "SELECT (SELECT count(*) FROM footprint WHERE epoch_id NOT IN (SELECT epoch_id FROM epoch)) + "
            "(SELECT count(*) FROM bit_count WHERE epoch_id NOT IN (SELECT epoch_id FROM epoch)) AS n"
        )
        assert gone not in set(catalogue.bits().expnum)
    assert orphans.n.tolist() == [0]


def test_epoch_listed_anew_is_made(stored: Survey) -> None:
    with stored.editing() as info:
        entry = info["src_info"].pop(1)
    stored.ingest()
    with stored.editing() as info:
        info["src_info"].append(entry)
    assert stored.ingest().n_epochs == 1
    assert stored.check(2).equal


def test_order_of_the_info_file_does_not_matter(stored: Survey) -> None:
    with stored.editing() as info:
        info["src_info"].reverse()
    assert stored.ingest().n_epochs == 0


# Old mask files.


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    """Damage the first mask's runs, not the footer."""
    data = bytearray(path.read_bytes())
    data[4:600] = bytes(byte ^ 0x5A for byte in data[4:600])
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("damage", [Path.unlink, cut, empty])
def test_masks_of_a_file_that_cannot_be_opened_are_made_again(
    damage: Callable[[Path], object], stored: Survey, ingested: Survey
) -> None:
    damage(the_file(stored))
    report = stored.ingest()
    assert (report.n_epochs, report.n_unchanged, report.n_failures) == (3, 3, 0)
    before, after = ingested.flags(), stored.flags()
    assert all(np.array_equal(before[key], after[key]) for key in before)


def test_masks_of_a_damaged_file_are_made_again_when_one_would_be_copied(stored: Survey) -> None:
    flip(the_file(stored))
    change_image(stored, 2)
    assert stored.ingest().n_failures == 0
    assert all(stored.check(number).equal for number in range(3))
    with stored.catalogue() as catalogue:
        assert catalogue.mask(SPEC.tilename, "r").shape == SPEC.coadd_shape


def test_damaged_file_is_reported(stored: Survey, caplog: pytest.LogCaptureFixture) -> None:
    cut(the_file(stored))
    with caplog.at_level(logging.WARNING, "goodpix"):
        stored.ingest()
    (said,) = [text for text in caplog.messages if "is damaged" in text]
    assert "making all masks again" in said


def test_database_in_a_folder_that_does_not_exist_is_refused(survey: Survey) -> None:
    with pytest.raises(goodpix.GoodpixError, match=r"the folder .* does not exist"):
        survey.ingest(db=survey.folder / "nowhere" / "goodpix.db")


def test_finished_database_is_one_plain_file(ingested: Survey) -> None:
    assert [path.name for path in ingested.database.parent.glob("goodpix.db*")] == ["goodpix.db"]


def test_catalogue_can_be_moved_with_its_masks(stored: Survey, tmp_path: Path) -> None:
    moved = Survey(tmp_path / "moved" / "survey")
    stored.folder.parent.rename(moved.folder.parent)
    assert len(moved.flags()) == 6


def test_database_of_any_file_name_works(survey: Survey) -> None:
    path = survey.database.with_name("gp%41?x#y ö.db")
    survey.ingest(db=path)
    assert path.is_file()
    with goodpix.Catalogue(path) as catalogue:
        assert len(catalogue.epochs()) == 6


def test_progress_is_told_tile_by_tile(survey: Survey) -> None:
    told: list[tuple[int, int]] = []
    survey.ingest(progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 2), (1, 2), (2, 2)]


# Where the files are.


def test_check_finds_the_files_where_the_ingest_did(stored: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDS_DIR")
    assert stored.check(0).equal


def test_check_obeys_the_environment_before_the_ingest(stored: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDS_DIR", "nowhere")
    with pytest.raises(goodpix.GoodpixError, match=r"\$MEDS_DIR/\S+: no such file$"):
        stored.check(0)
