"""The ingest as a whole: what it makes, leaves alone, makes again and reports."""

import logging
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import pandas as pd
import pytest

import goodpix
from goodpix.ingest.synthetic import SCAMP_SHIFT
from goodpix.schema.bits import N_BITS
from goodpix.schema.counts import Counts
from goodpix.schema.criteria import BIT_SHIFT, Criterion

from .survey import SPEC, Survey, records, rewrite

SE = Criterion.SE_SEG | Criterion.SE_WEIGHT | Criterion.SE_BMASK
COADD = Criterion.COADD_SEG | Criterion.COADD_WEIGHT | Criterion.COADD_BMASK
KEY = ["tilename", "band", "expnum", "ccdnum"]


def change_image(survey: Survey, number: int = 0, band: str = "r") -> None:
    """Set a corner of an epoch's mask."""
    path = survey.path(number, "image", band)
    bmask = fitsio.read(path, ext="msk")
    bmask[:3, :3] = 4
    rewrite(path, {"msk": bmask})


def epochs(survey: Survey) -> pd.DataFrame:
    with survey.catalogue() as catalogue:
        return catalogue.epochs()


def failures(survey: Survey) -> pd.DataFrame:
    with survey.catalogue() as catalogue:
        return catalogue.failures()


def stale(survey: Survey) -> list[str]:
    return [f"{row.expnum}/{row.ccdnum}" for row in records(epochs(survey).query("stale"))]


def rows(survey: Survey, table: str) -> pd.DataFrame:
    """Return the rows of a table, without what tells of the run alone."""
    with survey.catalogue() as catalogue:
        found = catalogue.sql(f"SELECT * FROM {table}")
    return found.drop(columns=[c for c in ("run_id", "uuid", "masks_root") if c in found])


# Twice is once.


def test_second_ingest_makes_nothing(stored: Survey) -> None:
    report = stored.ingest()
    assert (report.n_epochs, report.n_unchanged, report.n_failures) == (0, 6, 0)


def test_second_ingest_says_that_there_is_nothing_to_do(stored: Survey) -> None:
    assert str(stored.ingest()) == "2 tiles: nothing to do, 6 epochs are up to date"


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
    assert (report.n_tiles, report.n_unchanged) == (2, 6)


def test_ingest_of_one_band_after_the_other_is_both(survey: Survey, ingested: Survey) -> None:
    for band in SPEC.bands:
        goodpix.ingest_tiles(survey.info_path(band), db=survey.database, masks=survey.masks)
    assert epochs(survey)[KEY].equals(epochs(ingested)[KEY])


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
        os.utime(stored.path(number, plane), ns=(1, 1))
    entries: list[dict[str, object]] = [{"head_path": ...}, {"magzp": 30.5}, {"image_flags": 3}]
    for number, entry in enumerate(entries):
        stored.set_entry(number, entry, "i")
    assert stored.ingest().n_epochs == 6
    stored.set_entry(0, {"position_offset": 0})
    assert stored.ingest().n_epochs == 1


@pytest.mark.parametrize("plane", ["image", "seg"])
def test_changed_coadd_makes_all_its_epochs_again(plane: str, stored: Survey) -> None:
    os.utime(stored.path(None, plane), ns=(1, 1))
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


# An epoch that cannot be read any more.


@pytest.fixture
def lost(stored: Survey) -> Survey:
    """The catalogue after one epoch's file has gone, and the file put aside."""
    path = stored.path(2, "seg")
    path.rename(path.with_suffix(".aside"))
    stored.ingest()
    return stored


def put_back(survey: Survey) -> None:
    path = survey.path(2, "seg")
    path.with_suffix(".aside").rename(path)


def test_lost_epoch_keeps_its_mask_and_is_stale(lost: Survey, ingested: Survey) -> None:
    assert stale(lost) == [lost.name(2)]
    after = lost.flags()
    assert all(np.array_equal(flags, after[key]) for key, flags in ingested.flags().items())
    with lost.catalogue() as catalogue:
        assert catalogue.tiles().set_index("band").n_epochs_stale.to_dict() == {"i": 0, "r": 1}


def test_lost_epoch_is_a_failure(lost: Survey) -> None:
    (found,) = records(failures(lost))
    assert found.failure_key == f"{lost.info_path()}#{lost.name(2)}"
    assert (found.error_type, found.attempts) == ("FitsFileError", 1)


def test_lost_epoch_recovers_when_the_file_is_back(lost: Survey) -> None:
    put_back(lost)
    assert lost.ingest().n_failures == 0
    assert (stale(lost), len(failures(lost))) == ([], 0)


def test_lost_epoch_recovers_when_another_file_is_there(lost: Survey) -> None:
    put_back(lost)
    os.utime(lost.path(2, "seg"), ns=(1, 1))
    assert lost.ingest().n_epochs == 1
    assert (stale(lost), len(failures(lost))) == ([], 0)


def test_lost_epoch_stays_stale_when_nothing_changes(lost: Survey) -> None:
    before = lost.mask_files()
    report = lost.ingest()
    assert (report.n_failed_before, report.n_failures, report.n_epochs) == (1, 1, 0)
    assert (stale(lost), lost.mask_files()) == ([lost.name(2)], before)


def test_lost_epoch_stays_stale_when_another_changes(lost: Survey) -> None:
    change_image(lost)
    report = lost.ingest()
    assert (report.n_epochs, report.n_failures) == (1, 1)
    assert stale(lost) == [lost.name(2)]


def test_lost_epoch_stays_stale_when_it_fails_in_another_way(lost: Survey) -> None:
    lost.path(2, "seg").write_text("no FITS")
    assert len(lost.ingest().failures) == 1
    assert stale(lost) == [lost.name(2)]


def test_forced_ingest_keeps_a_lost_epoch(lost: Survey) -> None:
    report = lost.ingest(force=True)
    assert (report.n_epochs, len(report.failures)) == (5, 1)
    assert (stale(lost), len(epochs(lost))) == ([lost.name(2)], 6)


def test_lost_epoch_recovers_under_force(lost: Survey) -> None:
    put_back(lost)
    assert lost.ingest(force=True).n_epochs == 6
    assert (stale(lost), len(failures(lost))) == ([], 0)


@pytest.fixture
def lost_coadd(stored: Survey) -> Survey:
    """The catalogue after a coadd's file has gone, and the file put aside."""
    path = stored.path(None, "seg")
    path.rename(path.with_suffix(".aside"))
    stored.ingest()
    return stored


def test_lost_coadd_recovers_when_the_file_is_back(lost_coadd: Survey) -> None:
    path = lost_coadd.path(None, "seg")
    path.with_suffix(".aside").rename(path)
    report = lost_coadd.ingest()
    assert (report.n_failures, report.n_unchanged, len(failures(lost_coadd))) == (0, 6, 0)


def test_lost_coadd_is_not_tried_again_and_counts_as_failed(lost_coadd: Survey) -> None:
    report = lost_coadd.ingest()
    assert (report.n_failed_before, len(report.failures), report.n_unchanged) == (1, 0, 3)


# Failures.


@pytest.fixture
def failed(survey: Survey) -> Survey:
    """A catalogue whose first ingest had one bad epoch."""
    survey.path(2, "seg").rename(survey.folder / "aside")
    survey.ingest()
    return survey


def test_failure_is_not_tried_again_while_nothing_changes(failed: Survey) -> None:
    report = failed.ingest()
    assert (report.failures, report.n_failed_before) == ((), 1)
    assert failures(failed).attempts.tolist() == [1]


def test_failure_that_is_not_tried_again_exits_1(failed: Survey, cli: Callable[..., Any]) -> None:
    done = cli("ingest", failed.folder, "--db", failed.database)
    assert done.status == 1
    assert "1 failed before and not tried again (--retry-failed does)" in done.err


def test_failure_is_tried_again_when_asked(failed: Survey) -> None:
    assert len(failed.ingest(retry_failed=True).failures) == 1
    assert failures(failed).attempts.tolist() == [2]


def test_failure_is_tried_again_when_its_input_changes(failed: Survey) -> None:
    failed.path(2, "seg").write_text("no FITS")
    assert len(failed.ingest().failures) == 1
    assert failures(failed).attempts.tolist() == [2]


def test_failure_disappears_when_a_later_ingest_succeeds(failed: Survey) -> None:
    (failed.folder / "aside").rename(failed.path(2, "seg"))
    assert failed.ingest().n_failures == 0
    assert failures(failed).empty
    assert failed.check(2).equal


def test_failure_disappears_when_the_epoch_is_no_longer_listed(failed: Survey) -> None:
    with failed.editing() as info:
        del info["src_info"][2]
    assert failed.ingest().n_failures == 0
    assert failures(failed).empty


def test_failure_of_one_tile_outlives_the_ingest_of_another(failed: Survey) -> None:
    goodpix.ingest_tiles(failed.info_path("i"), db=failed.database)
    assert len(failures(failed)) == 1


def test_failure_of_an_info_file_disappears_when_it_is_mended(survey: Survey) -> None:
    text = survey.info_path().read_text()
    survey.info_path().write_text("")
    survey.ingest()
    survey.ingest()
    assert failures(survey).attempts.tolist() == [2]
    survey.info_path().write_text(text)
    assert survey.ingest().n_failures == 0
    assert failures(survey).empty


def test_retry_makes_nothing_that_is_up_to_date_again(failed: Survey) -> None:
    report = failed.ingest(retry_failed=True)
    assert (report.n_epochs, report.n_unchanged) == (0, 5)


def test_allowing_missing_seg_later_takes_the_epoch(survey: Survey) -> None:
    survey.set_entry(2, {"seg_path": ...})
    assert survey.ingest().n_failures == 1
    assert survey.ingest(allow_missing_se_seg=True).n_failures == 0
    assert failures(survey).empty


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
    assert f"{SPEC.tilename} r: epoch {name} is dropped: the info file no longer lists it" in caplog.messages
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


# Old mask files.


def the_file(survey: Survey, band: str = "r") -> Path:
    (found,) = (survey.masks / band).glob("*.parquet")
    return found


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
    assert "made again" in said


# The same inputs give the same bytes.


def test_same_inputs_give_the_same_bytes_in_two_roots(stored: Survey, ingested: Survey) -> None:
    other = stored.folder.parent / "elsewhere"
    stored.ingest(db=other.with_suffix(".db"), masks=other)
    assert {path.name: path.read_bytes() for path in other.rglob("*.parquet")} == {
        path.name: path.read_bytes() for path in ingested.masks.rglob("*.parquet")
    }


def test_only_mask_files_end_in_parquet(ingested: Survey) -> None:
    others = [path.name for path in ingested.masks.rglob("*") if path.is_file() and path.suffix != ".parquet"]
    assert len(ingested.mask_files()) == 2
    assert others == ["_goodpix.json"]


def test_masks_folder_is_one_data_set_for_pandas(ingested: Survey) -> None:
    found = pd.read_parquet(ingested.masks)
    assert found.kind.value_counts().to_dict() == {"epoch": 6, "coadd": 2}


# What is stored is right.


@pytest.mark.parametrize("band", SPEC.bands)
@pytest.mark.parametrize("number", range(3))
def test_mask_equals_the_direct_way(number: int, band: str, ingested: Survey) -> None:
    assert str(ingested.check(number, band)) == "equal to the direct way at 8,192 of 8,192 pixels"


def recounted(flags: "np.ndarray[Any, np.dtype[np.int64]]", amp_a: slice, amp_b: slice) -> dict[str, int]:
    """Return an epoch's counts from its pixels."""
    fails = {criterion: (flags & criterion) != 0 for criterion in Criterion}
    low = flags & 0x7F
    good_se = (low & SE) == 0
    out = {
        "n_pixels": flags.size,
        "n_good": int((flags == 0).sum()),
        "n_on_coadd": int((~fails[Criterion.OFF_COADD]).sum()),
        "n_good_se": int(good_se.sum()),
        "n_good_coadd": int(((low & (COADD | Criterion.OFF_COADD)) == 0).sum()),
        "n_good_se_amp_a": int(good_se[:, amp_a].sum()),
        "n_good_se_amp_b": int(good_se[:, amp_b].sum()),
        "n_pixels_amp_a": good_se[:, amp_a].size,
        "n_pixels_amp_b": good_se[:, amp_b].size,
    }
    for criterion, where in fails.items():
        name = str(criterion.name).lower()
        out[f"n_{name}"] = int(where.sum())
        out[f"only_{name}"] = int((low == criterion).sum())
    return out


def halves(row: Any) -> tuple[slice, slice]:
    """Return the columns of the amplifiers of a row's DATASECA and DATASECB."""
    sections = [re.findall(r"\d+", text) for text in (row.dataseca, row.datasecb)]
    a, b = (slice(int(numbers[0]) - 1, int(numbers[1])) for numbers in sections)
    return a, b


@pytest.mark.parametrize("band", SPEC.bands)
def test_counts_of_a_row_are_those_of_its_mask(band: str, ingested: Survey) -> None:
    masks = ingested.flags()
    for row in records(epochs(ingested).query("band == @band")):
        expected = recounted(masks[band, row.expnum, row.ccdnum], *halves(row))
        assert {name: getattr(row, name) for name in expected} == expected


def test_counts_of_the_coadd_are_those_of_its_mask(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        flags = catalogue.mask(SPEC.tilename, "r").flags()
        (row,) = records(catalogue.sql("SELECT * FROM coadd WHERE band = 'r'"))
    expected = recounted(flags, slice(0), slice(0))
    names = ["n_pixels", "n_good", "n_good_coadd", "n_coadd_seg", "only_coadd_seg", "n_coadd_weight", "n_coadd_bmask"]
    assert {name: getattr(row, name) for name in names} == {name: expected[name] for name in names}


def test_coadd_row_has_no_single_epoch_counts(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        (row,) = records(catalogue.sql("SELECT * FROM coadd WHERE band = 'r'"))
    assert [getattr(row, name) for name in ("n_se_seg", "n_off_coadd", "n_good_se", "n_pixels_amp_a")] == [None] * 4


def test_coadd_mask_is_its_planes(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        criteria = catalogue.mask(SPEC.tilename, "r").criteria()
    weight = ingested.plane(None, "weight")
    expected = (ingested.plane(None, "seg") != 0) * np.uint8(Criterion.COADD_SEG)
    expected |= ~(np.isfinite(weight) & (weight > 0)) * np.uint8(Criterion.COADD_WEIGHT)
    expected |= (ingested.plane(None, "bmask") != 0) * np.uint8(Criterion.COADD_BMASK)
    assert np.array_equal(criteria, expected)


def test_fractions_are_ratios_of_the_counts(ingested: Survey) -> None:
    found = epochs(ingested)
    assert np.allclose(found.fraction_good, found.n_good / found.n_pixels, rtol=1e-15)
    assert np.allclose(found.fraction_good_on_coadd, found.n_good / found.n_on_coadd, rtol=1e-15)
    assert np.allclose(found.fraction_good_se, found.n_good_se / found.n_pixels, rtol=1e-15)


@pytest.mark.parametrize("plane", ["se", "coadd"])
def test_bit_counts_are_those_of_the_masks(plane: str, ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        found = catalogue.bits().query("plane == @plane")
    counted = {(row.band, row.expnum, row.ccdnum, row.bit): row.n_pixels for row in records(found)}
    expected = {
        (*key, bit): int(((flags >> (BIT_SHIFT[plane] + bit)) & 1).sum())
        for key, flags in ingested.flags().items()
        for bit in range(N_BITS)
    }
    assert counted == {key: n for key, n in expected.items() if n}


def test_mask_file_has_the_counts_of_the_rows(ingested: Survey) -> None:
    found = pd.read_parquet(ingested.masks).query("kind == 'epoch'").sort_values(KEY).reset_index(drop=True)
    names = [each.name for each in fields(Counts)]
    expected = epochs(ingested).sort_values(KEY).reset_index(drop=True)
    pd.testing.assert_frame_equal(found[names], expected[names], check_dtype=False)


def test_coadd_mask_value_1_is_no_data_and_never_bpm(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        found = catalogue.bits().query("plane == 'coadd'")
        own = catalogue.sql("SELECT DISTINCT plane, bit, name FROM bit_count WHERE coadd_id IS NOT NULL")
    assert set(zip(found.bit, found.name, strict=True)) == {(0, "NO_DATA")}
    assert own.values.tolist() == [["coadd", 0, "NO_DATA"]]


def test_se_mask_value_1_is_bpm(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        found = catalogue.bits().query("plane == 'se' and bit == 0")
    assert set(found.name) == {"BPM"}


def test_other_bit_names_are_recorded_and_used(survey: Survey) -> None:
    names = goodpix.BitNames(se={"HOT": 1}, coadd={"EMPTY": 1})
    survey.ingest(bit_names=names)
    with survey.catalogue() as catalogue:
        found = catalogue.bits().query("bit == 0")
    assert set(zip(found.plane, found.name, strict=True)) == {("se", "HOT"), ("coadd", "EMPTY")}


def test_header_facts_are_those_of_the_image(ingested: Survey) -> None:
    header = fitsio.read_header(ingested.path(0, "image"), ext="sci")
    (row,) = records(epochs(ingested).query("expnum == @ingested.epoch(0)['expnum']"))
    keywords = "MJD-OBS EXPTIME AIRMASS FWHM SKYBRITE SKYSIGMA SKYVARA SKYVARB BUNIT DETPOS DATASECA DATASECB"
    expected = {each.lower().replace("-", "_"): header[each] for each in keywords.split()}
    assert {name: getattr(row, name) for name in expected} == expected
    assert row.nite == int(header["NITE"])


def test_nothing_of_the_run_is_in_a_mask_file(ingested: Survey) -> None:
    text = the_file(ingested).read_bytes()
    assert str(ingested.folder).encode() not in text


def test_row_without_unique_region_has_no_count_of_it(survey: Survey) -> None:
    with survey.editing() as info:
        for key in ("uramin", "uramax", "udecmin", "udecmax", "crossra0"):
            del info[key]
    survey.ingest()
    with survey.catalogue() as catalogue:
        found = catalogue.sql("SELECT count(n_unique) AS n, count(area_good_unique) AS area FROM epoch WHERE band='r'")
    assert found.values.tolist() == [[0, 0]]


def test_unique_region_of_the_whole_coadd_counts_every_pixel_on_it(survey: Survey) -> None:
    wide = {"uramin": SPEC.ra - 1, "uramax": SPEC.ra + 1, "udecmin": SPEC.dec - 1, "udecmax": SPEC.dec + 1}
    survey.set_entry(None, wide)
    survey.ingest()
    found = epochs(survey).query("band == 'r'")
    assert found.n_unique.tolist() == found.n_on_coadd.tolist()
    assert found.n_good_unique.tolist() == found.n_good.tolist()


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
    assert told == [(1, 2), (2, 2)]


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


# Where the files are.


def test_check_finds_the_files_where_the_ingest_did(stored: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDS_DIR")
    assert stored.check(0).equal


def test_check_obeys_the_environment_before_the_ingest(stored: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDS_DIR", "nowhere")
    with pytest.raises(goodpix.GoodpixError, match=r"\(nowhere/.*no such file"):
        stored.check(0)
