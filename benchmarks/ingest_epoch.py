"""Time to ingest one epoch in one process, with its coadd already in memory.

Against ``fitsio.read`` of the same three planes alone, and against the direct way: esutil and numpy on
whole planes, without writing a file.
"""

from pathlib import Path

import fitsio
import numpy as np
import numpy.typing as npt

from goodpix.ingest.images.coadd import Coadd, read_coadd
from goodpix.ingest.images.epoch import make_epoch_mask
from goodpix.ingest.infofile import EpochInfo
from goodpix.ingest.plan import Options
from goodpix.schema.bits import DES_Y6
from goodpix.schema.maskfile import MaskFileWriter
from goodpix.schema.masks.rle import Runs, decode
from goodpix.schema.store.masksroot import MasksRoot

from .bench import Bench
from .directway import DirectCoadd, Positions, direct_flags
from .measure import Contender, Goal, GoalKind, Measured, Result, check, race
from .tiles import Tile, planes_of

__all__ = ["run"]

_OPTIONS = Options()
_FINGERPRINT = "0" * 64
_OURS, _READ, _DIRECT = "goodpix", "fitsio.read of the planes", "esutil + numpy"


def run(bench: Bench) -> list[Result]:
    """Measure the first epoch of every tile, which lies wholly on the coadd."""
    with bench.scratch() as folder:
        return [row for tile in bench.tiles for row in _of_tile(bench, tile, folder)]


def _of_tile(bench: Bench, tile: Tile, folder: Path) -> list[Result]:
    info = tile.info
    epoch = info.src_info[0]
    coadd = read_coadd(info, _OPTIONS).for_epochs
    direct_coadd = DirectCoadd.read(info)
    with MaskFileWriter(MasksRoot.of(folder), info.tilename, info.band, 1, DES_Y6) as writer:
        contenders = [
            Contender(_OURS, lambda: _ingest(epoch, coadd, writer)),
            Contender(_READ, lambda: [fitsio.read(path, ext=ext) for path, ext in planes_of(epoch)]),
            Contender(_DIRECT, lambda: direct_flags(epoch, direct_coadd), at_most=bench.rounds(2, 1), warm_up=False),
        ]
        found = race(contenders, bench.rounds(15, 7))
    _check_equal(epoch, found.answers[_OURS], *found.answers[_DIRECT])
    measured = Measured("ingest_epoch", tile.label, "s", found.times)
    return [
        measured.row(_OURS, peer=_READ, goal=Goal(GoalKind.TIMES, 0.55)),
        measured.row(_OURS, peer=_DIRECT, goal=Goal(GoalKind.FASTER, 50)),
        measured.row(_READ),
        measured.row(_DIRECT),
    ]


def _ingest(epoch: EpochInfo, coadd: Coadd, writer: MaskFileWriter) -> Runs:
    row, runs = make_epoch_mask(epoch, coadd, _OPTIONS, _FINGERPRINT)
    writer.add(row, runs)
    return runs


def _check_equal(epoch: EpochInfo, runs: Runs, expected: npt.NDArray[np.int64], positions: Positions) -> None:
    """Check that both ways give the same flags at every pixel except ties."""
    differs = (decode(runs) != expected) & ~positions.tied()
    check(not differs.any(), f"epoch {epoch.name}: flags differ from those of esutil at {differs.sum()} pixels")
