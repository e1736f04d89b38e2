"""A sweep finds the files that nobody needs, and no other."""

import shutil
from pathlib import Path

import pytest

import goodpix

from .conftest import Run
from .damage import make_older, mask_path
from .survey import Survey, rewrite


@pytest.fixture
def ingested_twice(stored: Survey) -> Survey:
    """A catalogue of which one tile has two generations of mask files, a week old."""
    rewrite(stored.path(0, "image"), {"msk": stored.plane(0, "bmask") | 16})
    stored.ingest()
    for name in stored.mask_files():
        make_older(stored.masks / name, days=7)
    return stored


def names(report: goodpix.GcReport) -> list[str]:
    return [each.name for each in report.files]


def everything(survey: Survey) -> list[str]:
    return sorted(str(path.relative_to(survey.masks)) for path in survey.masks.rglob("*") if path.is_file())


def test_nothing_of_a_fresh_catalogue_is_old(ingested: Survey) -> None:
    assert goodpix.gc(ingested.database).files == ()


def test_earlier_generation_is_listed_with_its_size(ingested_twice: Survey) -> None:
    path = mask_path(ingested_twice)
    (found,) = goodpix.gc(ingested_twice.database).files
    assert (found.name, found.n_bytes, round(found.days)) == (f"r/{path.name}", path.stat().st_size, 7)
    assert path.exists()


def test_delete_removes_what_is_listed_and_nothing_else(ingested_twice: Survey) -> None:
    before, flags = everything(ingested_twice), ingested_twice.flags()
    listed = names(goodpix.gc(ingested_twice.database))
    report = goodpix.gc(ingested_twice.database, delete=True)
    assert (names(report), report.deleted) == (listed, True)
    assert everything(ingested_twice) == sorted(set(before) - set(listed))
    assert len(ingested_twice.flags()) == len(flags)
    assert goodpix.verify(ingested_twice.database).ok
    assert goodpix.gc(ingested_twice.database).files == ()


def test_file_of_today_stays(ingested_twice: Survey) -> None:
    make_older(mask_path(ingested_twice), days=0.9)
    report = goodpix.gc(ingested_twice.database, delete=True)
    assert (report.files, report.n_kept) == ((), 1)
    assert mask_path(ingested_twice).exists()


def test_highest_generation_stays_though_no_row_names_it(ingested_twice: Survey) -> None:
    newest = mask_path(ingested_twice, generation=2)
    orphan = newest.with_name(newest.name.replace("_g2_", "_g3_"))
    shutil.copy2(newest, orphan)
    report = goodpix.gc(ingested_twice.database, delete=True)
    assert names(report) == [f"r/{mask.name}" for mask in [Path(report.files[0].name)]]
    assert orphan.exists()
    assert newest.exists()
    assert report.n_kept == 1


def test_highest_generation_of_a_tile_without_rows_stays(ingested_twice: Survey) -> None:
    newest = mask_path(ingested_twice, "i")
    other = newest.with_name(newest.name.replace("DES0131-3206", "DES0000+0000"))
    shutil.copy2(newest, other)
    goodpix.gc(ingested_twice.database, delete=True)
    assert other.exists()


def test_temporary_file_of_a_killed_job_goes_after_a_day(ingested_twice: Survey) -> None:
    old, new = (ingested_twice.masks / "r" / f".{name}.partial" for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half of a mask file")
    make_older(old)
    report = goodpix.gc(ingested_twice.database, delete=True)
    assert "r/.old.partial" in names(report)
    assert not old.exists()
    assert new.exists()


def test_files_that_are_not_ours_stay(ingested_twice: Survey) -> None:
    for name in ("notes.txt", "mine.parquet", ".hidden"):
        path = ingested_twice.masks / "r" / name
        path.write_text("")
        make_older(path)
    before = everything(ingested_twice)
    goodpix.gc(ingested_twice.database, delete=True)
    assert len(everything(ingested_twice)) == len(before) - 1


@pytest.mark.parametrize("text", [None, '{"format_version": 1, "uuid": "x"}'])
def test_root_that_is_not_the_catalogues_is_refused(ingested_twice: Survey, text: str | None) -> None:
    marker = ingested_twice.masks / "_goodpix.json"
    marker.unlink() if text is None else marker.write_text(text)
    with pytest.raises(
        goodpix.GoodpixError, match=r"masks root .*: nothing removed: (its _goodpix.json is missing|it belongs to)"
    ):
        goodpix.gc(ingested_twice.database, delete=True)
    assert mask_path(ingested_twice).exists()


def test_command_lists_and_removes(ingested_twice: Survey, cli: Run) -> None:
    path = mask_path(ingested_twice)
    n_bytes = path.stat().st_size
    listed = cli("gc", "--db", ingested_twice.database)
    assert (listed.status, len(listed.out.splitlines())) == (0, 1)
    assert listed.out.split() == [f"{n_bytes:,}", "7", "d", f"r/{path.name}"]
    assert listed.lines == [f"1 file that no row needs, {n_bytes:,} bytes (--delete, delete=True, removes them)"]
    removed = cli("gc", "--delete", "--db", ingested_twice.database)
    assert removed.lines == [f"1 file removed, {n_bytes:,} bytes"]
    assert not path.exists()
