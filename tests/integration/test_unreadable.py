"""What cannot be read for the moment is not taken for missing: rows and files stay, and it is named."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import goodpix

from .conftest import Run
from .damage import flip_mask, make_older, mask_path
from .objects import Bucket
from .survey import SPEC, Survey, change_image, failures, records, rewrite, stale


@contextmanager
def away(path: Path) -> Iterator[None]:
    """Put a link to itself in the place of a file, which nobody can open, not even root."""
    elsewhere = path.with_name(f"{path.name}.away")
    path.rename(elsewhere)
    path.symlink_to(path.name)
    yield
    path.unlink(missing_ok=True)
    elsewhere.rename(path)


@contextmanager
def unmounted(folder: Path) -> Iterator[None]:
    """Put a link to nothing in the place of a folder, as to a disk that is not mounted."""
    elsewhere = folder.parent.parent / f"{folder.name}-disk"
    folder.rename(elsewhere)
    folder.symlink_to(folder.parent.parent / "no-disk")
    yield
    folder.unlink()
    elsewhere.rename(folder)


@pytest.fixture
def url(stored: Survey, database_url: str) -> str:
    """A database of the stored catalogue on either engine."""
    goodpix.rebuild(database_url, stored.masks)
    return database_url


def generation(url: str) -> dict[str, int]:
    with goodpix.Catalogue(url) as catalogue:
        return {row.band: row.generation for row in records(catalogue.tiles())}


def n_epochs(url: str) -> int:
    with goodpix.Catalogue(url) as catalogue:
        return len(catalogue.epochs())


def assert_kept_by_a_repair(url: str, cli: Run, says: str) -> None:
    done = cli("verify", "--repair", "--db", url)
    assert done.status == 1
    assert says in done.out
    assert "repaired" not in done.out
    assert n_epochs(url) == 6


def test_rows_of_a_file_that_cannot_be_opened_stay(stored: Survey, url: str, cli: Run) -> None:
    with away(mask_path(stored)):
        assert_kept_by_a_repair(url, cli, "cannot be read")
    assert goodpix.verify(url).ok


def test_rows_of_a_folder_on_a_disk_that_is_not_mounted_stay(stored: Survey, url: str, cli: Run) -> None:
    with unmounted(stored.masks / "r"):
        assert_kept_by_a_repair(url, cli, "masks/r cannot be listed")
    assert goodpix.verify(url).ok


def test_rows_of_a_lost_file_stay_while_another_of_its_tile_cannot_be_read(stored: Survey, url: str, cli: Run) -> None:
    change_image(stored)
    stored.ingest(db=url)
    mask_path(stored, generation=2).unlink()
    raise_format(mask_path(stored))
    assert_kept_by_a_repair(url, cli, "rows are left as they are, because mask file")


def raise_format(path: Path) -> None:
    """Make a mask file look as if a newer goodpix had written it."""
    metadata = b"goodpix.format_version\x18\x01"
    content = path.read_bytes()
    assert metadata + b"2" in content
    path.write_bytes(content.replace(metadata + b"2", metadata + b"9"))


def test_rows_of_a_file_of_a_newer_format_stay(stored: Survey, url: str, cli: Run) -> None:
    raise_format(mask_path(stored))
    assert_kept_by_a_repair(url, cli, "format version 9, expected 2 or older")


def test_folder_behind_a_link_is_part_of_the_root(stored: Survey, url: str) -> None:
    shutil.move(stored.masks / "r", stored.masks.parent / "other-disk")
    (stored.masks / "r").symlink_to(stored.masks.parent / "other-disk")
    assert goodpix.rebuild(url, force=True).n_epochs == 6
    assert goodpix.verify(url).ok


@pytest.mark.parametrize("what", ["file", "folder"])
def test_good_database_is_not_replaced_by_a_part_of_it(stored: Survey, url: str, cli: Run, what: str) -> None:
    with away(mask_path(stored)) if what == "file" else unmounted(stored.masks / "r"):
        done = cli("rebuild", "--force", "--db", url)
        assert done.status == 1
        assert "cannot be" in done.lines[-2]
        assert done.lines[-1].endswith("the old database is kept (--force-partial, force_partial=True, replaces it)")
        assert n_epochs(url) == 6
        partial = cli("rebuild", "--force-partial", "--db", url)
        assert partial.status == 1
        assert n_epochs(url) == 3
        with goodpix.Catalogue(url) as catalogue:
            assert list(catalogue.failures().band) == ["r"]
    assert goodpix.rebuild(url, force=True).ok
    assert n_epochs(url) == 6


def test_database_that_is_lost_is_rebuilt_in_part(stored: Survey, cli: Run) -> None:
    stored.database.unlink()
    with away(mask_path(stored)):
        done = cli("rebuild", "--db", stored.database, "--masks", stored.masks)
    assert (done.status, n_epochs(str(stored.database))) == (1, 3)


@pytest.mark.parametrize("what", ["file", "folder", "missing file"])
def test_nothing_is_removed_while_something_cannot_be_read(stored: Survey, url: str, cli: Run, what: str) -> None:
    change_image(stored)
    stored.ingest(db=url)
    older, other = mask_path(stored), mask_path(stored, "i")
    for each in (older, other):
        make_older(each, days=7)
    with unmounted(stored.masks / "i") if what == "folder" else away(other):
        if what == "missing file":
            other.unlink()
        done = cli("gc", "--delete", "--db", url)
    assert done.status == 1
    assert older.exists()
    assert "none is removed until everything can be read" in done.lines[-1]


def test_ingest_beside_a_file_that_cannot_be_read_keeps_its_masks(stored: Survey) -> None:
    stored.path(0, "image").unlink()
    stored.ingest()
    assert stale(stored) == [stored.name(0)]
    with away(mask_path(stored, generation=2)):
        change_image(stored, 1)
        report = stored.ingest()
        assert ["cannot be read" in each.message for each in report.failures] == [True]
    assert stored.ingest().n_epochs == 1
    # made again from the files, its last good mask would be lost
    assert stale(stored) == [stored.name(0)]


@pytest.mark.parametrize("left", ["nothing", "an empty folder"])
def test_root_that_is_away_is_named_rather_than_its_files(stored: Survey, url: str, cli: Run, left: str) -> None:
    stored.masks.rename(stored.masks.with_name("elsewhere"))
    if left == "an empty folder":
        stored.masks.mkdir()
    message = (
        f"masks root {stored.masks}: its _goodpix.json is missing: is the disk mounted, or was the folder moved? "
        "(goodpix rebuild --force --masks FOLDER takes a folder that was moved)"
    )
    with goodpix.Catalogue(url) as catalogue:
        ra, dec = catalogue.epochs(band="r", columns="ra_cent,dec_cent", limit=1).iloc[0]
    tile = [SPEC.tilename, "r"]
    for question in (["mask", *tile], ["map", *tile], ["map"], ["at", ra, dec]):
        done = cli(*question, "--db", url)
        assert done.status != 0
        assert done.lines[-1].endswith(message)
    done = cli("sky", "--db", url)
    assert (done.status, done.out, done.lines[-1]) == (1, "", "CCD images that could not be used: 6")
    csv = cli("sky", "--db", url, "--format", "csv").out
    assert (len(csv.splitlines()), csv.count("is the disk mounted")) == (7, 6)


def test_generation_of_a_lost_file_is_not_used_again(stored: Survey, url: str, cli: Run) -> None:
    change_image(stored)
    stored.ingest(db=url)
    for each in (1, 2):
        mask_path(stored, generation=each).unlink()
    assert goodpix.verify(url, repair=True).n_lost == 4
    again = goodpix.verify(url)
    assert again.ok
    assert again.notes == (
        f"tile {SPEC.tilename}, band r: its masks are lost until the next goodpix ingest (goodpix failures)",
    )
    assert generation(url) == {"r": 2, "i": 1}
    assert cli("mask", SPEC.tilename, "r", "--db", url).lines[-1].endswith("is missing: goodpix ingest remakes it")
    assert stored.ingest(db=url).n_epochs == 3
    assert generation(url) == {"r": 3, "i": 1}
    assert goodpix.verify(url).notes == ()


def test_coadd_whose_own_mask_is_damaged_is_made_again(stored: Survey, url: str) -> None:
    flip_mask(stored, 0)
    assert goodpix.verify(url, repair=True).n_lost == 4
    assert goodpix.verify(url).ok
    assert stored.ingest(db=url).n_epochs == 3
    assert generation(url) == {"r": 2, "i": 1}


def test_generation_survives_a_rebuild_without_any_whole_file(stored: Survey, database_url: str) -> None:
    change_image(stored)
    stored.ingest()
    for each in (1, 2):
        path = mask_path(stored, generation=each)
        path.write_bytes(path.read_bytes()[:-100])
    assert not goodpix.rebuild(database_url, stored.masks).ok
    assert stored.ingest(db=database_url).n_epochs == 3
    assert generation(database_url) == {"r": 3, "i": 1}


def test_generation_survives_a_rebuild_without_any_file(stored: Survey, url: str) -> None:
    change_image(stored)
    stored.ingest(db=url)
    for each in (1, 2):
        mask_path(stored, generation=each).unlink()
    (failure,) = goodpix.rebuild(url, force=True).failures
    assert failure.endswith("is missing: goodpix ingest remakes it")
    assert stored.ingest(db=url).n_epochs == 3
    assert generation(url) == {"r": 3, "i": 1}


def test_restored_file_gives_its_rows_back(stored: Survey) -> None:
    path = mask_path(stored)
    content = path.read_bytes()
    path.unlink()
    goodpix.verify(stored.database, repair=True)
    path.write_bytes(content)
    assert not goodpix.verify(stored.database).ok
    assert goodpix.verify(stored.database, repair=True).ok
    assert n_epochs(str(stored.database)) == 6


def test_object_that_is_refused_is_not_missing(in_bucket: Survey, bucket: Bucket, cli: Run) -> None:
    bucket.server.refuse("GET", "/r/", 403, "AccessDenied", "Access Denied")
    assert_kept_by_a_repair(str(in_bucket.database), cli, "Access Denied")
    done = cli("rebuild", "--force", "--db", in_bucket.database)
    assert done.status == 1
    assert "Access Denied" in done.err
    assert n_epochs(str(in_bucket.database)) == 6
    bucket.server.accept()
    assert goodpix.verify(in_bucket.database).ok


def test_old_object_stays_while_the_one_in_use_is_refused(in_bucket: Survey, bucket: Bucket, cli: Run) -> None:
    before = bucket.mask_files()
    rewrite(in_bucket.path(0, "image"), {"msk": in_bucket.plane(0, "bmask") | 16})
    in_bucket.ingest(masks=bucket.root)
    bucket.server.age(bucket.name, "_g1_", days=7)
    bucket.server.refuse("GET", "_g2_", 403, "AccessDenied", "Access Denied")
    done = cli("gc", "--delete", "--db", in_bucket.database)
    assert done.status == 1
    bucket.server.accept()
    assert before.items() <= bucket.mask_files().items()
    assert failures(in_bucket).empty


@pytest.mark.parametrize(
    ("call", "number"),
    [("open", errno.EACCES), ("open", errno.EMFILE), ("preadv", errno.EIO), ("preadv", errno.ESTALE)],
)
def test_image_that_cannot_be_read_for_the_moment_is_tried_again_by_the_next_run(
    survey: Survey, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    seg, of_system = survey.path(1, "seg").resolve(), getattr(os, call)

    def failing(file: str | int, *arguments: Any, **options: Any) -> Any:
        path = Path(os.readlink(f"/proc/self/fd/{file}")) if isinstance(file, int) else Path(file).resolve()
        if path == seg:
            raise OSError(number, os.strerror(number), str(file))
        return of_system(file, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        report = survey.ingest()
    (failure,) = report.failures
    assert os.strerror(number) in failure.message
    again = survey.ingest()
    assert (again.failures, again.n_epochs, again.n_failed_before) == ((), 1, 0)
    with survey.catalogue() as catalogue:
        assert catalogue.failures().empty
