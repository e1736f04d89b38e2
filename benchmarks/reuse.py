"""Ingest of two overlapping tiles with the same CCD images: files opened, bytes read, time.

Against the same run with ``--reread``. The mask files must be identical.
"""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import goodpix
from goodpix.schema.planes.imagefiles import expand

from .bench import Bench
from .measure import Goal, GoalKind, Measured, Result, check
from .tiles import Tile
from .workers import digests

__all__ = ["run"]

_ONCE, _REREAD = "goodpix ingest", "goodpix ingest --reread"
_NEIGHBOUR = "DES0001-0001"


@dataclass(frozen=True, slots=True)
class _Cost:
    """Cost of an ingest of both tiles."""

    seconds: float
    seconds_epochs: float
    n_opened: int
    n_bytes: int


def run(bench: Bench) -> list[Result]:
    """Measure every tile together with one that lies half a tile further west."""
    rows = []
    for tile in bench.tiles:
        with bench.scratch() as folder:
            rows += _of_tile(bench, tile, folder)
    return rows


def _of_tile(bench: Bench, tile: Tile, folder: Path) -> list[Result]:
    bench.catalogue(tile)
    both = [tile, tile.renamed(_NEIGHBOUR, folder, shift=0.5)]
    costs: dict[str, list[_Cost]] = {_ONCE: [], _REREAD: []}
    for number in range(bench.rounds(5, 1)):
        for name in (_REREAD, _ONCE) if number % 2 else (_ONCE, _REREAD):
            costs[name].append(_ingest(both, folder / name, reread=name == _REREAD))
    check(digests(folder / _ONCE) == digests(folder / _REREAD), "mask files differ from those made with --reread")
    n_files = len(_files_of_images(both))
    rows = []
    for what, unit, per in (
        ("seconds", "s", 1.0),
        ("seconds_epochs", "s", 1.0),
        ("n_opened", "opens per file", n_files),
        ("n_bytes", "MB", 1e6),
    ):
        samples = {name: tuple(getattr(each, what) / per for each in of) for name, of in costs.items()}
        label = f"2 tiles, {_LABELS[what]}: {tile.label}"
        measured = Measured("reuse", label, unit, samples)
        goal = Goal(GoalKind.AT_MOST, 1) if what == "n_opened" else None
        rows += [measured.row(_ONCE, peer=_REREAD, goal=goal), measured.row(_REREAD)]
    return rows


_LABELS = {
    "seconds": "whole run",
    "seconds_epochs": "epochs alone",
    "n_opened": "files of CCD images",
    "n_bytes": "bytes read",
}


def _ingest(tiles: list[Tile], catalogue: Path, *, reread: bool) -> _Cost:
    """Ingest tiles into a new catalogue, in this process."""
    shutil.rmtree(catalogue, ignore_errors=True)
    catalogue.mkdir()
    paths = [tile.info_path for tile in tiles]
    db, masks = catalogue / "goodpix.db", catalogue / "masks"
    n_bytes, started = _bytes_read(), time.perf_counter()
    with _opened_files() as opened:
        report = goodpix.ingest_tiles(paths, db=db, masks=masks, workers=1, reread=reread)
    seconds, n_bytes = time.perf_counter() - started, _bytes_read() - n_bytes
    check(not report.failures, f"{len(report.failures)} inputs failed")
    files = _files_of_images(tiles)
    return _Cost(seconds, report.stages.epochs, sum(path in files for path in opened), n_bytes)


def _files_of_images(tiles: list[Tile]) -> set[str]:
    """Return the FITS files of the CCD images of tiles."""
    images = (entry for tile in tiles for entry in tile.info.src_info)
    return {expand(file.path) for image in images for name, file in image.files.items() if name not in ("bkg", "head")}


def _bytes_read() -> int:
    """Return the number of bytes that this process has read from files."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


_listeners: list[list[str]] = []


@contextmanager
def _opened_files() -> Iterator[list[str]]:
    """Collect the paths of the files that this process opens."""
    if not _listeners:
        sys.addaudithook(_hear)  # it stays until the process ends
        _listeners.append([])
    opened: list[str] = []
    _listeners.append(opened)
    try:
        yield opened
    finally:
        _listeners.remove(opened)


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open":
        for each in _listeners:
            each.append(str(arguments[0]))
