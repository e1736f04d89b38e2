"""Facts about the choice among the mask files of a tile."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from goodpix.ingest.upkeep.maskfilechoice import Choice, TileFiles, choose_file, lost_mask
from goodpix.schema.store.masksroot import MasksRoot

from ....rows import BAND, TILE, folder_of, write_masks
from ..conftest import Mask


@pytest.fixture
def root(tmp_path: Path) -> MasksRoot:
    return MasksRoot.of(tmp_path / "masks")


def choose(root: MasksRoot) -> Choice:
    return choose_file(TileFiles(root, TILE, BAND, list(root.store.listing().files)))


def damaged(mask: Mask) -> Mask:
    row, runs = mask
    return replace(row, checksum="0" * 64), runs


def truncate(root: MasksRoot, name: str) -> None:
    path = folder_of(root) / name
    path.write_bytes(path.read_bytes()[:-100])


def test_newest_undamaged_file_is_chosen(root: MasksRoot, masks: list[Mask]) -> None:
    names = [write_masks(root, masks, generation=generation) for generation in (2, 10, 9)]
    choice = choose(root)
    assert choice.file is not None
    assert (choice.file.name, choice.generation, choice.failures, choice.notes) == (names[1], 10, (), ())


def test_damaged_file_is_passed_over_but_its_generation_counts(root: MasksRoot, masks: list[Mask]) -> None:
    older, newer = (write_masks(root, masks, generation=generation) for generation in (1, 2))
    truncate(root, newer)
    choice = choose(root)
    assert choice.file is not None
    assert (choice.file.name, choice.generation) == (older, 2)
    (failure,) = choice.failures
    assert failure.key == f"{root.path(newer)}#coadd"
    assert failure.message.endswith(f"; using {older} instead")
    assert failure.fingerprint is None


def test_older_whole_file_is_better_than_a_newer_one_with_a_damaged_mask(root: MasksRoot, masks: list[Mask]) -> None:
    older = write_masks(root, masks[:2], generation=1)
    write_masks(root, [*masks[:3], damaged(masks[3])], generation=2)
    choice = choose(root)
    assert choice.file is not None
    assert choice.file.name == older


def test_without_a_whole_file_the_newest_with_a_coadd_is_chosen(root: MasksRoot, masks: list[Mask]) -> None:
    write_masks(root, [masks[0], damaged(masks[1])], generation=1)
    second = write_masks(root, [*masks[:3], damaged(masks[3])], generation=2)
    third = write_masks(root, masks[1:], generation=3)
    choice = choose(root)
    assert choice.file is not None
    assert (choice.file.name, choice.generation) == (second, 3)
    assert list(choice.file.usable) == [row.key.name for row, _ in masks[:3]]
    by_key = {each.key.removeprefix(f"{root}/"): each.message for each in choice.failures}
    assert by_key[f"{third}#coadd"] == f"it has no coadd mask; using {second} instead"
    assert "checksum" in by_key[f"{second}#{masks[3][0].key.name}"]


def test_tile_without_a_usable_file_has_none(root: MasksRoot, masks: list[Mask]) -> None:
    truncate(root, write_masks(root, masks, generation=4))
    choice = choose(root)
    assert (choice.file, choice.generation) == (None, 4)
    (failure,) = choice.failures
    assert failure.message.endswith("; there is no other file")


def test_tile_without_files_has_generation_0(root: MasksRoot) -> None:
    assert choose(root) == Choice(TILE, BAND, None, 0, (), ())


def test_of_two_files_of_one_generation_the_one_written_last_is_chosen(root: MasksRoot, masks: list[Mask]) -> None:
    first, second = (write_masks(root, some, generation=1) for some in (masks, masks[:2]))
    os.utime(folder_of(root) / first, (2_000_000_000, 2_000_000_000))
    choice = choose(root)
    assert choice.file is not None
    assert choice.file.name == first
    assert choice.notes == (f"{second} and {first} have the same generation: the one written last is used",)


@pytest.mark.parametrize(("name", "expnum", "ccdnum"), [("coadd", None, None), ("7/62", 7, 62), ("mask 3", None, None)])
def test_lost_mask_is_a_failure_that_is_tried_again(
    root: MasksRoot, name: str, expnum: int | None, ccdnum: int | None
) -> None:
    failure = lost_mask(root, "i/a.parquet", (TILE, BAND), name, "message")
    assert (failure.key, failure.path) == (f"{root}/i/a.parquet#{name}", f"{root}/i/a.parquet")
    assert (failure.tilename, failure.band, failure.expnum, failure.ccdnum) == (TILE, BAND, expnum, ccdnum)
    assert (failure.error_type, failure.message, failure.fingerprint) == ("MaskFileError", "message", None)
