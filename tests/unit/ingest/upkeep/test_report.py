"""Facts about the lines that upkeep reports."""

from pathlib import Path

import pytest

from goodpix.ingest.upkeep.report import (
    GcReport,
    OldFile,
    Problem,
    RebuildReport,
    UpgradeReport,
    VerifyReport,
)

PROBLEM = Problem("row", "coadd (tile T, band r)", "n_good is 1, but 2 in the mask file")


def test_problem_is_one_line() -> None:
    assert str(PROBLEM) == "row: coadd (tile T, band r): n_good is 1, but 2 in the mask file"


def verified(*problems: Problem, repaired: tuple[Problem, ...] = (), **more: int | None) -> VerifyReport:
    given = {"n_files": 1, "n_masks": 2000, "n_images": 0, "seed": None} | more
    return VerifyReport(problems, repaired, (), **given)  # type: ignore[arg-type]  # n_files is no None here


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (verified(), "2,000 masks in 1 file checked: nothing is wrong"),
        (verified(n_coadds=1), "2,000 masks in 1 file checked (1,999 epochs, 1 coadd): nothing is wrong"),
        (verified(PROBLEM), "2,000 masks in 1 file checked: 1 problem"),
        (verified(seed=7), "2,000 masks in 1 file checked, chosen with seed 7: nothing is wrong"),
        (
            verified(n_masks=1, n_files=2, n_images=3, seed=0),
            "1 mask in 2 files checked, 3 derived again from the images, chosen with seed 0: nothing is wrong",
        ),
        (
            verified(PROBLEM, PROBLEM, repaired=(PROBLEM,), n_lost=1, n_masks=9),
            "9 masks in 1 file checked: 1 problem repaired, 1 mask lost until the next goodpix ingest, 2 problems left",
        ),
        (verified(repaired=(PROBLEM, PROBLEM)), "2,000 masks in 1 file checked: 2 problems repaired"),
        (
            verified(repaired=(PROBLEM, PROBLEM), n_lost=2),
            "2,000 masks in 1 file checked: 2 problems repaired, 2 masks lost until the next goodpix ingest",
        ),
    ],
)
def test_verify_says_what_was_checked_and_what_is_wrong(report: VerifyReport, text: str) -> None:
    assert str(report) == text
    assert report.ok == (not report.problems)


@pytest.mark.parametrize(
    ("failures", "text"),
    [
        ((), "3 epochs of 1 tile"),
        (("a",), "3 epochs of 1 tile, 1 failure"),
        (("a", "b"), "3 epochs of 1 tile, 2 failures"),
    ],
)
def test_rebuild_counts_what_it_has(failures: tuple[str, ...], text: str) -> None:
    assert str(RebuildReport(1, 3, failures, ())) == text


def test_rebuild_of_one_tile_in_two_bands_counts_one_tile() -> None:
    assert str(RebuildReport(1, 1, (), (), n_bands=2)) == "1 epoch of 1 tile in 2 bands"


FILES = (OldFile("r/a.parquet", 1500, 2.0), OldFile("r/b.parquet", 7, 3.0))


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (GcReport((), 0, False), "0 files that no row needs, 0 bytes"),
        (GcReport(FILES, 0, False), "2 files that no row needs, 1,507 bytes (--delete, delete=True, removes them)"),
        (GcReport(FILES[1:], 0, True), "1 file removed, 7 bytes"),
        (GcReport((), 2, True), "0 files removed, 0 bytes; 2 kept, new or of the highest generation"),
    ],
)
def test_garbage_is_counted_with_the_cure(report: GcReport, text: str) -> None:
    assert str(report) == text


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (UpgradeReport("0002", "0004", None), "revision 0002 -> 0004"),
        (UpgradeReport("0002", "0004", Path("a.db.bak-0002")), "revision 0002 -> 0004, backup in a.db.bak-0002"),
        (UpgradeReport("0004", "0004", None), "nothing more to do: tables at revision 0004, all views present"),
    ],
)
def test_upgrade_names_revisions_and_backup(report: UpgradeReport, text: str) -> None:
    assert str(report) == text
