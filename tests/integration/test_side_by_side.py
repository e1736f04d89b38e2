"""Several processes make what one makes."""

import os
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import goodpix
from goodpix.ingest import survey as survey_module
from goodpix.ingest.infofiles import read_inputs
from goodpix.ingest.survey import worth_starting
from goodpix.schema.errors import UsageError

from .survey import Survey


@pytest.fixture(autouse=True)
def _every_worker_is_worth_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_module, "BYTES_PER_WORKER", 1)


def files(masks: Path) -> Mapping[str, bytes]:
    return {os.fspath(path.relative_to(masks)): path.read_bytes() for path in sorted(masks.rglob("*.parquet"))}


def ingest(survey: Survey, name: str, **options: object) -> Mapping[str, bytes]:
    """Return the mask files of a catalogue of its own."""
    folder = survey.folder.parent
    report = survey.ingest(db=folder / f"{name}.db", masks=folder / name, **options)
    assert report.failures == ()
    return files(folder / name)


@pytest.mark.parametrize("workers", [2, 3, 5])
def test_any_number_of_workers_makes_the_same_bytes_and_rows(survey: Survey, ingested: Survey, workers: int) -> None:
    """Of two tiles: two workers do one each, three share both, the epochs of either spread over them."""
    alone, together = files(ingested.masks), ingest(survey, "together", workers=workers)
    assert len(alone) == 2
    assert together == alone
    with ingested.catalogue() as one, goodpix.Catalogue(survey.folder.parent / "together.db") as other:
        assert other.epochs().drop(columns="run_id").equals(one.epochs().drop(columns="run_id"))


def test_two_workers_make_the_same_bytes_of_one_tile(survey: Survey, ingested: Survey) -> None:
    masks = survey.folder.parent / "masks-of-one"
    goodpix.ingest_tiles(survey.info_path(), db=survey.folder.parent / "one.db", masks=masks, workers=2)
    ((name, content),) = files(masks).items()
    assert content == files(ingested.masks)[name]


def test_an_executor_makes_the_same_bytes(survey: Survey, ingested: Survey) -> None:
    with ThreadPoolExecutor(2) as executor:
        assert ingest(survey, "executor", executor=executor) == files(ingested.masks)


@pytest.mark.parametrize("workers", [2, 3])
def test_one_bad_epoch_fails_alone(survey: Survey, workers: int, caplog: pytest.LogCaptureFixture) -> None:
    survey.path(1, "seg").unlink()
    report = survey.ingest(workers=workers)
    (failure,) = report.failures
    assert failure.key.endswith(f"#{survey.name(1)}")
    assert (report.n_tiles, report.n_bands, report.n_epochs) == (1, 2, 5)
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert re.search(f"{survey.name(1)}: .*no such file", line)


@pytest.mark.parametrize("workers", [2, 3])
def test_one_bad_coadd_fails_alone(survey: Survey, workers: int) -> None:
    survey.path(None, "seg").unlink()
    report = survey.ingest(workers=workers)
    (failure,) = report.failures
    assert failure.key.endswith("#coadd")
    assert report.n_epochs == 3


def test_failures_are_reported_in_the_order_of_the_input(survey: Survey) -> None:
    for band in "ri":
        survey.path(0, "seg", band).unlink()
    paths = [survey.info_path("r"), survey.info_path("i")]
    report = goodpix.ingest_tiles(paths, db=survey.database, masks=survey.masks, workers=2)
    assert [failure.band for failure in report.failures] == ["r", "i"]


def test_ingest_twice_side_by_side_is_ingest_once(survey: Survey) -> None:
    ingest(survey, "twice", workers=3)
    folder = survey.folder.parent
    report = survey.ingest(db=folder / "twice.db", masks=folder / "twice", workers=3)
    assert (report.n_epochs, report.n_unchanged) == (0, 6)


@pytest.mark.parametrize("workers", [0, -1])
def test_number_of_workers_that_is_not_positive_is_refused(survey: Survey, workers: int) -> None:
    with pytest.raises(UsageError, match=f"workers is {workers}: expected 1 or more"):
        survey.ingest(workers=workers)


def test_little_work_is_done_here(survey: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_module, "BYTES_PER_WORKER", 10**12)
    inputs = read_inputs([survey.info_path()])
    assert worth_starting(8, inputs) == 1
    monkeypatch.setattr(survey_module, "BYTES_PER_WORKER", 1)
    assert worth_starting(8, inputs) == 8
