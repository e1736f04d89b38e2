"""Time to fetch one mask as a boolean array.

From a file of 50 masks and from a catalogue, opened each time or already open, against packed bits in zstd 19, which
need as few bytes, and ``fitsio.read`` of the same mask in PLIO FITS. Also a cutout and a count, which do not need the
whole image.
"""

from pathlib import Path

import fitsio
import numpy as np
import numpy.typing as npt

import goodpix
from goodpix.query.masks.mask import Mask
from goodpix.schema.maskfile import MaskFile
from goodpix.schema.masks.rle import decode_good

from .bench import Bench
from .booleanfiles import PACKED, PLIO
from .measure import Contender, Goal, GoalKind, Measured, Result, check, race
from .storedmasks import read_masks, write_masks
from .tiles import Tile

__all__ = ["run"]

Booleans = npt.NDArray[np.bool_]

_ANY_FLAG = -1
_N_MASKS = 50
_SIDE = 100

_PEER = "fitsio.read from PLIO FITS"
_PACKED = PACKED.name
_FILE_OPENED, _FILE_OPEN = "mask file, opened each time", "mask file, open"
_RECHECKED = "mask file, open, checksum verified again"
_CATALOGUE_OPENED, _CATALOGUE_OPEN = "Catalogue.mask().good(), opened each time", "Catalogue.mask().good(), open"
_CUTOUT, _COUNT = f"Mask.cutout().good(), {_SIDE} x {_SIDE}", "Mask.count()"
_PEER_CUTOUT, _PEER_COUNT = f"fitsio, {_SIDE} x {_SIDE} of PLIO FITS", "fitsio.read, then numpy"


def run(bench: Bench) -> list[Result]:
    """Measure the mask of the first epoch of every tile."""
    return [row for tile in bench.tiles for row in _of_tile(bench, tile)]


def _of_tile(bench: Bench, tile: Tile) -> list[Result]:
    epoch = tile.info.src_info[0]
    name = (epoch.tilename, epoch.band, epoch.expnum, epoch.ccdnum)
    catalogue_folder = bench.catalogue(tile)
    database = catalogue_folder / "goodpix.db"
    with bench.scratch() as folder:
        path, number = _write_many(catalogue_folder, folder)
        plio, packed = folder / "mask.fits", folder / "mask.packed"
        with goodpix.Catalogue(database) as catalogue:
            file, mask = MaskFile.open(path), catalogue.mask(*name)
            good = mask.good()
            PLIO.write(plio, good)
            PACKED.write(packed, good)
            x0, y0 = mask.shape[1] // 2, mask.shape[0] // 2
            x1, y1 = min(x0 + _SIDE, mask.shape[1]), min(y0 + _SIDE, mask.shape[0])
            _check_equal(mask, _good(file, number), plio)
            check(np.array_equal(PACKED.read(packed, mask.shape), good), f"{mask.key}: packed bits have another mask")
            images = [
                Contender(_FILE_OPENED, lambda: _good(MaskFile.open(path), number)),
                Contender(_FILE_OPEN, lambda: _good(file, number)),
                Contender(_RECHECKED, lambda: decode_good(file.runs(number, recheck=True), _ANY_FLAG)),
                Contender(_CATALOGUE_OPENED, lambda: _from_catalogue(database, name)),
                Contender(_CATALOGUE_OPEN, lambda: catalogue.mask(*name).good()),
                Contender(_PACKED, lambda: PACKED.read(packed, mask.shape)),
                Contender(_PEER, lambda: fitsio.read(plio)),
            ]
            parts = [
                Contender(_CUTOUT, lambda: mask.cutout(x0, x1, y0, y1).good()),
                Contender(_PEER_CUTOUT, lambda: _read_part(plio, slice(y0, y1), slice(x0, x1))),
                Contender(_COUNT, mask.count),
                Contender(_PEER_COUNT, lambda: np.count_nonzero(fitsio.read(plio) == 0)),
            ]
            samples = race([*images, *parts], bench.rounds(31, 11), "ms").times
    measured = Measured("fetch", tile.label, "ms", samples)
    goal = Goal(GoalKind.FASTER, 8)
    return [
        measured.row(_FILE_OPENED, peer=_PEER, goal=goal),
        measured.row(_FILE_OPEN, peer=_PACKED, goal=Goal(GoalKind.TIMES, 2.5)),
        measured.row(_FILE_OPEN, peer=_PEER, goal=goal),
        measured.row(_RECHECKED, peer=_PEER),
        measured.row(_CATALOGUE_OPENED, peer=_PEER),
        measured.row(_CATALOGUE_OPEN, peer=_PEER),
        measured.row(_PACKED),
        measured.row(_PEER),
        measured.row(_CUTOUT, peer=_PEER_CUTOUT),
        measured.row(_PEER_CUTOUT),
        measured.row(_COUNT, peer=_PEER_COUNT),
        measured.row(_PEER_COUNT),
    ]


def _write_many(catalogue_folder: Path, folder: Path) -> tuple[Path, int]:
    """Write a file of many masks; return its path and the row group of the first epoch's."""
    coadd, *epochs = read_masks(catalogue_folder)
    # the first epoch's comes in the middle of the file
    middle = _N_MASKS // 2
    chosen = [epochs[(number - middle) % len(epochs)] for number in range(1, _N_MASKS)]
    return write_masks([coadd, *chosen], folder / "many"), middle


def _good(file: MaskFile, number: int) -> Booleans:
    return decode_good(file.runs(number), _ANY_FLAG)


def _from_catalogue(database: Path, name: tuple[str, str, int, int]) -> object:
    with goodpix.Catalogue(database) as catalogue:
        return catalogue.mask(*name).good()


def _read_part(path: Path, rows: slice, columns: slice) -> object:
    with fitsio.FITS(path) as file:
        return file[1][rows, columns]


def _check_equal(mask: Mask, other: Booleans, plio: Path) -> None:
    """Check that catalogue, mask file and PLIO FITS give the same mask."""
    good, peer = mask.good(), fitsio.read(plio) == 0
    check(np.array_equal(good, other), f"{mask.key}: the mask file has a different mask")
    check(np.array_equal(good, peer), f"{mask.key}: PLIO FITS has a different mask")
    check(mask.count() == np.count_nonzero(peer), f"{mask.key}: count() differs from numpy's count")
    ny, nx = mask.shape
    part = mask.cutout(nx // 4, nx // 2, ny // 4, ny // 2).good()
    same = np.array_equal(part, peer[ny // 4 : ny // 2, nx // 4 : nx // 2])
    check(same, f"{mask.key}: the cutout differs from that part of the mask")
