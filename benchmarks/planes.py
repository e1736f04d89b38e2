"""The time that reading what the cuts need of planes takes, against ``fitsio.read`` of the same planes.

Of an epoch and of the coadd as they are, and of an epoch's planes packed in other ways. The sum of the bytes
is compared with DATASUM, where there is one; the pixels of both are compared.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import numpy.typing as npt

from goodpix.schema.planes.fitsfile import FitsFile
from goodpix.schema.planes.plane import Plane as OpenPlane
from goodpix.schema.planes.plane import open_plane

from .bench import Bench
from .measure import Contender, Goal, GoalKind, Measured, Result, check, race
from .tiles import Plane, Tile, planes_of

__all__ = ["run"]

_OURS, _READ = "goodpix, what the cuts need", "fitsio.read of the planes"

# Rows read at a time, as an ingest does.
_ROWS = 512

Rows = Callable[[OpenPlane, slice], npt.NDArray[Any]]
Asked = tuple[Plane, Rows]

_POSITIVE: Rows = OpenPlane.positive
_VALUES: Rows = OpenPlane.read
_NONZERO: Rows = OpenPlane.nonzero
_DITHER_2 = {"qlevel": 16, "qmethod": "SUBTRACTIVE_DITHER_2"}


def run(bench: Bench) -> list[Result]:
    """Measure the first epoch and the coadd of every tile, and other ways to pack the first tile's epoch."""
    rows = []
    for tile in bench.tiles:
        for image, name, limit in ((tile.info.src_info[0], "an epoch", 0.3), (tile.info, "the coadd", 0.35)):
            asked = list(zip(planes_of(image), (_POSITIVE, _VALUES, _NONZERO), strict=True))
            rows += _compare(bench, f"{tile.label}, {name}", asked, Goal(GoalKind.TIMES, limit))
    with bench.scratch() as folder:
        for name, plane in _packed_otherwise(bench.tiles[0], folder):
            rows += _compare(bench, f"{bench.tiles[0].label}, {name}", [plane])
    return rows


def _packed_otherwise(tile: Tile, folder: Path) -> list[tuple[str, Asked]]:
    """Write an epoch's planes in other forms."""
    weight, mask, seg = (fitsio.read(path, ext=ext) for path, ext in planes_of(tile.info.src_info[0]))
    forms: list[tuple[str, npt.NDArray[Any], dict[str, Any], Rows]] = [
        ("weight, GZIP_1", weight, {"compress": "GZIP"} | _DITHER_2, _POSITIVE),
        ("weight, GZIP_2 without loss", weight, {"compress": "GZIP_2", "qlevel": 0}, _POSITIVE),
        ("weight, plain", weight, {}, _POSITIVE),
        ("16-bit mask, RICE_1", mask.astype(np.int16), {"compress": "RICE"}, _VALUES),
        ("seg, GZIP_1", seg, {"compress": "GZIP"}, _NONZERO),
    ]
    made: list[tuple[str, Asked]] = []
    for number, (name, pixels, packing, rows) in enumerate(forms):
        path = folder / f"{number}.fits"
        fitsio.write(str(path), pixels, **packing)
        made.append((name, ((str(path), 1 if packing else 0), rows)))
    return made


def _compare(bench: Bench, data: str, asked: list[Asked], goal: Goal | None = None) -> list[Result]:
    for (path, ext), rows in asked:
        _check_equal(path, ext, rows)
    contenders = [
        Contender(_OURS, lambda: [_read(*plane, rows) for plane, rows in asked]),
        Contender(_READ, lambda: [fitsio.read(path, ext=ext).shape for (path, ext), _ in asked]),
    ]
    measured = Measured("planes", data, "ms", race(contenders, bench.rounds(9, 5), "ms").times)
    return [measured.row(_OURS, peer=_READ, goal=goal), measured.row(_READ)]


def _read(path: str, ext: str | int, rows: Rows) -> bool:
    """Read a plane some rows at a time; return whether it has a DATASUM, which then agrees."""
    with FitsFile(path) as file:
        plane = open_plane(file, ext)
        checked = plane.datasum().check()
        for y in range(0, plane.shape[0], _ROWS):
            rows(plane, slice(y, min(y + _ROWS, plane.shape[0])))
    return checked


def _check_equal(path: str, ext: str | int, rows: Rows) -> None:
    pixels = fitsio.read(path, ext=ext)
    expected = pixels
    if rows is _POSITIVE:
        expected = np.isfinite(pixels) & (pixels > 0)
    elif rows is _NONZERO:
        expected = pixels != 0
    with FitsFile(path) as file:
        plane = open_plane(file, ext)
        check(
            np.array_equal(rows(plane, slice(0, plane.shape[0])), expected), f"{path}[{ext}]: fitsio reads other pixels"
        )
