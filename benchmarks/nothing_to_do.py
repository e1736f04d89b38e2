"""Time of an ingest that finds nothing to do, per tile.

Tiles of 160 epochs that list the same CCD images, as neighbours do in part. All that the run does counts: reading
the info files, asking for the state of each input file, and comparing with the catalogue.
"""

import os
from dataclasses import replace

import goodpix
from goodpix.ingest.infofile import read_info_file
from goodpix.ingest.inputs import input_paths
from goodpix.ingest.synthetic import SMALL, make_tile
from goodpix.schema.planes.imagefiles import expand

from .bench import Bench, Effort
from .measure import Contender, Goal, GoalKind, Measured, Result, check, race
from .tiles import absolute

__all__ = ["run"]

# Planes of next to no pixels, since none is read.
_SPEC = replace(SMALL, bands=("r",), coadd_shape=(160, 170), ccd_shape=(128, 64))

_RUN, _PEER = "goodpix ingest, nothing to do", "os.stat of the input files"


def run(bench: Bench) -> list[Result]:
    """Measure a run over several tiles that are up to date."""
    n_epochs, n_tiles = (2, 2) if bench.effort is Effort.ONCE else (160, 10)
    with bench.scratch() as folder:
        (made,) = make_tile(folder / "survey", replace(_SPEC, n_epochs=n_epochs))
        first = absolute("small", folder / "survey", made, folder / "first")
        others = [first.renamed(f"DES{k:04d}-0000", folder / "others") for k in range(1, n_tiles)]
        info_paths = [tile.info_path for tile in (first, *others)]
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
