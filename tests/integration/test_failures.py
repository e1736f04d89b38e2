"""Epochs and coadds that cannot be read, and what becomes of their masks."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import goodpix

from .survey import Survey, change_comment, change_image, epochs, failures, records, stale

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
    change_comment(lost.path(2, "seg"))
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
    assert "1 failed before and not tried again (use --retry-failed, retry_failed=True)" in done.err


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
