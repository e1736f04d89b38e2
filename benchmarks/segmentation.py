"""Time to make a segmentation map, against reading the planes that it is made of."""

import fitsio
import numpy as np
import numpy.typing as npt

from goodpix.ingest.direct import direct_map
from goodpix.ingest.images.segmentation import make_map, sep_version
from goodpix.schema.inputs.segmentation import Segmentation
from goodpix.schema.planes.imagefiles import PlaneFile, expand
from goodpix.schema.planes.reader import PlaneReader

from .bench import Bench
from .measure import Contender, Measured, Result, check, race
from .tiles import Tile

__all__ = ["run"]

_MADE, _READ = "segmentation map made, planes read", "fitsio.read of image, weight and mask"


def run(bench: Bench) -> list[Result]:
    """Measure the map of the first epoch of every tile."""
    return [row for tile in bench.tiles for row in _of_tile(bench, tile)]


def _of_tile(bench: Bench, tile: Tile) -> list[Result]:
    files = tile.info.src_info[0].files
    planes = [files[name] for name in ("image", "weight", "bmask")]
    parameters = Segmentation(sep_version())

    def make() -> npt.NDArray[np.bool_]:
        with PlaneReader() as reader:
            of_image, of_weight, of_bmask = map(reader.open, planes)
            return make_map(of_image, of_weight, of_bmask, parameters).objects

    image, weight, bmask = map(_read, planes)
    expected = direct_map(image, weight, bmask, parameters) != 0
    check(np.array_equal(make(), expected), "the map differs from that of sep called directly")
    contenders = [Contender(_MADE, make), Contender(_READ, lambda: [_read(plane) for plane in planes])]
    measured = Measured("segmentation", tile.label, "s", race(contenders, bench.rounds(5, 2)).times)
    return [measured.row(_MADE, peer=_READ), measured.row(_READ)]


def _read(plane: PlaneFile) -> npt.NDArray[np.generic]:
    pixels: npt.NDArray[np.generic] = fitsio.read(expand(plane.path), ext=plane.ext)
    return pixels
