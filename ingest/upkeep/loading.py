"""The rows of masks, as they are written into the database."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from ...schema import tables
from ...schema.bits import BitNames
from ...schema.rows import MaskRow
from .checkedfile import CheckedMask
from .storedtile import StoredTile, bit_rows, mask_values, owner_of, table_of

__all__ = ["delete_rows", "insert_masks", "update_mask"]


def insert_masks(
    connection: sa.Connection,
    masks: Iterable[CheckedMask],
    of_file: dict[str, Any],
    bit_names: BitNames,
    run_ids: Mapping[str, int | None] | None = None,
) -> None:
    """Insert the rows of masks of one tile and band, with what hangs on them.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    masks : iterable of CheckedMask
        Masks with which nothing is wrong; the coadd's comes first, or is in the database.
    of_file : dict
        ``mask_file`` and ``generation`` of the coadd's row.
    bit_names : BitNames
        The catalogue's.
    run_ids : mapping, optional
        Runs that made them, by name of the mask.
    """
    rows = [(each.row, each.row_group) for each in masks if each.row is not None]
    for kind in ("coadd", "epoch"):
        values = [
            mask_values(row, row_group)
            | {"run_id": (run_ids or {}).get(row.key.name)}
            | (of_file if kind == "coadd" else {})
            for row, row_group in rows
            if row.key.kind == kind
        ]
        if values:
            connection.execute(table_of(kind).insert(), values)
    numbers = _numbers(connection, [row for row, _ in rows])
    _insert_belongings(connection, [(row, numbers[row.key.name]) for row, _ in rows], bit_names)


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
    _insert_belongings(connection, [(row, row_id)], bit_names)


def delete_rows(connection: sa.Connection, stored: StoredTile, names: Collection[str]) -> None:
    """Delete the rows of some masks, epochs first; what hangs on them goes with them."""
    for kind in ("epoch", "coadd"):
        table, owner = table_of(kind), owner_of(kind)
        for name in names:
            mask = stored.masks.get(name)
            if mask is not None and mask.key.kind == kind:
                connection.execute(table.delete().where(table.c[owner] == mask.row_id))


def _numbers(connection: sa.Connection, rows: list[MaskRow]) -> dict[str, int]:
    """Return the numbers of the rows of masks of one tile and band, by name."""
    found: dict[str, int] = {}
    if not rows:
        return found
    key = rows[0].key
    coadd, epoch = tables.coadd.c, tables.epoch.c
    of_coadd = sa.select(coadd.coadd_id).where(coadd.tilename == key.tilename, coadd.band == key.band)
    for number in connection.scalars(of_coadd):
        found["coadd"] = number
    of_epochs = sa.select(epoch.epoch_id, epoch.expnum, epoch.ccdnum)
    for each in connection.execute(of_epochs.where(epoch.tilename == key.tilename, epoch.band == key.band)):
        found[f"{each.expnum}/{each.ccdnum}"] = each.epoch_id
    return found


def _insert_belongings(connection: sa.Connection, rows: list[tuple[MaskRow, int]], bit_names: BitNames) -> None:
    """Insert the counts of mask bits and the footprints of rows with these numbers."""
    for kind in ("coadd", "epoch"):
        bits = [
            {owner_of(kind): number, "plane": plane, "bit": bit, "name": name, "n_pixels": n}
            for row, number in rows
            if row.key.kind == kind
            for (plane, bit), (name, n) in bit_rows(row, bit_names).items()
        ]
        if bits:
            connection.execute(tables.bit_count.insert(), bits)
    touched = [
        {"hpix": hpix, "epoch_id": number} for row, number in rows if row.key.kind == "epoch" for hpix in row.hpix
    ]
    if touched:
        connection.execute(tables.footprint.insert(), touched)
