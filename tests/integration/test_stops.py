"""An ingest that is stopped: what is done is stored, and the same command goes on."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from goodpix.ingest.images.sharedarray import remove_leftovers

from ..faults.commands import Command, Forks
from ..waiting import until
from .deadly import DeadlyFile, deadly_seg
from .survey import Survey

pytestmark = pytest.mark.slow


def report_path(survey: Survey) -> Path:
    return survey.folder.parent / "report.json"


@contextmanager
def ingest_that_waits(forks: Forks, survey: Survey, workers: int) -> Iterator[tuple[Command, DeadlyFile]]:
    """Run an ingest that has done the first tile, and then waits for a file of the second."""
    places = ["--db", survey.database, "--masks", survey.masks, "--workers", workers, "--report", report_path(survey)]
    environment = {"MEDS_DIR": survey.folder, "TMPDIR": survey.folder.parent}
    with deadly_seg(survey, 1, n_kills=0) as file:
        running = forks.start("ingest", survey.folder, *places, environment=environment)
        try:
            running.until_said("i: 3 epochs made")
            with file.held_open():
                yield running, file
        finally:
            running.kill()
    until(lambda: not file.is_read, "its processes end")


def outcomes(survey: Survey) -> list[str | None]:
    with survey.catalogue() as catalogue:
        found = catalogue.sql("SELECT outcome FROM ingest_run ORDER BY run_id").outcome
    return [each if isinstance(each, str) else None for each in found]


def checksums(survey: Survey) -> list[str]:
    with survey.catalogue() as catalogue:
        return [mask.encoded.checksum for kind in ("epoch", "coadd") for mask in catalogue.masks(kind=kind)]


@pytest.mark.parametrize(
    ("number", "status", "workers"),
    [(signal.SIGINT, 130, 1), (signal.SIGTERM, 143, 1), (signal.SIGTERM, 143, 2), (signal.SIGINT, 130, 3)],
)
def test_a_stopped_ingest_stores_what_is_done_and_says_so(
    forks: Forks, survey: Survey, ingested: Survey, number: int, status: int, workers: int
) -> None:
    """Of two tiles: two workers do one each, three share the epochs of both."""
    with ingest_that_waits(forks, survey, workers) as (running, file):
        os.kill(running.process, number)
        done = running.end()
        until(lambda: not file.is_read, "its workers end, and do not read on")
    assert done.status == status, done.err
    assert "stopped: finished work is stored" in done.err
    assert "unfinished work was killed" not in done.err
    assert "Traceback" not in done.err
    assert outcomes(survey) == ["interrupted"]
    with survey.catalogue() as catalogue:
        assert set(catalogue.epochs().band) == {"i"}
        assert catalogue.failures().empty
    report = json.loads(report_path(survey).read_text())
    assert (report["outcome"], report["n_tiles"], report["n_epochs"]) == ("interrupted", 1, 3)
    file.mend()
    assert survey.ingest().n_epochs == 3
    assert outcomes(survey) == ["interrupted", "done"]
    assert checksums(survey) == checksums(ingested)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_stops_it_too(forks: Forks, survey: Survey, number: int) -> None:
    """As a terminal and a batch system send it."""
    with ingest_that_waits(forks, survey, 3) as (running, _):
        os.killpg(running.process, number)
        done = running.end()
    assert done.status == 128 + number, done.err
    assert outcomes(survey) == ["interrupted"]
    with survey.catalogue() as catalogue:
        assert len(catalogue.epochs()) == 3
        assert catalogue.failures().empty


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_killed_ingest_takes_its_workers_along_and_is_completed(
    forks: Forks, survey: Survey, ingested: Survey, workers: int
) -> None:
    with ingest_that_waits(forks, survey, workers) as (running, file):
        running.kill()
        until(lambda: not file.is_read, "its workers end, and do not read on")
    assert outcomes(survey) == [None]
    file.mend()
    assert survey.ingest().n_epochs == 3
    assert outcomes(survey) == [None, "done"]
    assert checksums(survey) == checksums(ingested)


def test_the_scratch_folder_of_a_killed_ingest_is_removed_by_the_next(
    forks: Forks, survey: Survey, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ingest_that_waits(forks, survey, 3) as (running, _):
        running.kill()
    (left,) = survey.folder.parent.glob("goodpix-scratch-*")
    old = time.time() - 3600
    os.utime(left, (old, old))
    monkeypatch.setattr("tempfile.tempdir", str(survey.folder.parent))
    remove_leftovers()
    assert not left.exists()
