"""Columns of mask files."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from ..columns import columns
from ..counts import Counts

__all__ = ["LISTS", "LIST_ENCODING", "MASK_SCHEMA"]

_ARROW_TYPES = {int: pa.int64(), float: pa.float64(), str: pa.string()}
LISTS = ("lengths", "flags")
"""Columns with the runs of a mask."""

LIST_ENCODING: Mapping[str, Any] = {
    "use_dictionary": ["flags.list.element"],
    "column_encoding": {"lengths.list.element": "BYTE_STREAM_SPLIT"},
}
"""Options of a Parquet writer for the columns ``lengths`` and ``flags``, which make them small."""


def _schema() -> pa.Schema:
    keys = [("tilename", pa.string()), ("band", pa.string()), ("kind", pa.string())]
    image = [("expnum", pa.int64()), ("ccdnum", pa.int16()), ("nx", pa.int32()), ("ny", pa.int32())]
    runs = [("lengths", pa.list_(pa.uint32())), ("flags", pa.list_(pa.int64())), ("checksum", pa.string())]
    counts = [(each.name, _ARROW_TYPES[each.kind]) for each in columns(Counts)]
    return pa.schema([*keys, *image, *runs, *counts, ("record", pa.string())])


MASK_SCHEMA: pa.Schema = _schema()
"""Columns of a mask file, which has one row and one row group per mask."""
