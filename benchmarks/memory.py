"""Peak memory of an ingest, by number of epochs.

Peak resident memory of one process; pages that workers share are counted in each.
"""

import shutil
from pathlib import Path

from .bench import Bench, Effort
from .measure import Goal, GoalKind, Measured, Result
from .processes import ingest_command, peak_memory
from .tiles import Tile

__all__ = ["run"]

_LIMIT = Goal(GoalKind.AT_MOST, 600)
_FLAT = Goal(GoalKind.TIMES, 1.1)
_NUMBERS = (1, 2, 4)


def run(bench: Bench) -> list[Result]:
    """Measure the first tile, with some of its epochs and with all of them."""
    tile = bench.tiles[0]
    n_epochs = len(tile.info.src_info)
    numbers = [n for n in _NUMBERS if n < n_epochs] if bench.effort is Effort.FULL else [1]
    with bench.scratch() as folder:
        samples = {_name(n, 1): _peak(tile.first(n, folder / str(n)), folder, 1) for n in (*numbers, n_epochs)}
        samples[_name(n_epochs, 2)] = _peak(tile, folder, 2)
    measured = Measured("memory", tile.label, "MB", samples)
    least, most = _name(numbers[0], 1), _name(n_epochs, 1)
    rows = [measured.row(name, goal=_LIMIT) for name in samples]
    return [*rows, measured.row(most, peer=least, goal=_FLAT)]


def _name(n_epochs: int, n_workers: int) -> str:
    epochs = f"{n_epochs} {'epoch' if n_epochs == 1 else 'epochs'}"
    return f"{epochs}, one worker" if n_workers == 1 else f"{epochs}, largest process of {n_workers} workers"


def _peak(tile: Tile, folder: Path, n_workers: int) -> tuple[float]:
    """Return the peak of the largest process, MB: one sample, since it hardly varies."""
    catalogue = folder / "catalogue"
    shutil.rmtree(catalogue, ignore_errors=True)
    catalogue.mkdir()
    return (max(peak_memory(ingest_command([tile], catalogue, n_workers))) / 1e6,)
