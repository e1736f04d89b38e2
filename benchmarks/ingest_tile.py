"""Time of the whole ingest command on one tile, start-up included.

Against a process that reads every plane, the coadd's included, with ``fitsio.read``.
"""

import shutil
from pathlib import Path

from .bench import Bench
from .measure import Contender, Goal, GoalKind, Measured, Result, race
from .processes import ingest_command, plain_read_command, run_program
from .tiles import Tile

__all__ = ["run"]

_ONE, _DEFAULT, _READ = "goodpix ingest --workers 1", "goodpix ingest", "fitsio.read of all planes"
_GOAL = Goal(GoalKind.TIMES, 0.85)


def run(bench: Bench) -> list[Result]:
    """Measure every tile."""
    with bench.scratch() as folder:
        return [row for tile in bench.tiles for row in _of_tile(bench, tile, folder)]


def _of_tile(bench: Bench, tile: Tile, folder: Path) -> list[Result]:
    bench.catalogue(tile)
    catalogue = folder / "catalogue"

    def empty() -> None:
        shutil.rmtree(catalogue, ignore_errors=True)
        catalogue.mkdir()

    read = plain_read_command([tile], folder)
    contenders = [
        Contender(_ONE, lambda: run_program(ingest_command([tile], catalogue, 1)), empty, warm_up=False),
        Contender(_DEFAULT, lambda: run_program(ingest_command([tile], catalogue)), empty, warm_up=False),
        Contender(_READ, lambda: run_program(read), warm_up=False),
    ]
    measured = Measured("ingest_tile", tile.label, "s", race(contenders, bench.rounds(3, 1)).times)
    return [
        measured.row(_ONE, peer=_READ, goal=_GOAL),
        measured.row(_DEFAULT, peer=_READ, goal=_GOAL),
        measured.row(_READ),
    ]
