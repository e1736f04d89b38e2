"""The program ``python -m benchmarks.scale``: cost of 50,000 tiles and bands apart from reading images.

Empty tasks in the window of tile jobs, receipts stored in SQLite and Postgres, and a run that finds nothing to do.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from itertools import repeat
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import goodpix
from goodpix.ingest.attempt import side_by_side
from goodpix.ingest.database.opening import open_for_writing
from goodpix.ingest.database.writer import Writer
from goodpix.ingest.infofile import read_info_file
from goodpix.ingest.plan import Options, TileTask
from goodpix.ingest.run import WINDOW
from goodpix.ingest.synthetic import SMALL, make_tile
from goodpix.ingest.tile import Receipt, ingest_tile
from goodpix.schema.bits import DES_Y6
from goodpix.schema.database import open_for_reading
from goodpix.schema.executors import process_pool, usable_cores
from goodpix.schema.store.masksroot import MasksRoot
from goodpix.schema.tables import tile_summary

from .measure import Result, check
from .postgres import ServerError, running_server
from .report import Machine, as_markdown, versions
from .tiles import absolute

__all__ = ["Scale", "main", "run"]

# A tile small enough to be made in no time.
_SPEC = replace(SMALL, bands=("r",), coadd_shape=(160, 170), ccd_shape=(128, 64))

_STARTED = f"SCALE{int(time.time())}"

# Tiles and bands of the survey.
_TASKS = 50_000


@dataclass(frozen=True, slots=True)
class Scale:
    """Amount of work to measure.

    Parameters
    ----------
    n_tasks : int
        Number of empty tasks.
    n_epochs : int
        Epochs per tile.
    n_receipts : int
        Number of receipts to store.
    n_workers : int
        Number of processes for the empty tasks.
    """

    n_tasks: int = _TASKS
    n_epochs: int = 160
    n_receipts: int = 60
    n_workers: int = field(default_factory=usable_cores)


def main() -> int:
    """Run the measurements and print a table; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale", description="Measure what a survey costs apart from reading images."
    )
    parser.add_argument("--tasks", type=int, default=_TASKS, help="number of empty tasks (default: %(default)s)")
    parser.add_argument(
        "--catalogue", action="append", default=[], metavar="URL", help="also store receipts in this catalogue"
    )
    options = parser.parse_args()
    machine = Machine.here()
    with tempfile.TemporaryDirectory(prefix="goodpix-") as folder:
        Path(folder).chmod(0o755)  # a database server may run as another user
        rows = run(Scale(n_tasks=options.tasks), Path(folder), options.catalogue)
    print(f"{machine}\n{', '.join(f'{name} {each}' for name, each in versions().items())}\n")
    print(as_markdown(rows))
    return 0


def run(scale: Scale, folder: Path, catalogues: Sequence[str] = ()) -> list[Result]:
    """Run all measurements.

    Parameters
    ----------
    scale : Scale
        Amount of work.
    folder : Path
        Work folder.
    catalogues : sequence of str
        URLs of catalogues that already hold a survey, in which receipts are stored too.
    """
    survey = folder / "survey"
    (made,) = make_tile(survey, replace(_SPEC, n_epochs=scale.n_epochs))
    info_path = absolute("own maker", survey, made, folder / "info").info_path
    task = TileTask(
        info_path=str(info_path),
        info=read_info_file(info_path),
        root=MasksRoot.of(folder / "receipts"),
        options=Options("image", allow_missing_se_seg=False, allow_dithered_weights=False),
        bit_names=DES_Y6,
    )
    receipt = ingest_tile(task)
    rows = [_second_run(info_path, folder, scale)]
    rows.append(_store("SQLite", f"sqlite:///{folder / 'receipts.db'}", folder / "sqlite", receipt, scale))
    try:
        with running_server(folder / "server") as server:
            name = f"Postgres {server.version()}"
            rows.append(_store(name, server.url, folder / "postgres", receipt, scale))
    except ServerError as error:
        print(f"Postgres skipped: {error}", file=sys.stderr)
    rows += [_store_in_survey(url, receipt, scale) for url in catalogues]
    return [*rows, *_empty_tasks(task, scale)]


def _second_run(info_path: Path, folder: Path, scale: Scale) -> Result:
    """Time a run that finds everything up to date."""
    times = []
    for number in range(6):
        started = time.perf_counter()
        report = goodpix.ingest_tiles(info_path, db=folder / "second.db", masks=folder / "second")
        if number:
            times.append(1e3 * (time.perf_counter() - started))
            check(report.n_unchanged == scale.n_epochs, f"the second run remade masks: {report}")
    return Result("a run that finds nothing to do", _data(scale), "one tile", "ms", tuple(times))


def _store_in_survey(url: str, receipt: Receipt, scale: Scale) -> Result:
    """Time storing receipts in a catalogue that already holds a survey."""
    with open_for_reading(url) as database, database.engine.connect() as connection:
        campaign = database.identity.campaign
        n_epochs = connection.scalar(sa.select(sa.func.sum(tile_summary.c.n_epochs)))
        name = f"{connection.dialect.name} with {n_epochs:,} epochs"
    return _store(name, url, None, receipt, scale, campaign)


def _store(
    name: str, url: str, masks: Path | None, receipt: Receipt, scale: Scale, campaign: str = "synthetic"
) -> Result:
    """Time storing receipts of different tiles, each of which shares its CCD images with one other."""
    times = []
    with open_for_writing(url, masks=masks, campaign=campaign, wcs_source="image") as database:
        writer = Writer(database, {})
        for number in range(scale.n_receipts):
            other = _of_another_tile(receipt, number)
            started = time.perf_counter()
            stored = writer.commit(other)
            times.append(1e3 * (time.perf_counter() - started))
            check(stored, f"{name}: {other.tilename} was already stored")
    return Result("store a receipt", _data(scale), name, "ms", tuple(times))


def _of_another_tile(receipt: Receipt, number: int) -> Receipt:
    """Return a receipt under another tile's name, whose exposures only one other tile shares."""
    first = 10_000_000 + 1000 * (number // 2)
    tilename = f"{_STARTED}-{number:05d}"  # a catalogue may have those of an earlier run
    rows = []
    for k, stored in enumerate(receipt.rows):
        key = replace(stored.row.key, tilename=tilename)
        if key.expnum is not None:
            key = replace(key, expnum=first + k)
        rows.append(replace(stored, row=replace(stored.row, key=key)))
    mask_file = f"{receipt.band}/{tilename}.parquet"
    return replace(receipt, info_path=tilename, tilename=tilename, mask_file=mask_file, rows=tuple(rows))


class _Nothing(Executor):
    """An executor that submits an empty task to another, whatever it is given."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, _function: Any, /, *_args: Any, **_kwargs: Any) -> Future[Any]:
        return self._executor.submit(_nothing)


def _nothing() -> None:
    """Do nothing."""


def _empty_tasks(task: TileTask, scale: Scale) -> list[Result]:
    """Time empty tasks in the window of tile jobs, on local processes and on a local Dask cluster."""
    from distributed import Client, LocalCluster

    n_workers = scale.n_workers
    with process_pool(n_workers) as pool:
        rows = [_through_window(f"{n_workers} processes", pool, task, scale)]
    own_port = {"dashboard_address": "127.0.0.1:0"}  # the scheduler opens this port even without a dashboard
    with (
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            scheduler_kwargs=own_port,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        executor = client.get_executor(pure=False)
        rows.append(_through_window(f"Dask, {n_workers} workers", executor, task, scale))
    return rows


def _through_window(name: str, executor: Executor, task: TileTask, scale: Scale) -> Result:
    executor.submit(_nothing).result()  # wait for the workers to start
    started = time.perf_counter()
    n_done = sum(1 for _ in side_by_side(repeat(task, scale.n_tasks), _Nothing(executor), WINDOW).as_done())
    seconds = time.perf_counter() - started
    check(n_done == scale.n_tasks, f"{name}: {n_done} of {scale.n_tasks} tasks were done")
    return Result("an empty task", f"{scale.n_tasks:,} tasks", name, "ms", (1e3 * seconds / scale.n_tasks,))


def _data(scale: Scale) -> str:
    return f"tile of {scale.n_epochs} epochs"


if __name__ == "__main__":
    sys.exit(main())
