"""Facts about checks of mask files by themselves."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from goodpix.ingest.upkeep.filecheck import CheckedFile, CheckedMask, FileJob, check_file, rows_of, spread_over
from goodpix.schema.bits import DES_Y6
from goodpix.schema.errors import UsageError
from goodpix.schema.rows import MaskRow
from goodpix.schema.store.masksroot import MasksRoot

from ....rows import folder_of, write_masks
from ..conftest import Mask


@pytest.fixture
def root(tmp_path: Path) -> MasksRoot:
    return MasksRoot.of(tmp_path / "masks")


def checked(root: MasksRoot, masks: list[Mask], **options: Any) -> CheckedFile:
    return check_file(FileJob(root, write_masks(root, masks, generation=3), **options))


def troubles(root: MasksRoot, masks: list[Mask]) -> dict[int, str]:
    return dict(checked(root, masks).troubles)


def test_undamaged_file_is_whole(root: MasksRoot, masks: list[Mask]) -> None:
    found = checked(root, masks)
    assert (found.whole, found.trouble, found.generation, found.bit_names) == (True, None, 3, DES_Y6)
    assert list(found.usable) == [row.key.name for row, _ in masks]
    assert rows_of(found.masks) == [(row, number) for number, (row, _) in enumerate(masks)]


def test_chosen_row_groups_alone_are_read(root: MasksRoot, masks: list[Mask]) -> None:
    found = checked(root, masks, row_groups={3, 1})
    assert [each.row_group for each in found.masks] == [1, 3]
    assert not found.whole


def test_row_group_that_is_not_there_has_no_row(root: MasksRoot, masks: list[Mask]) -> None:
    (mask,) = checked(root, masks, row_groups={9}).masks
    assert mask.row is None
    assert "there is no row 9 among its 4 masks" in str(mask.trouble)
    assert rows_of([mask]) == []


def test_file_without_the_coadds_mask_is_not_whole(root: MasksRoot, masks: list[Mask]) -> None:
    found = checked(root, masks[1:])
    assert (found.whole, found.troubles) == (False, {})


@pytest.mark.parametrize("name", ["r/notes.parquet", "_goodpix.json", ""])
def test_file_of_another_name_is_not_opened(root: MasksRoot, name: str) -> None:
    assert check_file(FileJob(root, name)) == CheckedFile(name, 0, trouble="not named like a mask file")


def test_missing_file_is_trouble_with_its_generation(root: MasksRoot, masks: list[Mask]) -> None:
    name = write_masks(root, masks, generation=5)
    (folder_of(root) / name).unlink()
    found = check_file(FileJob(root, name))
    assert (found.generation, found.masks, found.whole) == (5, (), False)
    assert "is missing" in str(found.trouble)


def counted_otherwise(**counts: Any) -> Callable[[MaskRow], MaskRow]:
    return lambda row: replace(row, counts=replace(row.counts, **counts))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (counted_otherwise(n_good=0), "n_good is 0 and "),
        (counted_otherwise(n_se_seg=0), "n_se_seg is 0, but "),
        (counted_otherwise(only_se_seg=0, only_off_coadd=0, n_off_coadd=0, n_se_seg=0), "n_se_seg is 0, but "),
        (counted_otherwise(fraction_good=0.5), "fraction_good is 0.5, but "),
        (counted_otherwise(n_pixels_amp_a=7), "n_pixels_amp_a is 7, but 600 in the runs"),
        (counted_otherwise(n_unique=2000, n_good_unique=0), "n_unique is 2000, n_good_unique 0: impossible"),
        (counted_otherwise(n_unique=3, n_good_unique=4), "n_unique is 3, n_good_unique 4: impossible"),
        (lambda row: replace(row, bits={"se": {}, "coadd": {}}), "the pixel counts of mask bits differ"),
    ],
)
def test_counts_that_are_not_those_of_the_runs_are_trouble(
    root: MasksRoot, masks: list[Mask], change: Callable[[MaskRow], MaskRow], message: str
) -> None:
    row, runs = masks[1]
    found = troubles(root, [masks[0], (change(row), runs), *masks[2:]])
    assert list(found) == [1]
    assert message in found[1]
    assert found[1].count(";") <= 2


def test_mask_of_another_tile_is_trouble(root: MasksRoot, masks: list[Mask]) -> None:
    row, runs = masks[1]
    other = replace(row, key=replace(row.key, tilename="DES0000+0000"))
    assert troubles(root, [masks[0], (other, runs)]) == {
        1: "belongs to tile DES0000+0000, band i: the file name says tile DES0124-3332, band i"
    }


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"CTYPE1": "RA---XYZ", "CTYPE2": "DEC--XYZ"}, "recorded WCS: wcslib cannot use this WCS"),
        ({"CRVAL2": "x"}, "recorded WCS: CRVAL2 "),
        ({"CD1_1": 0.0, "CD2_1": 0.0}, "recorded WCS: the CD matrix "),
    ],
)
def test_mask_whose_wcs_cannot_be_used_is_trouble(
    root: MasksRoot, masks: list[Mask], changed: dict[str, object], message: str
) -> None:
    row, runs = masks[1]
    wcs = json.dumps(json.loads(row.facts.wcs) | changed)
    found = troubles(root, [masks[0], (replace(row, facts=replace(row.facts, wcs=wcs)), runs), *masks[2:]])
    assert list(found) == [1]
    assert message in found[1]


def test_second_mask_of_an_epoch_is_trouble(root: MasksRoot, masks: list[Mask]) -> None:
    assert troubles(root, [*masks, masks[2]]) == {4: "the file contains 492769/12 twice"}


def test_mask_whose_row_cannot_be_read_is_trouble_without_a_name() -> None:
    file = CheckedFile("a", 1, (CheckedMask(0, None, "is damaged"),))
    assert (file.usable, file.troubles, file.whole) == ({}, {0: "is damaged"}, False)


def test_damaged_runs_keep_their_row(root: MasksRoot, masks: list[Mask]) -> None:
    row, runs = masks[1]
    found = checked(root, [masks[0], (replace(row, checksum="0" * 64), runs)])
    assert found.masks[1].row is not None
    assert "the checksum does not match its runs" in found.troubles[1]
    assert list(found.usable) == ["coadd"]


@pytest.mark.parametrize("workers", [0, -1])
def test_number_of_workers_that_is_not_positive_is_refused(workers: int) -> None:
    with pytest.raises(UsageError, match=f"workers is {workers}: expected 1 or more"), spread_over(workers):
        pass


def test_one_worker_is_this_process() -> None:
    with spread_over(1) as spread:
        assert spread is map
