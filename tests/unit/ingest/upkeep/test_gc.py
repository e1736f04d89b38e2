"""Facts about garbage collection in a masks root."""

import os
import time
from pathlib import Path

import pytest

from goodpix.ingest.upkeep.gc import gc
from goodpix.schema.errors import CatalogueError

from ....rows import folder_of, write_masks
from ..conftest import Mask, SmallCatalogue


@pytest.fixture
def folder(catalogue: SmallCatalogue) -> Path:
    return folder_of(catalogue.root)


def aged(path: Path, days: float) -> Path:
    when = time.time() - days * 86400
    os.utime(path, (when, when))
    return path


def superseded(catalogue: SmallCatalogue, masks: list[Mask], days: float) -> Path:
    """Write a mask file of an earlier generation than the one in use, which no row names."""
    (folder_of(catalogue.root) / catalogue.mask_file()).unlink()
    newer = write_masks(catalogue.root, masks, generation=2)
    catalogue.change(f"UPDATE coadd SET generation = 2, mask_file = '{newer}'")
    return aged(folder_of(catalogue.root) / write_masks(catalogue.root, masks[:1]), days)


def test_file_in_use_stays_however_old(catalogue: SmallCatalogue, folder: Path) -> None:
    path = aged(folder / catalogue.mask_file(), 1000)
    report = gc(catalogue.path, delete=True)
    assert (report.files, report.n_kept, report.deleted) == ((), 0, True)
    assert path.exists()


def test_superseded_file_is_listed_with_size_and_age(catalogue: SmallCatalogue, masks: list[Mask]) -> None:
    path = superseded(catalogue, masks, 2.5)
    report = gc(catalogue.path)
    (found,) = report.files
    assert (found.name, found.n_bytes) == (f"i/{path.name}", path.stat().st_size)
    assert found.days == pytest.approx(2.5, abs=0.01)
    assert report.n_bytes == found.n_bytes
    assert path.exists()


@pytest.mark.parametrize(("days", "kept"), [(0.99, 1), (1.01, 0)])
def test_superseded_file_is_removed_after_a_day(
    catalogue: SmallCatalogue, masks: list[Mask], days: float, kept: int
) -> None:
    path = superseded(catalogue, masks, days)
    report = gc(catalogue.path, delete=True)
    assert (len(report.files), report.n_kept, path.exists()) == (1 - kept, kept, bool(kept))


def test_highest_generation_stays_though_no_row_names_it(catalogue: SmallCatalogue, masks: list[Mask]) -> None:
    newer = aged(folder_of(catalogue.root) / write_masks(catalogue.root, masks[:1], generation=3), 9)
    report = gc(catalogue.path, delete=True)
    assert (report.files, report.n_kept, newer.exists()) == ((), 1, True)


def test_nothing_is_removed_while_the_file_in_use_cannot_be_read(catalogue: SmallCatalogue, masks: list[Mask]) -> None:
    path = superseded(catalogue, masks, 9)
    used = folder_of(catalogue.root) / catalogue.mask_file()
    used.write_bytes(used.read_bytes()[:-9])
    report = gc(catalogue.path, delete=True)
    assert (len(report.files), report.deleted, path.exists()) == (1, False, True)
    assert [each.startswith(f"mask file {used} is damaged") for each in report.unreadable] == [True]


@pytest.mark.parametrize(("name", "gone"), [(".abc.partial", True), (".hidden", False), ("mine.parquet", False)])
def test_temporary_files_alone_are_taken_for_ours(
    catalogue: SmallCatalogue, folder: Path, name: str, gone: bool
) -> None:
    (folder / "i" / name).write_text("")
    path = aged(folder / "i" / name, 9)
    gc(catalogue.path, delete=True)
    assert path.exists() != gone


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        (None, "nothing removed: its _goodpix.json is missing"),
        ('{"format_version": 1, "uuid": "x"}', "nothing removed: it belongs to catalogue x"),
    ],
)
def test_root_that_is_not_the_catalogues_is_refused(
    catalogue: SmallCatalogue, folder: Path, marker: str | None, message: str
) -> None:
    path = folder / "_goodpix.json"
    path.unlink() if marker is None else path.write_text(marker)
    with pytest.raises(CatalogueError, match=message):
        gc(catalogue.path, delete=True)
