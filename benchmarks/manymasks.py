"""Speed-up of several workers over one when many masks are read.

A function of every mask, and counts by another definition of good, over copies of the first tile's masks under the
names of other tiles. The answers must be the same, whatever the number of workers. Their start is measured apart: two
workers that already run, as those of a cluster do, are compared with the calling process.
"""

from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import goodpix
from goodpix import Catalogue, Mask, Selection
from goodpix.ingest.database.opening import open_for_writing
from goodpix.ingest.database.writer import Writer
from goodpix.ingest.tile import Receipt, StoredRow
from goodpix.schema.bits import DES_Y6
from goodpix.schema.maskfile import MaskFileWriter
from goodpix.schema.workers.pool import process_pool

from .bench import Bench, Effort
from .measure import Contender, Goal, GoalKind, Measured, Result, check, race
from .storedmasks import StoredMask, read_masks

__all__ = ["run"]

_PRELOAD = "goodpix.query.masks.preload"
_SELECTION = Selection(ignore=["COADD_SEG"])


def run(bench: Bench) -> list[Result]:
    """Measure copies of the first tile's masks."""
    n_tiles, n_epochs = (2, 2) if bench.effort is Effort.ONCE else (20, 50)
    coadd, *epochs = read_masks(bench.catalogue(bench.tiles[0]))
    several = [coadd, *(epochs[number % len(epochs)] for number in range(n_epochs))]
    rows = []
    with bench.scratch() as folder:
        _copy(several, n_tiles, folder)
        with goodpix.Catalogue(folder / "goodpix.db") as catalogue, process_pool(2, _PRELOAD) as running:
            label = f"{n_tiles * n_epochs:,} masks: {bench.tiles[0].label}"
            for question, ask in {"Catalogue.map(Mask.count)": _counts, "epochs(selection=)": _recounts}.items():
                rows += _of_question(catalogue, running, label, question, ask, bench.rounds(3, 2))
    return rows


def _of_question(
    catalogue: Catalogue, running: Executor, label: str, question: str, ask: Any, rounds: int
) -> list[Result]:
    ways = {
        "workers=1": partial(ask, catalogue, workers=1),
        "workers=2": partial(ask, catalogue, workers=2),
        "2 running workers": partial(ask, catalogue, executor=running),
    }
    contenders = [Contender(f"{question}, {way}", function) for way, function in ways.items()]
    raced = race(contenders, rounds)
    one, started, two = (each.name for each in contenders)
    check(all(each == raced.answers[one] for each in raced.answers.values()), f"{question}: workers differ from one")
    measured = Measured("manymasks", label, "s", raced.times)
    goal = Goal(GoalKind.FASTER, 1.7)
    return [measured.row(one), measured.row(started, peer=one), measured.row(two, peer=one, goal=goal)]


def _counts(catalogue: Catalogue, **how: Any) -> dict[str, int]:
    return {str(each.key): each.value for each in catalogue.map(Mask.count, **how)}


def _recounts(catalogue: Catalogue, **how: Any) -> list[int]:
    counts: list[int] = catalogue.epochs(selection=_SELECTION, **how)["n_good"].tolist()
    return counts


def _copy(masks: list[StoredMask], n_tiles: int, folder: Path) -> None:
    """Make a catalogue of some tiles, each with copies of the masks under exposure numbers of its own."""
    database_url, root = folder / "goodpix.db", folder / "masks"
    with open_for_writing(database_url, masks=root, campaign="copies", wcs_source="image") as database:
        writer = Writer(database, {})
        for tile in range(n_tiles):
            tilename, band = f"DES{tile:04d}-0000", masks[0][0].key.band
            rows = []
            with MaskFileWriter(database.root, tilename, band, 1, DES_Y6) as file:
                for number, (row, runs) in enumerate(masks):
                    key = replace(row.key, tilename=tilename)
                    if key.expnum is not None:
                        key = replace(key, expnum=1000 * tile + number)
                    copy = replace(row, key=key)
                    rows.append(StoredRow(copy, file.add(copy, runs), made=True))
                name = file.finish()
            writer.commit(Receipt(tilename, tilename, band, True, mask_file=name, generation=1, rows=tuple(rows)))
