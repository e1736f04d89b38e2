"""Copies of a catalogue's masks in new mask files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from goodpix.schema.bits import DES_Y6
from goodpix.schema.maskfile import MaskFile, MaskFileWriter
from goodpix.schema.masks.rle import Runs
from goodpix.schema.rows import MaskRow
from goodpix.schema.store.masksroot import MasksRoot

__all__ = ["StoredMask", "read_masks", "write_masks"]

StoredMask = tuple[MaskRow, Runs]


def read_masks(folder: Path) -> list[StoredMask]:
    """Return the masks of the one-tile catalogue in a folder: the coadd's own, then the epochs'."""
    (path,) = (folder / "masks").rglob("*.parquet")
    file = MaskFile.open(path)
    return [(file.row(k), file.runs(k)) for k in range(len(file))]


def write_masks(masks: Sequence[StoredMask], folder: Path) -> Path:
    """Write masks to one new mask file, with consecutive exposure numbers; return its path."""
    root = MasksRoot.of(folder)
    first = masks[0][0].key
    with MaskFileWriter(root, first.tilename, first.band, 1, DES_Y6) as writer:
        for number, (row, runs) in enumerate(masks):
            key = row.key if row.key.kind == "coadd" else replace(row.key, expnum=number)
            writer.add(replace(row, key=key, nx=runs.nx, ny=runs.ny, checksum=runs.checksum), runs)
        return folder / writer.finish()
