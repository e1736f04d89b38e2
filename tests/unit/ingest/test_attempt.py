"""Facts about tile jobs for executors."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from goodpix.ingest.attempt import attempt_alone, attempt_apart, attempt_tile, side_by_side
from goodpix.ingest.plan import TileTask
from goodpix.ingest.tile import ingest_tile
from goodpix.schema.errors import WorkerLostError

from .executing import Executing, cancelled, closed, dead, done, killed
from .tinytile import BAND, TILE, make_images, task_of


@pytest.fixture
def task(tmp_path: Path) -> TileTask:
    make_images(tmp_path)
    return task_of(tmp_path)


def test_attempt_is_the_job(task: TileTask) -> None:
    assert attempt_tile(task).rows == ingest_tile(task).rows


def test_mask_file_that_cannot_be_written_is_a_failure(task: TileTask, tmp_path: Path) -> None:
    (tmp_path / "masks").write_text("in the way")
    receipt = attempt_tile(task)
    assert (receipt.tilename, receipt.band, receipt.whole, receipt.mask_file) == (TILE, BAND, False, None)
    (failure,) = receipt.failures
    assert (failure.key, failure.error_type, failure.fingerprint) == ("info.yaml#coadd", "FileExistsError", None)
    assert failure.message.startswith("no new mask file could be written: ")


def test_tiles_are_submitted_a_few_at_a_time(task: TileTask) -> None:
    taken = []

    def tasks() -> Any:
        for number in range(5):
            taken.append(number)
            yield replace(task, info_path=f"{number}.yaml")

    window = side_by_side(tasks(), Executing(done), 2)
    first, future = next(window.as_done())
    assert (first.info_path, future.result().info_path) == ("0.yaml", "0.yaml")
    assert len(taken) <= 3


def test_tile_that_runs_alone_is_done(task: TileTask) -> None:
    assert attempt_alone(task, Executing(done)).n_made == 2


@pytest.mark.parametrize(
    ("run", "why"), [(dead, "RuntimeError: worker killed"), (cancelled, "CancelledError: cancelled")]
)
def test_tile_whose_second_worker_dies_is_a_failure(task: TileTask, run: Any, why: str) -> None:
    receipt = attempt_alone(task, Executing(run))
    (failure,) = receipt.failures
    assert (receipt.whole, failure.key, failure.error_type) == (False, "info.yaml#coadd", "WorkerLostError")
    assert failure.message == f"its worker died, and so did the next one, which ran this tile alone: {why}"


def test_executor_that_accepts_no_more_is_told_with_the_cure(task: TileTask) -> None:
    message = r"^the executor accepts no more tiles \(RuntimeError: cannot schedule new futures\): finished tiles are"
    with pytest.raises(WorkerLostError, match=message):
        attempt_alone(task, Executing(closed))
    with pytest.raises(WorkerLostError, match=message):
        next(side_by_side(iter([task]), Executing(closed), 2).as_done())


def test_tile_is_tried_apart_once_its_coadd_was_read_elsewhere(task: TileTask, tmp_path: Path) -> None:
    assert attempt_apart(task, Executing(done), map, tmp_path).n_made == 2


def test_coadd_that_cannot_be_read_at_all_is_the_jobs_failure(task: TileTask, tmp_path: Path) -> None:
    """An error is no death: the job itself reports it."""
    (tmp_path / "coadd.fits").unlink()
    (failure,) = attempt_apart(task, Executing(done), map, tmp_path).failures
    assert failure.error_type == "FitsFileError"


def test_coadd_that_kills_its_reader_is_not_read_here(task: TileTask, tmp_path: Path) -> None:
    def never(_function: Any, _jobs: Any) -> Any:
        raise AssertionError("the tile was tried")

    (failure,) = attempt_apart(task, Executing(killed), never, tmp_path).failures
    assert (failure.error_type, failure.key) == ("WorkerLostError", "info.yaml#coadd")
    assert failure.message.startswith("its coadd cannot be read: ")


def test_interrupt_that_a_library_converts_is_no_failure(task: TileTask) -> None:
    def converting(_job: Any, _jobs: Any) -> Any:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as stop:
            raise RuntimeError("the library stopped") from stop

    with pytest.raises(KeyboardInterrupt, match=r"\A\Z"):
        attempt_tile(task, converting)
