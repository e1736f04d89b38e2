"""The program ``python -m benchmarks.scale``: cost of 50,000 tiles and bands apart from reading images.

Empty tasks in the window of tile jobs, receipts stored in SQLite and Postgres, and a run that finds nothing to do.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

import goodpix
from goodpix.ingest.attempt import side_by_side
from goodpix.ingest.plan import TileTask
from goodpix.ingest.run import WINDOW
from goodpix.schema.executors import usable_cores
from goodpix.schema.workers.pool import process_pool

from .measure import Result, check
from .postgres import ServerError, running_server
from .receipts import Target, small_tile, store
from .report import Machine, as_markdown, versions

__all__ = ["Scale", "main", "run"]

# Tiles and bands of the survey.
_TASKS = 50_000

# The empty task; workers do not find a function of a module that runs as a program.
_EMPTY = bool


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
        Number of receipts that a coordinator stores.
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
    tile = small_tile(folder, scale.n_epochs)
    info_path, task, receipt = Path(tile.task.info_path), tile.task, tile.receipt
    rows = [_second_run(info_path, folder, scale)]
    targets = [Target("SQLite, new", f"sqlite:///{folder / 'receipts.db'}", folder / "sqlite")]
    targets += [Target.survey(url) for url in catalogues]
    for each in targets:
        rows += store(receipt, each, scale.n_receipts)
    try:
        with running_server(folder / "server") as server:
            new = Target(f"Postgres {server.version()}, new", server.url, folder / "postgres")
            rows += store(receipt, new, scale.n_receipts)
    except ServerError as error:
        print(f"Postgres skipped: {error}", file=sys.stderr)
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


class _Nothing(Executor):
    """An executor that submits an empty task to another, whatever it is given."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, _function: Any, /, *_args: Any, **_kwargs: Any) -> Future[Any]:
        return self._executor.submit(_EMPTY)


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
    executor.submit(_EMPTY).result()  # wait for the workers to start
    started = time.perf_counter()
    n_done = sum(1 for _ in side_by_side(repeat(task, scale.n_tasks), _Nothing(executor), WINDOW).as_done())
    seconds = time.perf_counter() - started
    check(n_done == scale.n_tasks, f"{name}: {n_done} of {scale.n_tasks} tasks were done")
    return Result("an empty task", f"{scale.n_tasks:,} tasks", name, "ms", (1e3 * seconds / scale.n_tasks,))


def _data(scale: Scale) -> str:
    return f"tile of {scale.n_epochs} epochs"


if __name__ == "__main__":
    sys.exit(main())
