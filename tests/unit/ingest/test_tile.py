"""Facts about tile jobs: from images of a few hundred pixels to a mask file and a receipt."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodpix.ingest.plan import Known, KnownTile, Options, SourceMask, TileTask
from goodpix.ingest.tile import Receipt, ingest_tile
from goodpix.schema.maskfile import MaskFile
from goodpix.schema.masks.rle import decode
from goodpix.schema.rows import EpochFacts
from goodpix.schema.store.masksroot import MasksRoot

from ...rows import folder_of
from .tinytile import (
    BAND,
    COADD_SHAPE,
    SHAPE,
    SHIFTS,
    TILE,
    cards,
    coadd_flags,
    epoch_flags,
    make_images,
    some_planes,
    task_of,
    write_image,
)


@pytest.fixture
def task(tmp_path: Path) -> TileTask:
    """The job of a tile that the catalogue does not know."""
    make_images(tmp_path)
    return task_of(tmp_path)


def known(receipt: Receipt, *, stale: bool = False) -> KnownTile:
    """Return what the catalogue knows of the tile once it has stored a receipt."""
    coadd, *epochs = (
        Known(each.row_group or 0, facts.fingerprint, stale, src_index=getattr(facts, "src_index", None))
        for each in receipt.rows
        for facts in [each.row.facts]
    )
    keys = [(each.row.key.expnum or 0, each.row.key.ccdnum or 0) for each in receipt.rows[1:]]
    return KnownTile(receipt.generation, receipt.mask_file, coadd, dict(zip(keys, epochs, strict=True)))


def src_indices(receipt: Receipt) -> dict[str, int | None]:
    facts = {each.row.key.name: each.row.facts for each in receipt.rows}
    return {name: of_one.src_index for name, of_one in facts.items() if isinstance(of_one, EpochFacts)}


def after(task: TileTask, receipt: Receipt, **more: Any) -> TileTask:
    """Return the job that follows on one whose receipt was stored."""
    return replace(task, known=known(receipt), **more)


def failures(receipt: Receipt) -> dict[str, str]:
    return {each.key: each.message for each in receipt.failures}


def change_image(folder: Path, name: str, seed: int = 9) -> None:
    shape, shift = (COADD_SHAPE, (0, 0)) if name == "coadd" else (SHAPE, SHIFTS[int(name)])
    write_image(folder / f"{name}.fits", some_planes(shape, seed), cards(x=shift[0], y=shift[1]))


def opened(task: TileTask, receipt: Receipt) -> MaskFile:
    assert receipt.mask_file is not None
    return MaskFile.open(task.root.path(receipt.mask_file))


def test_new_tile_has_the_masks_of_its_images(task: TileTask) -> None:
    receipt = ingest_tile(task)
    file, coadd = opened(task, receipt), some_planes(COADD_SHAPE, 0)
    assert np.array_equal(decode(file.runs(0)), coadd_flags(coadd))
    for number, (expnum, shift) in enumerate(SHIFTS.items(), start=1):
        assert np.array_equal(decode(file.runs(number)), epoch_flags(some_planes(SHAPE, expnum), coadd, *shift))
    assert [each.row for each in receipt.rows] == list(file.rows())
    assert (receipt.whole, receipt.generation, receipt.failures, receipt.dropped) == (True, 1, (), ())
    assert (receipt.n_made, receipt.n_unchanged, receipt.n_pixels) == (2, 0, 2 * SHAPE[0] * SHAPE[1])
    assert receipt.n_bytes == (folder_of(task.root) / str(receipt.mask_file)).stat().st_size


def test_unchanged_tile_writes_nothing(task: TileTask) -> None:
    again = ingest_tile(after(task, ingest_tile(task)))
    assert (again.mask_file, again.rows, again.generation) == (None, (), 1)
    assert (again.n_made, again.n_unchanged, again.whole) == (0, 2, True)


def test_changed_epoch_alone_is_made_again(task: TileTask, tmp_path: Path) -> None:
    first = ingest_tile(task)
    change_image(tmp_path, "2")
    second = ingest_tile(after(task, first))
    assert [each.made for each in second.rows] == [False, False, True]
    assert (second.generation, second.n_made, second.n_unchanged) == (2, 1, 1)
    assert [each.row for each in second.rows[:2]] == [each.row for each in first.rows[:2]]
    expected = epoch_flags(some_planes(SHAPE, 9), some_planes(COADD_SHAPE, 0), *SHIFTS[2])
    assert np.array_equal(decode(opened(task, second).runs(2)), expected)


def test_changed_coadd_changes_every_mask(task: TileTask, tmp_path: Path) -> None:
    first = ingest_tile(task)
    change_image(tmp_path, "coadd")
    second = ingest_tile(after(task, first))
    assert [each.made for each in second.rows] == [True, True, True]


def test_changed_coadd_costs_no_image_whose_mask_is_a_source(task: TileTask, tmp_path: Path) -> None:
    first = ingest_tile(task)
    change_image(tmp_path, "coadd")
    expected = ingest_tile(after(task, first))
    for expnum in SHIFTS:
        path = tmp_path / f"{expnum}.fits"
        state = path.stat()
        path.write_bytes(bytes(state.st_size))
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    sources = {(expnum, 2): (SourceMask(str(first.mask_file), number),) for number, expnum in enumerate(SHIFTS, 1)}
    second = ingest_tile(after(task, first, sources=sources))
    assert [each.made for each in second.rows] == [True, True, True]
    assert (second.failures, second.rows, second.mask_file) == ((), expected.rows, expected.mask_file)


def test_forced_job_makes_the_same_masks_in_a_new_file(task: TileTask) -> None:
    first = ingest_tile(task)
    second = ingest_tile(after(task, first, force=True))
    assert [each.row for each in second.rows] == [each.row for each in first.rows]
    assert (second.n_made, second.generation) == (2, 2)


def test_epoch_that_is_no_longer_listed_is_dropped(task: TileTask) -> None:
    first = ingest_tile(task)
    fewer = task.info.model_copy(update={"src_info": task.info.src_info[:1]})
    second = ingest_tile(after(task, first, info=fewer))
    assert (second.dropped, [each.row.key.name for each in second.rows]) == (((2, 2),), ["coadd", "1/2"])


def test_order_of_the_info_file_is_recorded_and_followed(task: TileTask) -> None:
    first = ingest_tile(task)
    assert src_indices(first) == {"1/2": 0, "2/2": 1}
    turned = replace(task, info=task.info.model_copy(update={"src_info": task.info.src_info[::-1]}))
    second = ingest_tile(after(turned, first))
    assert (second.n_made, src_indices(second)) == (0, {"2/2": 0, "1/2": 1})
    # the file is the one that a first ingest of the info file makes, but for its generation
    direct = ingest_tile(replace(turned, root=MasksRoot.of(folder_of(task.root) / "other")))
    assert [each.row for each in second.rows] == [each.row for each in direct.rows]
    assert ingest_tile(after(turned, second)).mask_file is None


def test_index_that_is_not_recorded_comes_with_the_next_change(task: TileTask, tmp_path: Path) -> None:
    first = ingest_tile(task)
    of_tile = known(first)
    older = {key: replace(each, src_index=None) for key, each in of_tile.epochs.items()}
    again = replace(task, known=replace(of_tile, epochs=older))
    assert ingest_tile(again).mask_file is None
    change_image(tmp_path, "2")
    assert src_indices(ingest_tile(again)) == {"1/2": 0, "2/2": 1}


def test_epoch_that_fails_leaves_its_index_to_no_other(task: TileTask, tmp_path: Path) -> None:
    (tmp_path / "1.fits").unlink()
    assert src_indices(ingest_tile(task)) == {"2/2": 1}


def test_epoch_that_fails_costs_no_other(task: TileTask, tmp_path: Path) -> None:
    (tmp_path / "1.fits").unlink()
    receipt = ingest_tile(task)
    assert [each.row.key.name for each in receipt.rows] == ["coadd", "2/2"]
    (failure,) = receipt.failures
    assert (failure.key, failure.error_type, failure.expnum) == ("info.yaml#1/2", "FitsFileError", 1)
    assert failure.message.endswith("1.fits: no such file")
    assert failure.fingerprint is not None


def test_epoch_that_fails_keeps_its_last_good_mask_as_stale(task: TileTask, tmp_path: Path) -> None:
    first = ingest_tile(task)
    (tmp_path / "1.fits").unlink()
    second = ingest_tile(after(task, first))
    assert [getattr(each.row.facts, "stale", None) for each in second.rows] == [None, True, False]
    assert second.rows[1].row.checksum == first.rows[1].row.checksum
    assert list(failures(second)) == ["info.yaml#1/2"]


def test_failure_of_unchanged_inputs_is_not_tried_again_unless_asked(task: TileTask, tmp_path: Path) -> None:
    (tmp_path / "1.fits").unlink()
    first = ingest_tile(task)
    failed = {each.key: each.fingerprint for each in first.failures}
    second = ingest_tile(after(task, first, failed=failed))
    assert (second.failures, second.failed_before, second.mask_file) == ((), ("info.yaml#1/2",), None)
    third = ingest_tile(after(task, first, failed=failed, retry_failed=True))
    assert (list(failures(third)), third.failed_before) == (["info.yaml#1/2"], ())


def test_coadd_that_fails_ends_the_job(task: TileTask, tmp_path: Path) -> None:
    (tmp_path / "coadd.fits").unlink()
    receipt = ingest_tile(task)
    assert (receipt.whole, receipt.mask_file, receipt.rows) == (False, None, ())
    assert list(failures(receipt)) == ["info.yaml#coadd"]
    failed = {each.key: each.fingerprint for each in receipt.failures}
    again = ingest_tile(replace(task, failed=failed))
    assert (again.whole, again.failures, again.failed_before) == (False, (), ("info.yaml#coadd",))


def test_mask_file_that_is_lost_is_made_again(task: TileTask, caplog: pytest.LogCaptureFixture) -> None:
    first = ingest_tile(task)
    (folder_of(task.root) / str(first.mask_file)).unlink()
    second = ingest_tile(after(task, first))
    assert [each.made for each in second.rows] == [True, True, True]
    assert f"{TILE} {BAND}: making all masks again: " in caplog.text


def test_row_group_that_holds_another_mask_is_made_again(
    task: TileTask, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = ingest_tile(task)
    change_image(tmp_path, "2")
    of_tile = known(first)
    wrong = {(1, 2): replace(of_tile.epochs[1, 2], row_group=2), (2, 2): of_tile.epochs[2, 2]}
    second = ingest_tile(replace(task, known=replace(of_tile, epochs=wrong)))
    assert [each.made for each in second.rows] == [False, True, True]
    assert "row group 2 holds another mask" in caplog.text


def test_receipt_is_the_same_however_the_work_is_spread(task: TileTask) -> None:
    def backwards(function: Any, jobs: Any) -> Any:
        return reversed([function(job) for job in reversed(list(jobs))])

    one, other = ingest_tile(task), ingest_tile(task, backwards)
    assert (one.mask_file, one.rows) == (other.mask_file, other.rows)


def test_shortage_of_memory_is_tried_again(task: TileTask) -> None:
    def fail(function: Any, jobs: Any) -> Any:
        raise MemoryError

    receipt = ingest_tile(task, fail)
    (failure,) = receipt.failures
    assert (failure.error_type, failure.fingerprint) == ("MemoryError", None)


def test_option_is_part_of_the_inputs(task: TileTask) -> None:
    first = ingest_tile(task)
    second = ingest_tile(after(task, first, options=Options(allow_dithered_weights=True)))
    assert second.n_made == 2
