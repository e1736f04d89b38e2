"""Time of all sky statistics of an epoch, against reading its image and weight planes.

Over every epoch of a tile, in one process; returned as a data frame, and added to a dataset.
"""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import fitsio
import numpy as np

import goodpix

from .bench import Bench
from .measure import Contender, Goal, GoalKind, Measured, Result, check, race
from .tiles import Plane, Tile, planes_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["run"]

_FRAME, _DATASET = "Catalogue.background", "Catalogue.extend_background"
_READ = "fitsio.read of image and weight"
_GOAL = Goal(GoalKind.TIMES, 0.8)


def run(bench: Bench) -> list[Result]:
    """Measure all epochs of every tile; the times are per epoch."""
    with bench.scratch() as folder:
        return [row for tile in bench.tiles for row in _of_tile(bench, tile, folder / "dataset")]


def _of_tile(bench: Bench, tile: Tile, dataset: Path) -> list[Result]:
    epochs = tile.info.src_info
    planes = [plane for each in epochs for plane in planes_of(each, "image", "weight")]

    def no_dataset() -> None:
        shutil.rmtree(dataset, ignore_errors=True)

    with goodpix.Catalogue(bench.catalogue(tile) / "goodpix.db") as catalogue:
        contenders = [
            Contender(_FRAME, catalogue.background),
            Contender(_DATASET, lambda: catalogue.extend_background(dataset), no_dataset),
            Contender(_READ, lambda: _read(planes)),
        ]
        found = race(contenders, bench.rounds(7, 3), per=len(epochs))
        check(
            len(catalogue.with_background(dataset)) == len(epochs), f"{tile.label}: epochs are missing from the dataset"
        )
        _check_equal(catalogue, tile, found.answers[_FRAME])
    no_dataset()
    measured = Measured("sky", tile.label, "s", found.times)
    return [
        measured.row(_FRAME, peer=_READ, goal=_GOAL),
        measured.row(_DATASET, peer=_READ, goal=_GOAL),
        measured.row(_READ),
    ]


def _read(planes: list[Plane]) -> None:
    for path, ext in planes:
        fitsio.read(path, ext=ext)


def _check_equal(catalogue: goodpix.Catalogue, tile: Tile, statistics: "pd.DataFrame") -> None:
    """Check the number and the median of the first epoch's good pixels against numpy."""
    epoch = tile.info.src_info[0]
    mask = catalogue.mask(epoch.tilename, epoch.band, epoch.expnum, epoch.ccdnum)
    values = fitsio.read(epoch.image_path, ext=epoch.image_ext)[mask.good()].astype(np.float64)
    row = statistics[(statistics["expnum"] == epoch.expnum) & (statistics["ccdnum"] == epoch.ccdnum)].iloc[0]
    same = row["n"] == values.size and np.isclose(row["median"], np.median(values), rtol=1e-9)
    check(bool(same), f"epoch {epoch.name}: number or median of good pixels differs from numpy's")
