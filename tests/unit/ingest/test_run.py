"""Facts about ingest runs over tiles of a few hundred pixels."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from goodpix.ingest.database.opening import WritableDatabase, open_for_writing
from goodpix.ingest.infofiles import Input, PackedTile
from goodpix.ingest.plan import Options
from goodpix.ingest.report import IngestReport
from goodpix.ingest.run import WINDOW, Following, Run
from goodpix.schema import tables
from goodpix.schema.errors import InfoFileError, WorkerLostError

from .executing import Executing, closed, dead, done
from .tinytile import info_of, make_images

SECOND = "DES0002+0002"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images of every tile."""
    folder = tmp_path_factory.mktemp("images")
    make_images(folder)
    return folder


@pytest.fixture
def inputs(images: Path) -> list[Input]:
    """Two tiles of the same images."""
    names = ("DES0001+0001", SECOND)
    return [Input(Path(f"{name}.yaml"), PackedTile.of(info_of(images, tilename=name))) for name in names]


def opened(folder: Path) -> AbstractContextManager[WritableDatabase]:
    return open_for_writing(folder / "goodpix.db", masks=folder / "masks", campaign="test", wcs_source="image")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a catalogue without tiles."""
    folder = tmp_path_factory.mktemp("empty")
    with opened(folder):
        return folder


@pytest.fixture
def database(empty: Path, tmp_path: Path) -> Iterator[WritableDatabase]:
    with opened(Path(shutil.copytree(empty, tmp_path / "catalogue"))) as database:
        yield database


def run_of(
    database: WritableDatabase, inputs: list[Input], *, force: bool = False, options: Options | None = None
) -> Run:
    path = str(database.url.database)
    return Run(inputs, path, database, {"force": force}, options or Options(), force=force, retry_failed=False)


def ingest(
    database: WritableDatabase, inputs: list[Input], executor: Executor | None = None, **options: Any
) -> IngestReport:
    with run_of(database, inputs, **options) as run:
        assert len(list(run.tiles(1, executor, None))) == len(inputs)
    return run.report(2.0)


def outcomes(database: WritableDatabase) -> list[tuple[str | None, int | None]]:
    """Return the outcome of each run with its number of failures."""
    with database.engine.connect() as connection:
        rows = connection.execute(sa.select(tables.ingest_run.c.outcome, tables.ingest_run.c.n_failures))
        return [tuple(row) for row in rows]


def stored(database: WritableDatabase) -> list[str]:
    with database.engine.connect() as connection:
        return sorted(connection.scalars(sa.select(tables.coadd.c.tilename)))


def test_report_counts_what_was_made(database: WritableDatabase, inputs: list[Input]) -> None:
    report = ingest(database, inputs)
    assert (report.n_tiles, report.n_epochs, report.n_unchanged, report.n_failures) == (2, 4, 0, 0)
    assert (report.n_pixels, report.seconds, report.outcome, report.run_id) == (4 * 16 * 12, 2.0, "done", 1)
    assert report.stages.coadd > 0 < report.stages.database
    assert outcomes(database) == [("done", 0)]
    assert stored(database) == sorted(each.content.tilename for each in inputs if isinstance(each.content, PackedTile))


def test_second_run_has_nothing_to_do_unless_forced(database: WritableDatabase, inputs: list[Input]) -> None:
    ingest(database, inputs[:1])
    again, forced = ingest(database, inputs[:1]), ingest(database, inputs[:1], force=True)
    assert (again.n_epochs, again.n_unchanged, again.run_id) == (0, 2, 2)
    assert (forced.n_epochs, forced.n_unchanged) == (2, 0)


def test_places_of_source_masks_are_asked_for_only_where_something_is_made(
    database: WritableDatabase, inputs: list[Input]
) -> None:
    questions: list[str] = []
    sa.event.listen(database.engine, "before_cursor_execute", lambda *event: questions.append(event[2]))

    def n_asked(**options: Any) -> int:
        questions.clear()
        ingest(database, inputs, **options)
        return sum("se_fingerprint" in each for each in questions if each.startswith("SELECT"))

    assert (n_asked(), n_asked(), n_asked(options=Options(allow_damaged=True))) == (2, 0, 2)


def test_more_tiles_than_a_window_are_submitted_to_more_workers() -> None:
    assert Following(ThreadPoolExecutor(4))() == WINDOW
    assert Following(ThreadPoolExecutor(1000))() == 2000
    assert Following(Executing(done))() == WINDOW


def test_info_file_that_cannot_be_used_stops_nothing_else(database: WritableDatabase, inputs: list[Input]) -> None:
    bad = Input(Path("bad.yaml"), InfoFileError("bad.yaml: tilename is missing"))
    report = ingest(database, [bad, inputs[0]])
    (failure,) = report.failures
    assert (failure.key, failure.error_type) == ("bad.yaml#info", "InfoFileError")
    assert (report.n_info_files, report.n_tiles, report.n_epochs, report.outcome) == (2, 1, 2, "failures")
    assert outcomes(database) == [("failures", 1)]


def test_tiles_may_be_run_by_an_executor(database: WritableDatabase, inputs: list[Input]) -> None:
    assert ingest(database, inputs, Executing(done)).n_epochs == 4


def losing(tilename: str, times: int) -> Callable[[Callable[[], Any]], Any]:
    """Return a way to run jobs that loses a tile so many times."""
    left = [times]

    def run(job: Callable[[], Any]) -> Any:
        receipt = done(job).result()
        if receipt.tilename == tilename and left[0]:
            left[0] -= 1
            return dead(job)
        return done(lambda: receipt)

    return run


@pytest.mark.parametrize(("times", "n_epochs", "n_failures"), [(1, 4, 0), (2, 2, 1)])
def test_lost_tile_is_tried_once_more(
    database: WritableDatabase, inputs: list[Input], times: int, n_epochs: int, n_failures: int
) -> None:
    report = ingest(database, inputs, Executing(losing(SECOND, times)))
    assert (report.n_tiles, report.n_epochs, report.n_failures) == (2, n_epochs, n_failures)
    assert [each.error_type for each in report.failures] == ["WorkerLostError"] * n_failures


def test_executor_that_accepts_no_more_interrupts_the_run(database: WritableDatabase, inputs: list[Input]) -> None:
    n_accepted = [1]

    def run(job: Callable[[], Any]) -> Any:
        n_accepted[0] -= 1
        return done(job) if n_accepted[0] >= 0 else closed(job)

    with pytest.raises(WorkerLostError, match="accepts no more tiles"):
        ingest(database, inputs, Executing(run))
    assert len(stored(database)) == 1
    assert outcomes(database) == [("interrupted", 0)]


def test_interrupted_run_keeps_what_it_has_stored(database: WritableDatabase, inputs: list[Input]) -> None:
    run = run_of(database, inputs)

    def stop_after_the_first() -> None:
        with run:
            next(run.tiles(1, None, None))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_after_the_first()
    assert (len(stored(database)), run.report().outcome) == (1, "interrupted")
    assert outcomes(database) == [("interrupted", 0)]


def test_tile_that_another_ingest_stored_meanwhile_is_checked_again(
    database: WritableDatabase, inputs: list[Input], caplog: pytest.LogCaptureFixture
) -> None:
    """The other ingest, with another option, stores it while this one's job runs."""
    others = [Options(allow_dithered_weights=True)]

    def run(job: Callable[[], Any]) -> Any:
        if others:
            ingest(database, inputs[:1], options=others.pop())
        return done(job)

    report = ingest(database, inputs[:1], Executing(run))
    assert (report.n_tiles, report.n_epochs) == (1, 2)
    assert "DES0001+0001 i: another ingest has stored it meanwhile: checking it again" in caplog.text
    with database.engine.connect() as connection:
        assert connection.scalars(sa.select(tables.coadd.c.generation)).all() == [2]


def test_failures_come_in_the_order_of_the_inputs(database: WritableDatabase, images: Path) -> None:
    gone = {k: PackedTile.of(info_of("gone", tilename=f"DES000{k}+000{k}")) for k in (3, 1, 2)}
    broken = [Input(Path(f"{k}.yaml"), tile) for k, tile in gone.items()]
    assert [each.path for each in ingest(database, broken).failures] == ["3.yaml", "1.yaml", "2.yaml"]
