"""Speed-up of several workers over one, on one tile or several, and on one of many epochs apart from the start.

The mask files must be identical, whatever the number of workers. The last rows say what two processes of the machine
gain at best: cores of a virtual machine may be shared with others.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from .bench import Bench, Effort
from .measure import Contender, Goal, GoalKind, Measured, Result, check, race
from .processes import ingest_command, python_command, run_program, run_together
from .tiles import Tile

__all__ = ["digests", "run"]

_GOAL_OF_TWO = Goal(GoalKind.FASTER, 1.7)
_N_EPOCHS = 32
_ONE, _TWO = "one worker, start apart", "two workers, start apart"
_ONE_CORE = "one worker held to one core, start apart"
_INFLATE = """
import random, zlib
data = zlib.compress(bytes(random.Random(1).choices(range(50), k=1_000_000)))
for _ in range({n}):
    zlib.decompress(data)
"""
_MORE_NAMES = ("DES0001-0001", "DES0002-0002", "DES0003-0003")


def run(bench: Bench) -> list[Result]:
    """Measure the first tile, and copies of it under other names."""
    first = bench.tiles[0]
    bench.catalogue(first)
    with bench.scratch() as folder:
        rows = _of_tiles([first], first.label, folder, bench.rounds(5, 1))
        if bench.effort is Effort.QUICK:
            return rows
        names = _MORE_NAMES if bench.effort is Effort.FULL else _MORE_NAMES[:1]
        several = [first, *(first.renamed(name, folder) for name in names)]
        rows += _of_tiles(several, f"{len(several)} tiles: {first.label}", folder, bench.rounds(2, 1))
        many = first.repeated(_N_EPOCHS if bench.effort is Effort.FULL else 3, folder / "many")
        rows += _apart_from_the_start(many, folder, bench.rounds(3, 1))
    return rows + _of_the_machine(100 if bench.effort is Effort.FULL else 1, bench.rounds(3, 1))


def _of_tiles(tiles: Sequence[Tile], label: str, folder: Path, rounds: int) -> list[Result]:
    contenders, catalogues = [], {}
    for n_workers in _numbers_of_workers():
        catalogue = folder / f"catalogue-{n_workers}"
        catalogues[n_workers] = catalogue
        contenders.append(_contender(tiles, catalogue, n_workers))
    measured = Measured("workers", label, "s", race(contenders, rounds).times)
    made = {n_workers: digests(catalogue) for n_workers, catalogue in catalogues.items()}
    for n_workers, files in made.items():
        check(len(files) == len(tiles), f"{n_workers} workers made {len(files)} of {len(tiles)} mask files")
        check(files == made[1], f"mask files of {n_workers} workers differ from those of one")
    one, *more = contenders
    rows = [measured.row(one.name)]
    for n_workers, each in zip(_numbers_of_workers()[1:], more, strict=True):
        rows.append(measured.row(each.name, peer=one.name, goal=_GOAL_OF_TWO if n_workers == 2 else None))
    return rows


def _apart_from_the_start(tile: Tile, folder: Path, rounds: int) -> list[Result]:
    """Measure the work on a tile by one worker and by two: the coadd, the epochs and the database.

    One worker flags a block while it reads the next, for which it takes a part of a second core; held to one core, it
    is what two workers on two cores may double.
    """
    held = ("taskset", "--cpu-list", "0")
    samples: dict[str, list[float]] = {name: [] for name in (_ONE, _ONE_CORE, _TWO)}
    made = []
    for number in range(rounds):
        turns = [(_ONE, 1, ()), (_ONE_CORE, 1, held), (_TWO, 2, ())]
        for name, n_workers, program in reversed(turns) if number % 2 else turns:
            catalogue = folder / f"many-{n_workers}"
            shutil.rmtree(catalogue, ignore_errors=True)
            catalogue.mkdir()
            command = ingest_command([tile], catalogue, n_workers)
            run_program([*program, *command, "--reread", "--report", catalogue / "report.json"])
            samples[name].append(sum(json.loads((catalogue / "report.json").read_text())["stages"].values()))
            made.append(digests(catalogue))
    check(
        all(files == made[0] and len(files) == 1 for files in made),
        "mask files of two workers differ from those of one",
    )
    measured = Measured("workers", tile.label, "s", {name: tuple(each) for name, each in samples.items()})
    of_two = (measured.row(_TWO, peer=peer, goal=_GOAL_OF_TWO) for peer in (_ONE, _ONE_CORE))
    return [measured.row(_ONE), measured.row(_ONE_CORE), *of_two]


def _of_the_machine(n: int, rounds: int) -> list[Result]:
    """Measure what two processes of this machine gain at best, with work that shares nothing: `n` or 2n inflations."""
    halves = 2 * [python_command(_INFLATE.format(n=n))]
    contenders = [
        Contender("zlib, one process", lambda: run_program(python_command(_INFLATE.format(n=2 * n)))),
        Contender("zlib, half in each of two processes", lambda: run_together(halves)),
    ]
    measured = Measured("workers", "1 MB, deflated", "s", race(contenders, rounds).times)
    one, two = (each.name for each in contenders)
    return [measured.row(one), measured.row(two, peer=one)]


def _numbers_of_workers() -> list[int]:
    """Return 1, 2, 4 and so on up to the number of cores, and at least up to 2."""
    n_cores = max(2, os.cpu_count() or 1)
    powers = [1 << k for k in range(n_cores.bit_length()) if 1 << k < n_cores]
    return [*powers, n_cores]


def _contender(tiles: Sequence[Tile], catalogue: Path, n_workers: int) -> Contender:
    def empty() -> None:
        shutil.rmtree(catalogue, ignore_errors=True)
        catalogue.mkdir()

    # the tiles share their CCD images, and would have to wait for each other
    command = [*ingest_command(tiles, catalogue, n_workers), "--reread"]
    return Contender(f"goodpix ingest --workers {n_workers}", lambda: run_program(command), empty, warm_up=False)


def digests(catalogue: Path) -> dict[str, str]:
    """Return the sha256 of every mask file, by its path below the masks root."""
    masks = catalogue / "masks"
    paths = sorted(masks.rglob("*.parquet"))
    return {str(path.relative_to(masks)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
