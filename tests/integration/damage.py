"""Ways to damage a small catalogue, and to look at all its rows."""

import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from .survey import Survey

__all__ = ["TABLES", "all_rows", "change", "flip", "flip_mask", "flipped", "make_older", "mask_path", "runs_of"]

TABLES = {
    "catalogue": [],
    "coadd": ["coadd_id", "run_id"],
    "epoch": ["epoch_id", "run_id"],
    "tile_summary": [],
    "ccd_image": [],
    "exposure_summary": [],
    "ccd_night": [],
    "ccd_bit_night": [],
    "ccd_median": [],
}
"""Tables that a rebuild makes again, and those of their columns that it does not."""

_HANGING = {
    "bit_count": "SELECT c.band, c.tilename, e.expnum, e.ccdnum, b.plane, b.bit, b.name, b.n_pixels FROM bit_count b "
    "LEFT JOIN epoch e USING (epoch_id) LEFT JOIN coadd c ON b.coadd_id = c.coadd_id OR "
    "(c.tilename = e.tilename AND c.band = e.band)",
    "footprint": "SELECT e.band, e.tilename, e.expnum, e.ccdnum, f.hpix, f.cells FROM footprint f "
    "JOIN epoch e USING (epoch_id)",
}


def change(survey: Survey, *statements: str) -> None:
    """Change the database behind goodpix's back, without its foreign keys."""
    with closing(sqlite3.connect(survey.database)) as connection, connection:
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, statement


def all_rows(database: Path) -> dict[str, list[Any]]:
    """Return every row of every table that a rebuild makes again, in an order that does not depend on numbers."""
    found: dict[str, list[Any]] = {}
    with closing(sqlite3.connect(database)) as connection:
        for table, left_out in TABLES.items():
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[1] not in left_out]
            found[table] = connection.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()
        for table, query in _HANGING.items():
            found[table] = connection.execute(query).fetchall()
    return {table: sorted(rows, key=repr) for table, rows in found.items()}


def mask_path(survey: Survey, band: str = "r", generation: int = 1) -> Path:
    """Return the mask file of a band."""
    (found,) = survey.masks.glob(f"{band}/*_{band}_g{generation}_*.parquet")
    return found


def runs_of(path: Path, row_group: int) -> Sequence[int]:
    """Return where the runs of a mask lie in its file: the first byte of the data, and how many there are."""
    group = pq.ParquetFile(path).metadata.row_group(row_group)
    (column,) = [group.column(k) for k in range(group.num_columns) if group.column(k).path_in_schema[:7] == "lengths"]
    return column.data_page_offset, column.total_compressed_size


def flip(path: Path, position: int, n_bytes: int = 4) -> None:
    """Turn some bytes of a file over."""
    path.write_bytes(flipped(path.read_bytes(), position, n_bytes))


def flipped(content: bytes, position: int, n_bytes: int) -> bytes:
    """Return the content of a file with some bytes turned over."""
    changed = bytearray(content)
    for k in range(position, position + n_bytes):
        changed[k] ^= 0xFF
    return bytes(changed)


def flip_mask(survey: Survey, row_group: int, band: str = "r") -> None:
    """Damage the runs of one mask, and nothing else."""
    path = mask_path(survey, band)
    start, size = runs_of(path, row_group)
    flip(path, start + size // 2)


def make_older(path: Path, days: float = 2) -> None:
    """Make a file look as if it had been written earlier."""
    when = time.time() - days * 86_400
    os.utime(path, (when, when))
