"""Writing of mask files."""

import hashlib
import json
from contextlib import suppress
from importlib.metadata import version
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..bits import BitNames
from ..columns import values_of
from ..inputs.profile import DES_PIZZA_CUTTER, ProfileId
from ..masks.maskfilename import MaskFileName
from ..masks.rle import Runs
from ..rows import SEG_FROM_FILE, MaskRow
from ..store.masksroot import FORMAT_VERSION, MasksRoot
from ..store.parquet import numbers, single
from .head import KEY_COLUMNS
from .layout import LIST_ENCODING, MASK_SCHEMA

__all__ = ["MaskFileWriter"]


class MaskFileWriter:
    """Write a mask file; a context manager that leaves no file unless `finish` is called.

    Parameters
    ----------
    root : MasksRoot
        Masks root to write to.
    tilename, band : str
        Tile and band of the masks.
    generation : int
        Number of files written for this tile and band so far, including this one.
    bit_names : BitNames
        The survey's mask bits, recorded in the file.
    profile : ProfileId
        Profile of the images, recorded in the file.
    segmentation : str
        Source of the segmentation maps, recorded in the file.
    has_coadd : bool
        Whether the file holds the mask of a coadd; recorded in the file if not.

    Attributes
    ----------
    n_bytes : int
        Size of the finished file.
    """

    def __init__(
        self,
        root: MasksRoot,
        tilename: str,
        band: str,
        generation: int,
        bit_names: BitNames,
        *,
        profile: ProfileId = DES_PIZZA_CUTTER,
        segmentation: str = SEG_FROM_FILE,
        has_coadd: bool = True,
    ) -> None:
        self._root = root
        self._name = MaskFileName(tilename, band, generation)
        software = version("goodpix")
        metadata = {
            "goodpix.format_version": str(FORMAT_VERSION),
            "goodpix.order": "column-major",
            "goodpix.generation": str(generation),
            **profile.metadata,
            "goodpix.segmentation": segmentation,
            **({} if has_coadd else {"goodpix.coadd": "none"}),
            "goodpix.bits": json.dumps({"se": dict(bit_names.se), "coadd": dict(bit_names.coadd)}),
            "goodpix.version": software,
        }
        self._digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
        self._draft = root.store.draft(band)
        self._writer = pq.ParquetWriter(
            self._draft.file,
            MASK_SCHEMA,
            compression="zstd",
            compression_level=3,  # docs/reference/format.md compares levels
            **LIST_ENCODING,
            write_statistics=list(KEY_COLUMNS),
            write_page_checksum=True,
            store_schema=False,  # Parquet's types are enough, and the footer is smaller
        )
        self._writer.add_key_value_metadata(metadata)
        self._n_rows = 0
        self.n_bytes = 0

    def __enter__(self) -> "MaskFileWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # on a full disk closing fails again; the draft must be discarded all the same
        with suppress(OSError, ValueError, pa.ArrowException):
            if self._writer.is_open:
                self._writer.close()
        self._draft.discard()

    def add(self, row: MaskRow, runs: Runs) -> int:
        """Write a mask and return the index of its row group."""
        record = row.record
        values: dict[str, Any] = values_of(row.key) | values_of(row.counts)
        values |= {"nx": row.nx, "ny": row.ny, "checksum": row.checksum, "record": record}
        arrays = {name: single(value, MASK_SCHEMA.field(name).type) for name, value in values.items()}
        for name, array in (("lengths", runs.lengths), ("flags", runs.flags)):
            offsets = numbers(np.array([0, array.size], np.int32), pa.int32())
            arrays[name] = pa.ListArray.from_arrays(offsets, numbers(array, MASK_SCHEMA.field(name).type.value_type))
        table = pa.Table.from_arrays([arrays[name] for name in MASK_SCHEMA.names], schema=MASK_SCHEMA)
        self._writer.write_table(table, row_group_size=1)
        self._digest.update(f"{row.key}{row.checksum}{record}".encode())
        self._n_rows += 1
        return self._n_rows - 1

    def finish(self, area_good_any_unique: float | None = None) -> str:
        """Finish and publish the file; return its name relative to the root.

        Parameters
        ----------
        area_good_any_unique : float, optional
            Sky area that is good in at least one epoch, within the tile's unique region, arcmin^2; recorded in the
            file.
        """
        if area_good_any_unique is not None:
            area = json.dumps(area_good_any_unique, allow_nan=False)
            self._writer.add_key_value_metadata({"goodpix.area_good_any_unique": area})
            self._digest.update(area.encode())
        self._writer.close()
        self.n_bytes = self._draft.file.tell()
        name = self._name.with_hash(self._digest.hexdigest())
        self._root.raise_version()
        self._draft.publish(name)
        return name
