"""The program ``python -m benchmarks.rehearsal``: a survey's ingest with simulated workers.

Each task sleeps for as long as a tile would take and returns a real receipt, so that one Postgres server, one Dask
scheduler and the coordinators on this machine have what they would have with so many workers. Processes are killed.
"""

import argparse
import asyncio
import json
import logging
import os
import pickle
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import goodpix
from goodpix.ingest.plan import TileTask
from goodpix.ingest.tile import Receipt
from goodpix.ingest.upkeep.crosschecks import check_summaries
from goodpix.schema.tables import coadd

from .measure import Result, check
from .postgres import Server, running_server
from .receipts import Target, of_another_tile, small_tile
from .report import Machine, as_markdown, versions

__all__ = ["Rehearsal", "main", "rehearse"]

_PROCESSES = get_context("spawn")
_POLL_SECONDS = 0.2
_TICKS = os.sysconf("SC_CLK_TCK")

# Names and exposures of tiles depend on it.
_ANY = Target("", "", run=1)

_EXPNUM = re.compile(r"\bexpnum: (\d+)")

# Workers of one process; each has its own connection to the scheduler, heartbeat and thread.
_WORKERS_AT_MOST = 250

_RARELY = {
    "distributed.admin.tick.interval": "10s",
    "distributed.admin.system-monitor.interval": "60s",
    "distributed.worker.profile.enabled": False,
}


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Size of a rehearsal.

    Parameters
    ----------
    n_workers, n_coordinators : int
        Simulated workers, and processes that share the tiles.
    n_tiles, n_epochs : int
        Tiles and bands, and epochs of each.
    seconds : float
        Duration of a tile.
    """

    n_workers: int = 1000
    n_coordinators: int = 2
    n_tiles: int = 3000
    n_epochs: int = 160
    seconds: float = 78.0


@dataclass(frozen=True, slots=True)
class _Task:
    """A tile job that sleeps."""

    template: Path
    seconds: float

    def __call__(self, task: TileTask) -> Receipt:
        number = int(task.info.tilename.rpartition("-")[2])
        time.sleep(self.seconds * random.Random(number).uniform(0.8, 1.2))
        receipt = of_another_tile(_template(self.template), _ANY, number)
        return replace(receipt, info_path=task.info_path, generation=task.known.generation + 1)


@lru_cache(maxsize=1)
def _template(path: Path) -> Receipt:
    receipt: Receipt = pickle.loads(path.read_bytes())  # written by this program
    return receipt


class _Simulated(Executor):
    """An executor that submits another task than it is given."""

    def __init__(self, executor: Executor, task: _Task) -> None:
        self._executor, self._task = executor, task

    def submit(self, _function: Any, /, *args: Any, **_kwargs: Any) -> Future[Any]:
        return self._executor.submit(self._task, args[0])


def _schedule(address: Any) -> None:
    """Run a scheduler; send its address."""
    from distributed import Scheduler

    async def run() -> None:
        async with Scheduler(host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0") as scheduler:
            address.send(scheduler.address)
            await scheduler.finished()

    asyncio.run(run())


def _work(address: str, n_workers: int) -> None:
    """Run workers of a scheduler."""
    import dask
    from distributed import Worker

    # hundreds of workers in one process: what each does by the clock would take all of the processor
    dask.config.set(_RARELY)

    async def run() -> None:
        options: dict[str, Any] = {"nthreads": 1, "dashboard": False, "memory_limit": 0, "silence_logs": logging.ERROR}
        workers = [Worker(address, name=f"{os.getpid()}-{k}", **options) for k in range(n_workers)]
        for worker in workers:
            await worker
        await asyncio.gather(*(worker.finished() for worker in workers))

    asyncio.run(run())


def _coordinate(address: str, url: str, folder: Path, task: _Task, n_workers: int, report: Path) -> None:
    """Ingest all tiles, together with other coordinators; write the report."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        executor = _Simulated(client.get_executor(pure=False), task)
        done = goodpix.ingest_tiles(
            folder / "info", db=url, masks=folder / "masks", executor=executor, workers=n_workers, report=report
        )
    check(done.n_failures == 0, f"{done.n_failures} failures")


@contextmanager
def _running(target: Any, *arguments: Any) -> Iterator[Any]:
    """Run a function in a process of its own, which is killed at the end."""
    process = _PROCESSES.Process(target=target, args=arguments)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


class _Crew:
    """All processes of a rehearsal, and the processor time that each kind has taken."""

    def __init__(self, stack: ExitStack, size: Rehearsal, folder: Path, server: Server, task: _Task) -> None:
        self._stack, self._size, self._folder, self._server, self._task = stack, size, folder, server, task
        receive, send = _PROCESSES.Pipe(duplex=False)
        self._scheduler = stack.enter_context(_running(_schedule, send))
        self.address = receive.recv()
        left = size.n_workers
        self._hosts: list[tuple[Any, int]] = []
        while left:
            n = min(left, _WORKERS_AT_MOST)
            self._hosts.append((stack.enter_context(_running(_work, self.address, n)), n))
            left -= n
        self.coordinators: list[Any] = []
        self.reports: list[Path] = []
        self._seconds: dict[tuple[str, int], float] = {}

    def start_coordinator(self) -> None:
        """Start a process that ingests the tiles."""
        report = self._folder / f"report-{len(self.reports)}.json"
        self.reports.append(report)
        n_workers = max(2, self._size.n_workers // self._size.n_coordinators)
        arguments = (self.address, self._server.url, self._folder, self._task, n_workers, report)
        self.coordinators.append(self._stack.enter_context(_running(_coordinate, *arguments)))

    def kill_workers(self) -> None:
        """Kill the workers of one process, and start as many."""
        process, n = self._hosts.pop(0)
        process.kill()
        self._hosts.append((self._stack.enter_context(_running(_work, self.address, n)), n))

    def kill_coordinator(self) -> None:
        """Kill a coordinator, and start another."""
        self.coordinators.pop(0).kill()
        self.start_coordinator()

    def look(self) -> None:
        """Note how much processor time every process has taken so far."""
        kinds = {"scheduler": [self._scheduler], "coordinators": self.coordinators}
        kinds["workers"] = [process for process, _ in self._hosts]
        for kind, processes in kinds.items():
            for each in processes:
                self._seconds[kind, each.pid] = _cpu_seconds(each.pid)
        for pid in self._server.processes():
            self._seconds["Postgres", pid] = _cpu_seconds(pid)

    def cpu_seconds(self, kind: str) -> float:
        """Return the processor time of a kind of processes."""
        return sum(seconds for (name, _), seconds in self._seconds.items() if name == kind)


def _with_own_images(info: str, number: int) -> str:
    """Return the text of an info file with exposures of its own."""
    return _EXPNUM.sub(lambda match: f"expnum: {int(match[1]) + number * 1_000_000}", info)


def rehearse(size: Rehearsal, folder: Path) -> list[Result]:
    """Ingest tiles with simulated workers, and kill workers, a coordinator and the server on the way.

    Parameters
    ----------
    size : Rehearsal
        Its size.
    folder : Path
        Work folder, made if missing.
    """
    folder.mkdir(exist_ok=True)
    tile = small_tile(folder / "tile", size.n_epochs)
    template = folder / "receipt.pickle"
    template.write_bytes(pickle.dumps(tile.receipt))
    text, info = Path(tile.task.info_path).read_text(), folder / "info" / "rehearsal" / "pizza_cutter_info"
    info.mkdir(parents=True)
    for number in range(size.n_tiles):
        tilename = of_another_tile(tile.receipt, _ANY, number).tilename
        path = info / f"{tilename}_{tile.receipt.band}_pizza_cutter_info.yaml"
        # tiles with the same CCD images would take turns
        own = _with_own_images(text, number)
        path.write_text(own.replace(tile.receipt.tilename, tilename))
    with ExitStack() as stack:
        server = stack.enter_context(running_server(folder / "server"))
        crew = _Crew(stack, size, folder, server, _Task(template, size.seconds))
        started = time.monotonic()
        for _ in range(size.n_coordinators):
            crew.start_coordinator()
        _watch(size, crew, server)
        seconds = time.monotonic() - started
        return _results(size, crew, server, seconds)


def _watch(size: Rehearsal, crew: _Crew, server: Server) -> None:
    """Wait for the coordinators; kill a part at every quarter."""
    acts = [crew.kill_workers, crew.kill_coordinator, server.restart]
    n_acts = 0
    while any(each.is_alive() for each in crew.coordinators):
        crew.look()
        if n_acts < len(acts) and _n_rows(server, coadd) > (n_acts + 1) * size.n_tiles / (len(acts) + 1):
            acts[n_acts]()
            n_acts += 1
        time.sleep(_POLL_SECONDS)
    for each in crew.coordinators:
        check(each.exitcode == 0, f"a coordinator ended with status {each.exitcode}")


def _n_rows(server: Server, table: sa.Table) -> int:
    engine = sa.create_engine(server.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(table.name):
            return 0
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def _results(size: Rehearsal, crew: _Crew, server: Server, seconds: float) -> list[Result]:
    """Check the catalogue, and return what was measured."""
    engine = sa.create_engine(server.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        generations = connection.execute(sa.select(coadd.c.generation)).scalars().all()
        check(list(generations) == [1] * size.n_tiles, f"{len(generations)} tiles of {size.n_tiles}, or one twice")
        connection.execute(sa.text("ANALYZE"))  # without statistics the checks join tables row by row
        problems = check_summaries(connection)
        check(not problems, f"summaries are wrong: {problems[:3]}")
        query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        n_deadlocks = connection.scalar(sa.text(query))
        check(n_deadlocks == 0, f"{n_deadlocks} deadlocks")
    reports = [json.loads(each.read_text()) for each in crew.reports if each.is_file()]
    stored = sum(each["stages"]["database"] for each in reports) / max(1, sum(each["n_tiles"] for each in reports))
    data = f"{size.n_tiles:,} tiles of {size.n_epochs} epochs and {size.seconds:g} s, {size.n_workers:,} workers"
    busy = size.n_tiles * size.seconds / (size.n_workers * seconds)
    rows = {
        "tiles per second": ("1/s", size.n_tiles / seconds),
        "workers' time in tiles": ("%", 100 * busy),
        "storing a receipt, waits included": ("ms", 1e3 * stored),
    }
    for kind in ("scheduler", "coordinators", "workers", "Postgres"):
        rows[f"processor time of {kind} per tile"] = ("ms", 1e3 * crew.cpu_seconds(kind) / size.n_tiles)
    return [Result("rehearsal", data, name, unit, (value,)) for name, (unit, value) in rows.items()]


def _cpu_seconds(pid: int) -> float:
    """Return the processor time of a process; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def main() -> int:
    """Rehearse, and print a table; return the exit status."""
    default = Rehearsal()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rehearsal", description="Rehearse the ingest of a survey with simulated workers."
    )
    for each in fields(Rehearsal):
        option = f"--{each.name.removeprefix('n_')}"
        value = getattr(default, each.name)
        parser.add_argument(option, dest=each.name, type=type(value), default=value, help="default: %(default)s")
    size = Rehearsal(**vars(parser.parse_args()))
    machine = Machine.here()
    with tempfile.TemporaryDirectory(prefix="goodpix-") as folder:
        Path(folder).chmod(0o755)  # a database server may run as another user
        rows = rehearse(size, Path(folder))
    print(f"{machine}\n{', '.join(f'{name} {each}' for name, each in versions().items())}\n")
    print(as_markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
