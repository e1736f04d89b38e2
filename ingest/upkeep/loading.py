"""The rows of masks, as a repair changes them."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from ...schema import tables
from ...schema.bits import BitNames
from ..database.maskrows import insert_belongings, mask_values, owner_of, table_of
from .checkedfile import CheckedMask
from .storedtile import StoredTile

__all__ = ["delete_rows", "update_mask"]


def update_mask(
    connection: sa.Connection, row_id: int, mask: CheckedMask, of_file: dict[str, Any], bit_names: BitNames
) -> None:
    """Write the row of a mask again, with what hangs on it; the run that made it stays."""
    row = mask.row
    assert row is not None  # nothing is wrong with the mask
    kind, owner = row.key.kind, owner_of(row.key.kind)
    values = mask_values(row, mask.row_group) | (of_file if kind == "coadd" else {})
    table = table_of(kind)
    connection.execute(table.update().where(table.c[owner] == row_id).values(values))
    bit, touched = tables.bit_count, tables.footprint
    connection.execute(bit.delete().where(bit.c[owner] == row_id))
    if kind == "epoch":
        connection.execute(touched.delete().where(touched.c.epoch_id == row_id))
    insert_belongings(connection, [(row, row_id)], bit_names)


def delete_rows(connection: sa.Connection, stored: StoredTile, names: Collection[str]) -> None:
    """Delete the rows of some masks, epochs first; what hangs on them goes with them."""
    for kind in ("epoch", "coadd"):
        table, owner = table_of(kind), owner_of(kind)
        for name in names:
            mask = stored.masks.get(name)
            if mask is not None and mask.key.kind == kind:
                connection.execute(table.delete().where(table.c[owner] == mask.row_id))
