"""Size of a stored mask, and the time to read it.

Masks with all reasons, and run lengths of the boolean mask alone, against other formats of the boolean
mask. A sample of the size is one mask; a sample of the time is the mean over all masks.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from goodpix.schema.maskfile import MaskFile
from goodpix.schema.masks.rle import decode_good, encode

from .bench import Bench
from .booleanfiles import FORMATS, PACKED, PLIO, PNG, Format
from .measure import Contender, Goal, GoalKind, Measured, Result, check, race
from .storedmasks import StoredMask, read_masks, write_masks
from .tiles import Tile

__all__ = ["run"]

Booleans = npt.NDArray[np.bool_]

_ALL = "goodpix, all reasons"
_ROW_GROUP = "goodpix, all reasons, counts and record"
_BOOLEAN = "goodpix, lengths of the boolean mask"
_ANY_FLAG = -1


def run(bench: Bench) -> list[Result]:
    """Measure the masks of all epochs of every tile."""
    return [row for tile in bench.tiles for row in _of_tile(bench, tile)]


def _of_tile(bench: Bench, tile: Tile) -> list[Result]:
    masks = [each for each in read_masks(bench.catalogue(tile)) if each[0].key.kind == "epoch"]
    with bench.scratch() as folder:
        good = [np.ascontiguousarray(decode_good(runs, _ANY_FLAG)) for _, runs in masks]
        whole = write_masks(masks, folder / "whole")
        boolean = write_masks(
            [_boolean(mask, each) for mask, each in zip(masks, good, strict=True)], folder / "boolean"
        )
        kept = {each.name: _written(each, good, folder / each.name) for each in FORMATS}
        sizes = {
            _ALL: _bytes(whole, ["lengths", "flags"]),
            _ROW_GROUP: _bytes(whole, None),
            _BOOLEAN: _bytes(boolean, ["lengths"]),
            **{name: tuple(float(path.stat().st_size) for path in paths) for name, paths in kept.items()},
        }
        _check_equal(whole, boolean, kept, good)
        contenders = [
            Contender(_ALL, lambda: _read_mask_file(whole)),
            Contender(_BOOLEAN, lambda: _read_mask_file(boolean)),
            *(_reader(each, kept[each.name], good[0].shape) for each in FORMATS),
        ]
        times = race(contenders, bench.rounds(5, 3), "ms", per=len(good)).times
    return [*_size_rows(Measured("mask_size", tile.label, "B", sizes)), *_time_rows(tile, times)]


def _size_rows(measured: Measured) -> list[Result]:
    below_png, near_packed = Goal(GoalKind.BELOW, 1), Goal(GoalKind.TIMES, 1.1)
    return [
        measured.row(_ALL, peer=PLIO.name, goal=Goal(GoalKind.TIMES, 0.55)),
        measured.row(_ROW_GROUP, peer=PLIO.name),
        measured.row(_BOOLEAN, peer=PNG.name, goal=below_png),
        measured.row(_BOOLEAN, peer=PACKED.name, goal=near_packed),
        *(measured.row(each.name) for each in FORMATS),
    ]


def _time_rows(tile: Tile, times: Mapping[str, tuple[float, ...]]) -> list[Result]:
    measured = Measured("mask_size: reading", tile.label, "ms", times)
    return [
        measured.row(_ALL, peer=PLIO.name),
        measured.row(_BOOLEAN, peer=PACKED.name),
        *(measured.row(each.name) for each in FORMATS),
    ]


def _boolean(mask: StoredMask, good: Booleans) -> StoredMask:
    """Return the mask with flags reduced to good or bad."""
    return mask[0], encode((~good).view(np.uint8))


def _written(way: Format, good: Sequence[Booleans], folder: Path) -> list[Path]:
    folder.mkdir()
    paths = [folder / str(number) for number in range(len(good))]
    for path, each in zip(paths, good, strict=True):
        way.write(path, each)
    return paths


def _bytes(path: Path, names: list[str] | None) -> tuple[float, ...]:
    """Return the compressed size of each row group in bytes, of the named columns or of all."""
    metadata = pq.ParquetFile(path).metadata
    sizes = []
    for k in range(metadata.num_row_groups):
        columns = [metadata.row_group(k).column(number) for number in range(metadata.num_columns)]
        wanted = [each for each in columns if names is None or each.path_in_schema.partition(".")[0] in names]
        sizes.append(float(sum(each.total_compressed_size for each in wanted)))
    return tuple(sizes)


def _read_mask_file(path: Path) -> list[Booleans]:
    file = MaskFile.open(path)
    return [decode_good(file.runs(k), _ANY_FLAG) for k in range(len(file))]


def _reader(way: Format, paths: Sequence[Path], shape: tuple[int, ...]) -> Contender:
    return Contender(way.name, lambda: [way.read(path, (shape[0], shape[1])) for path in paths])


def _check_equal(whole: Path, boolean: Path, kept: dict[str, list[Path]], good: Sequence[Booleans]) -> None:
    """Check that every format gives back the images."""
    shape = (good[0].shape[0], good[0].shape[1])
    found = {_ALL: _read_mask_file(whole), _BOOLEAN: _read_mask_file(boolean)}
    found |= {each.name: [each.read(path, shape) for path in kept[each.name]] for each in FORMATS}
    for name, images in found.items():
        same = all(np.array_equal(image, each) for image, each in zip(images, good, strict=True))
        check(same, f"{name}: the mask read differs from the mask written")
