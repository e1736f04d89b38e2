"""Time to map and flag a whole CCD in memory.

Against esutil (``image2sky``, then ``sky2image``) and wcslib, which only map. The nearest coadd pixels are
compared at every pixel.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from goodpix.ingest.images.coadd import read_coadd
from goodpix.ingest.images.coaddflags import CoaddFlags
from goodpix.ingest.images.flagging import flag_epoch
from goodpix.ingest.images.pixels import BLOCK, PlaneFiles, PlaneRows
from goodpix.ingest.images.sharedarray import SharedArray
from goodpix.ingest.plan import Options
from goodpix.schema.bits import BIT_SHIFT, Criterion
from goodpix.schema.masks.rle import decode
from goodpix.schema.planes.reader import PlaneReader
from goodpix.schema.wcs.pixelgrid import PixelGrid
from goodpix.schema.wcs.pixelmap import PixelMap, pixel_map
from goodpix.schema.wcs.solution import Wcs

from .bench import Bench
from .directway import Positions, by_esutil, by_wcslib, read_header
from .measure import Contender, Goal, GoalKind, Measured, Result, check, race
from .tiles import Tile

__all__ = ["run"]

_OURS, _ESUTIL, _WCSLIB = "goodpix, with flags and runs", "esutil", "wcslib"


def run(bench: Bench) -> list[Result]:
    """Measure the first epoch of every tile, which lies wholly on the coadd."""
    return [row for tile in bench.tiles for row in _of_tile(bench, tile)]


def _of_tile(bench: Bench, tile: Tile) -> list[Result]:
    info = tile.info
    epoch = info.src_info[0]
    coadd = read_coadd(info, Options()).for_epochs
    headers = read_header(epoch), read_header(info)
    with PlaneReader() as reader:
        opened = PlaneFiles.of(epoch).planes(reader)
        shape = opened.bmask.shape
        planes = opened.read(slice(0, shape[0]))

    def mapping() -> PixelMap:
        one, other = Wcs.from_header(headers[0], epoch.image_path), Wcs.from_header(headers[1], info.image_path)
        return pixel_map(
            PixelGrid(one, shape, epoch.position_offset), PixelGrid(other, coadd.flags.shape, info.position_offset)
        )

    contenders = [
        Contender(_OURS, lambda: flag_epoch(_blocks(planes), shape, mapping(), coadd.flags)),
        Contender(_ESUTIL, lambda: by_esutil(*headers), at_most=bench.rounds(2, 1), warm_up=False),
        Contender(_WCSLIB, lambda: by_wcslib(*headers), at_most=bench.rounds(2, 1), warm_up=False),
    ]
    found = race(contenders, bench.rounds(15, 7))
    for name in (_ESUTIL, _WCSLIB):
        _check_nearest(mapping(), coadd.flags.shape, name, found.answers[name])
    measured = Measured("mapping", tile.label, "s", found.times)
    return [
        measured.row(_OURS, peer=_ESUTIL, goal=Goal(GoalKind.FASTER, 100)),
        measured.row(_OURS, peer=_WCSLIB),
        measured.row(_ESUTIL),
        measured.row(_WCSLIB),
    ]


def _blocks(planes: PlaneRows) -> Iterator[PlaneRows]:
    """Yield rows in blocks, as when a file is read."""
    for y in range(0, planes.bmask.shape[0], BLOCK):
        rows = slice(y, y + BLOCK)
        yield PlaneRows(planes.positive[rows], planes.bmask[rows], planes.in_object[rows])


def _check_nearest(found: PixelMap, coadd_shape: tuple[int, int], name: str, positions: Positions) -> None:
    """Check the nearest coadd pixels against a peer's at every pixel except ties."""
    ny, nx = coadd_shape
    x, y = positions.nearest()
    inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
    tied = positions.tied()
    for axis, size, expected in (("x", nx, x), ("y", ny, y)):
        numbers = np.arange(1, size + 1)
        numbered = _numbered(coadd_shape, numbers if axis == "x" else numbers[:, np.newaxis], size)
        block = PlaneRows(np.ones(x.shape, np.bool_), np.zeros(x.shape, np.uint8), np.zeros(x.shape, np.bool_))
        flags = decode(flag_epoch([block], (x.shape[0], x.shape[1]), found, numbered).runs)
        differs = ((flags >> BIT_SHIFT["coadd"]) != np.where(inside, expected + 1, 0)) & ~tied
        check(not differs.any(), f"{name}: nearest {axis} differs at {differs.sum()} pixels")


def _numbered(shape: tuple[int, int], numbers: npt.NDArray[np.int64], size: int) -> CoaddFlags:
    """Return a coadd whose flags hold one-based column or row numbers; 0 is outside."""
    ny, nx = shape
    codes: npt.NDArray[np.uint16] = np.zeros((ny + 2, nx + 2), np.uint16)
    codes[1:-1, 1:-1] = numbers
    table = np.arange(size + 1, dtype=np.int64) << BIT_SHIFT["coadd"]
    table[0] = int(Criterion.OFF_COADD)
    return CoaddFlags(SharedArray(codes), table, np.zeros(size + 1, np.bool_), False)
