"""Time of an ingest that finds nothing to do, per tile.

Pairs of tiles of 160 epochs that list the same CCD images, since one lies in about two tiles. All that the run does
counts: reading the info files, asking for the state of each input file, and comparing with the catalogue.
"""

import os
from dataclasses import replace
from pathlib import Path

import goodpix
from goodpix.ingest.infofile import read_info_file
from goodpix.ingest.inputs import input_paths
from goodpix.ingest.synthetic import SMALL, make_tile
from goodpix.schema.planes.imagefiles import expand

from .bench import Bench, Effort
from .measure import Contender, Goal, GoalKind, Measured, Result, check, race
from .tiles import Tile, absolute

__all__ = ["run"]

# Planes of next to no pixels, since none is read.
_SPEC = replace(SMALL, bands=("r",), n_extra_epochs=0, coadd_shape=(160, 170), ccd_shape=(128, 64))

_RUN, _PEER = "goodpix ingest, nothing to do", "os.stat of the input files"


def run(bench: Bench) -> list[Result]:
    """Measure a run over several tiles that are up to date."""
    n_epochs, n_pairs = (2, 1) if bench.effort is Effort.ONCE else (160, 5)
    n_tiles = 2 * n_pairs
    with bench.scratch() as folder:
        pairs = [_pair(number, n_epochs, folder / str(number)) for number in range(n_pairs)]
        info_paths = [tile.info_path for pair in pairs for tile in pair]
        files = [
            [expand(path) for image in (info, *info.src_info) for path in input_paths(image)]
            for info in map(read_info_file, info_paths)
        ]

        def ingest() -> goodpix.IngestReport:
            return goodpix.ingest_tiles(info_paths, db=folder / "goodpix.db", masks=folder / "masks", workers=1)

        ingest()
        contenders = [
            Contender(_RUN, ingest),
            Contender(_PEER, lambda: [os.stat(path) for of_tile in files for path in of_tile]),
        ]
        raced = race(contenders, bench.rounds(9, 3), per=n_tiles)
        report = raced.answers[_RUN]
        check((report.n_epochs, report.n_unchanged) == (0, n_tiles * n_epochs), f"something was made: {report}")
    measured = Measured("nothing_to_do", f"{n_tiles} tiles of {n_epochs} epochs", "s", raced.times)
    return [measured.row(_RUN, peer=_PEER, goal=Goal(GoalKind.AT_MOST, 0.04)), measured.row(_PEER)]


def _pair(number: int, n_epochs: int, folder: Path) -> tuple[Tile, Tile]:
    """Make two tiles with the same CCD images, which no other pair has."""
    survey = folder / "survey"
    spec = replace(_SPEC, tilename=f"DES{number:04d}-0000", n_epochs=n_epochs, seed=number)
    (made,) = make_tile(survey, spec)
    first = absolute("small", survey, made, folder / "first")
    return first, first.renamed(f"DES{number:04d}+0000", folder / "second")
