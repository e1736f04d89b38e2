"""Arrow tables with the columns of the catalogue's SQL tables."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from .synthetic import noise

__all__ = ["arrow_table", "digest", "joined"]

_TYPES = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}


def arrow_table(table: sa.Table, values: Mapping[str, Any]) -> pa.Table:
    """Return an Arrow table with the columns of an SQL table; scalars fill all rows, missing columns are null."""
    given = {name: each for name, each in values.items() if not isinstance(each, str | int | float)}
    n = max(len(each) for each in given.values())
    unknown = values.keys() - table.c.keys()
    if unknown:
        raise KeyError(f"table {table.name} has no {', '.join(sorted(unknown))}")
    arrays = {}
    for column in table.c:
        kind = _TYPES[column.type.python_type]
        if column.name in given:
            arrays[column.name] = pc.cast(pa.array(given[column.name]), kind)
        else:
            arrays[column.name] = pa.repeat(pa.scalar(values.get(column.name), kind), n)
    return pa.table(arrays)


def joined(*parts: Any) -> pa.Array:
    """Concatenate texts and numbers element by element."""
    texts = [pa.scalar(each) if isinstance(each, str) else pc.cast(pa.array(each), pa.string()) for each in parts]
    return pc.binary_join_element_wise(*texts, "")


def digest(number: npt.NDArray[np.int64]) -> pa.Array:
    """Return texts as long as a sha256 that depend only on the number."""
    mixed = (noise(number, 10) * 1e15).astype(np.int64) + 10**15
    return joined(mixed, mixed, mixed, mixed)
