"""Workers that die: what was innocent is made, what kills again is a failure."""

import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any

import pytest

from goodpix.ingest import survey as survey_module
from goodpix.schema.errors import WorkerLostError

from .deadly import deadly_seg, dying_workers
from .survey import SPEC, Survey

# So many deaths come to an end only by the test's.
FOR_EVER = 1000


@pytest.fixture(autouse=True)
def _every_worker_is_worth_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_module, "BYTES_PER_WORKER", 1)


@pytest.fixture(params=[2, 3])
def workers(request: pytest.FixtureRequest) -> int:
    """Of two tiles: two workers do one each, three share the epochs of both."""
    found: int = request.param
    return found


def checksums(survey: Survey) -> dict[str, str]:
    with survey.catalogue() as catalogue:
        return {
            str(mask.key): mask.encoded.checksum for kind in ("epoch", "coadd") for mask in catalogue.masks(kind=kind)
        }


def test_a_worker_that_is_killed_once_is_logged_and_loses_nothing(
    survey: Survey, ingested: Survey, workers: int, caplog: pytest.LogCaptureFixture
) -> None:
    with deadly_seg(survey, 1, n_kills=1) as file:
        report = survey.ingest(workers=workers)
    assert len(file.killed) == 1
    assert (report.failures, report.n_epochs, report.outcome) == ((), 6, "done")
    assert checksums(survey) == checksums(ingested)
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert said == ([f"{SPEC.tilename} r: its worker died: retrying the tile"] if workers == 2 else [])


def test_an_epoch_that_kills_every_worker_fails_alone_and_is_tried_again_by_the_next_run(
    survey: Survey, ingested: Survey, workers: int
) -> None:
    """That was perhaps the machine's fault: no --retry-failed is asked for."""
    with deadly_seg(survey, 1, n_kills=FOR_EVER) as file:
        report = survey.ingest(workers=workers)
    assert len(set(file.killed)) == (3 if workers == 2 else 2)
    (failure,) = report.failures
    assert failure.key == f"{survey.info_path()}#{survey.name(1)}"
    assert (failure.error_type, report.n_epochs) == ("WorkerLostError", 5)
    found, expected = checksums(survey), checksums(ingested)
    assert len(found) == len(expected) - 1
    assert found.items() <= expected.items()
    file.mend()
    again = survey.ingest()
    assert (again.failures, again.n_epochs, again.n_unchanged) == ((), 1, 5)
    with survey.catalogue() as catalogue:
        assert catalogue.failures().empty


def test_epochs_of_both_tiles_that_kill_fail_alone(survey: Survey, workers: int) -> None:
    with deadly_seg(survey, 0, FOR_EVER), deadly_seg(survey, 2, FOR_EVER, band="i"):
        report = survey.ingest(workers=workers)
    assert {failure.key.rpartition("#")[2] for failure in report.failures} == {survey.name(0), survey.name(2, "i")}
    assert report.n_epochs == 4


def test_a_coadd_that_kills_every_worker_fails_alone(survey: Survey) -> None:
    """Nor does it matter that a worker dies which has nothing to do."""
    with (
        deadly_seg(survey, None, n_kills=0),  # who reads it does so for ever
        dying_workers(lambda: stored_bands(survey) == {"i"}) as killed,
    ):
        report = survey.ingest(workers=2)
    assert len(set(killed)) >= 3
    (failure,) = report.failures
    assert failure.key == f"{survey.info_path()}#coadd"
    assert (failure.error_type, report.n_epochs) == ("WorkerLostError", 3)


def stored_bands(survey: Survey) -> set[str]:
    """Return the bands of which there are masks, without a word where there is no catalogue yet."""
    with closing(sqlite3.connect(survey.database)) as connection, suppress(sqlite3.OperationalError):
        return {band for (band,) in connection.execute("SELECT band FROM coadd")}
    return set()


# Executors of other people.


class Losing(Executor):
    """Loses what it is given, as often as it is told to, and does the rest; notes what it has at a time."""

    def __init__(self, n_lost: int) -> None:
        self._left = n_lost
        self._threads = ThreadPoolExecutor(1)
        self.n_submitted = 0

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        self.n_submitted += 1
        if self._left > 0:
            self._left -= 1
            lost: Future[Any] = Future()
            lost.set_exception(ConnectionError("the node is gone"))
            return lost
        return self._threads.submit(function, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._threads.shutdown(wait, cancel_futures=cancel_futures)


@pytest.mark.parametrize("n_lost", [1, 2])
def test_tiles_that_an_executor_loses_once_are_made(survey: Survey, ingested: Survey, n_lost: int) -> None:
    with Losing(n_lost) as executor:
        report = survey.ingest(executor=executor)
    assert (report.failures, report.n_epochs) == ((), 6)
    assert checksums(survey) == checksums(ingested)


def test_a_tile_that_an_executor_loses_twice_is_a_failure(survey: Survey) -> None:
    with Losing(3) as executor:
        report = survey.ingest(executor=executor)
    (failure,) = report.failures
    assert failure.key.endswith("#coadd")
    assert failure.error_type == "WorkerLostError"
    assert failure.message.endswith("ConnectionError: the node is gone")
    assert (report.n_epochs, executor.n_submitted) == (3, 4)


def test_cancelled_tiles_are_tried_again(survey: Survey) -> None:
    class Cancelling(ThreadPoolExecutor):
        def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
            future = super().submit(function, *args, **kwargs)
            if not cancelled:
                future = Future()
                future.cancel()
                future.set_running_or_notify_cancel()
                cancelled.append(future)
            return future

    cancelled: list[Future[Any]] = []
    with Cancelling(1) as executor:
        assert survey.ingest(executor=executor).n_epochs == 6
    assert len(cancelled) == 1


def test_an_executor_that_takes_no_more_ends_the_run_with_what_is_done(survey: Survey) -> None:
    class Closing(ThreadPoolExecutor):
        def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
            future = super().submit(function, *args, **kwargs)
            self.shutdown(wait=False)
            return future

    with Closing(1) as executor, pytest.raises(WorkerLostError, match="the executor accepts no more tiles"):
        survey.ingest(executor=executor)
    with survey.catalogue() as catalogue:
        assert len(catalogue.epochs()) == 3
        assert list(catalogue.sql("SELECT outcome FROM ingest_run").outcome) == ["interrupted"]
    assert survey.ingest().n_epochs == 3
