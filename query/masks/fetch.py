"""Masks of a catalogue, one or many, and tables of them."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import concat_tables

from ...schema.database import Database
from ...schema.errors import UsageError
from ...schema.rows import MaskKey
from .mask import Mask
from .parallel import Mapped, map_masks
from .reader import MaskReader, find_masks, read_mask, read_masks

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["StoredMasks"]


class StoredMasks:
    """The masks that a catalogue holds; a part of `goodpix.Catalogue`."""

    _database: Database
    _reader: MaskReader

    def mask(self, tilename: str, band: str, expnum: int | None = None, ccdnum: int | None = None) -> Mask:
        """Return one mask: of an epoch, or the coadd's own where no exposure is given.

        Raises
        ------
        MaskNotFoundError
            If the catalogue has no such mask.
        MaskFileError
            If its mask file is missing or damaged.
        """
        if (expnum is None) != (ccdnum is None):
            raise UsageError("give expnum and ccdnum both, or neither for the coadd's own mask")
        key = MaskKey(tilename, band, "coadd" if expnum is None else "epoch", expnum, ccdnum)
        return read_mask(self._database, self._reader, key)

    def masks(self, *, kind: str = "epoch", **filters: Any) -> Iterator[Mask]:
        """Yield masks one at a time, file by file, in file order.

        A tile that an ingest replaces meanwhile is the old one or the new one.

        Parameters
        ----------
        kind : str
            ``"epoch"``, or ``"coadd"`` for the coadds' own masks.
        **filters
            See `epochs`; of `tiles` where `kind` is ``"coadd"``.
        """
        return read_masks(self._database, self._reader, find_masks(self._database, kind, filters))

    def map(
        self,
        func: Callable[[Mask], Any],
        executor: Executor | None = None,
        *,
        workers: int = 1,
        kind: str = "epoch",
        **filters: Any,
    ) -> Iterator[Mapped]:
        """Yield what a function returns for each mask, as it comes.

        Parameters
        ----------
        func : callable
            Takes a `Mask`. With an executor or workers it has to be one that can be pickled: a function of a
            module, not a lambda.
        executor : concurrent.futures.Executor, optional
            What does the work, such as a Dask client's ``get_executor(pure=False)``.
        workers : int
            Processes of this machine that do it, where no executor is given; 1 is the calling process.
        kind : str
            See `masks`.
        **filters
            See `epochs`.

        Yields
        ------
        Mapped
            ``key``, ``value`` and ``error`` of each mask: one that cannot be read or for which the function
            fails has an error, and ends nothing.
        """
        places = find_masks(self._database, kind, filters)
        return map_masks(func, places, self._database, executor=executor, workers=workers)

    def to_pandas(self, *, kind: str = "epoch", **filters: Any) -> "pd.DataFrame":
        """Return one row per mask, with its runs as arrays; see `masks`, which yields them one at a time.

        Returns
        -------
        DataFrame
            Columns ``tilename``, ``band``, ``kind``, ``expnum``, ``ccdnum``, ``nx``, ``ny``,
            ``lengths`` (uint32 arrays) and ``flags`` (int64 arrays).
        """
        return _mask_frame(self.masks(kind=kind, **filters))

    def to_arrow(self, *, kind: str = "epoch", **filters: Any) -> "pa.Table":
        """Return the same as an Arrow table, lengths and flags as lists."""
        return concat_tables([_MASK_COLUMNS.empty_table(), *_mask_tables(self.masks(kind=kind, **filters))])

    def to_parquet(self, path: str | os.PathLike[str], *, kind: str = "epoch", **filters: Any) -> int:
        """Write the same to a Parquet file, one mask at a time; return how many.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        return _write_masks(self.masks(kind=kind, **filters), os.fspath(path))

    def runs(self, *, kind: str = "epoch", **filters: Any) -> "Iterator[pd.DataFrame]":
        """Yield the runs of each mask, split at column ends, as a data frame.

        Yields
        ------
        DataFrame
            Columns ``tilename``, ``band``, ``expnum``, ``ccdnum``, ``x``, ``y`` (first pixel), ``length`` and
            ``flags``.
        """
        return _run_frames(self.masks(kind=kind, **filters))


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
"""Columns of a table with one row per mask: those of the mask files that say which pixels are good."""


def _mask_tables(masks: Iterable[Mask]) -> Iterator[pa.Table]:
    """Yield masks as tables of one row, of the columns `_MASK_COLUMNS`; one is in memory at a time."""
    for mask in masks:
        key, runs = mask.key, mask.encoded
        values = [key.tilename, key.band, key.kind, key.expnum, key.ccdnum, runs.nx, runs.ny, runs.lengths, runs.flags]
        arrays = [pa.array([value], kind) for value, kind in zip(values, _MASK_COLUMNS.types, strict=True)]
        yield pa.Table.from_arrays(arrays, schema=_MASK_COLUMNS)


def _mask_frame(masks: Iterable[Mask]) -> "pd.DataFrame":
    """Return masks as a data frame of the columns `_MASK_COLUMNS`; lengths and flags are arrays."""
    import pandas as pd  # slow to import

    rows = []
    for mask in masks:
        key, runs = mask.key, mask.encoded
        rows.append(
            (key.tilename, key.band, key.kind, key.expnum, key.ccdnum, runs.nx, runs.ny, runs.lengths, runs.flags)
        )
    return pd.DataFrame(rows, columns=_MASK_COLUMNS.names)


def _run_frames(masks: Iterable[Mask]) -> "Iterator[pd.DataFrame]":
    """Yield the runs of each mask, split at column ends: its key, then ``x``, ``y``, ``length`` and ``flags``."""
    for mask in masks:
        runs = mask.runs()
        for place, name in enumerate(("tilename", "band", "expnum", "ccdnum")):
            runs.insert(place, name, getattr(mask.key, name))
        yield runs


def _write_masks(masks: Iterable[Mask], path: Path | str) -> int:
    """Write masks to a Parquet file of the columns `_MASK_COLUMNS`, a row group each; return how many.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    n = 0
    with pq.ParquetWriter(str(path), _MASK_COLUMNS, compression="zstd") as writer:
        for table in _mask_tables(masks):
            writer.write_table(table)
            n += 1
    return n
