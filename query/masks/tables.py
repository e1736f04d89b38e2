"""Masks as data frames, Arrow tables and Parquet files."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from ...schema.files.outputfile import OutputPath, output_file
from ...schema.maskfile import LIST_ENCODING
from ..provenance import Provenance
from .export import GOOD_RUNS
from .mask import Mask

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["mask_frame", "mask_table", "run_frames", "write_masks"]

_MASK_COLUMNS = pa.schema(
    [
        ("tilename", pa.string()),
        ("band", pa.string()),
        ("kind", pa.string()),
        ("expnum", pa.int64()),
        ("ccdnum", pa.int16()),
        ("nx", pa.int32()),
        ("ny", pa.int32()),
        ("lengths", pa.list_(pa.uint32())),
        ("flags", pa.list_(pa.int64())),
    ]
)
"""Columns of a table with one row per mask: the key, shape and runs in mask files."""

_RUNS = ("run_lengths", "run_flags")


def mask_table(masks: Iterable[Mask]) -> pa.Table:
    """Return masks as a table with columns `_MASK_COLUMNS`."""
    return pa.concat_tables([_MASK_COLUMNS.empty_table(), *_mask_tables(masks)])


def _mask_tables(masks: Iterable[Mask]) -> Iterator[pa.Table]:
    """Yield a one-row table with columns `_MASK_COLUMNS` for each mask, keeping one in memory at a time."""
    for mask in masks:
        arrays = [pa.array([value], kind) for value, kind in zip(_values(mask), _MASK_COLUMNS.types, strict=True)]
        yield pa.Table.from_arrays(arrays, schema=_MASK_COLUMNS)


def mask_frame(masks: Iterable[Mask]) -> "pd.DataFrame":
    """Return masks as a data frame; see `goodpix.Catalogue.to_pandas`."""
    import pandas as pd  # slow to import

    frame = pd.DataFrame([_values(mask) for mask in masks], columns=[*_MASK_COLUMNS.names[:-2], *_RUNS])
    # the names of before, for one version more; df.flags is an attribute of pandas' own
    return frame.assign(lengths=frame["run_lengths"], flags=frame["run_flags"])


def _values(mask: Mask) -> list[object]:
    """Return the values of columns `_MASK_COLUMNS`."""
    key, runs = mask.key, mask.encoded
    return [key.tilename, key.band, key.kind, key.expnum, key.ccdnum, runs.nx, runs.ny, runs.lengths, runs.flags]


def run_frames(masks: Iterable[Mask]) -> "Iterator[pd.DataFrame]":
    """Yield the runs of each mask, split at column ends; see `goodpix.Catalogue.runs`."""
    for mask in masks:
        runs = mask.runs()
        for position, name in enumerate(("tilename", "band", "expnum", "ccdnum")):
            runs.insert(position, name, getattr(mask.key, name))
        yield runs


def write_masks(
    masks: Iterable[Mask],
    path: OutputPath,
    *,
    plain: bool = False,
    provenance: Provenance | None = None,
) -> int:
    """Write masks to a Parquet file, one row group each; return their number. See `goodpix.Catalogue.to_parquet`."""
    encoded = {} if plain else LIST_ENCODING
    facts = provenance.metadata(GOOD_RUNS) if provenance else {}
    columns = _MASK_COLUMNS.with_metadata(facts or None)
    n = 0
    with output_file(path) as file, pq.ParquetWriter(file, columns, compression="zstd", **encoded) as writer:
        for table in _mask_tables(masks):
            writer.write_table(table.cast(columns))
            n += 1
    return n
