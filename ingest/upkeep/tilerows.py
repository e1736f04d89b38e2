"""Database rows of one tile and band."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ...schema import tables
from ...schema.bits import BitNames
from ...schema.database import as_stored, lacking
from ...schema.rows import MaskKey
from ..database.maskrows import current_file, insert_belongings, is_lost, mask_values, owner_of, table_of
from .filecheck import CheckedMask

__all__ = ["StoredMask", "StoredTile", "delete_rows", "read_tile", "update_mask"]

# Values per statement; SQLite accepts 32,766.
_AT_A_TIME = 10_000


@dataclass(frozen=True, slots=True)
class StoredMask:
    """The row of a mask, with its bit counts and footprint.

    Parameters
    ----------
    key : MaskKey
        Key of the mask.
    row_id : int
        Primary key of the row.
    values : mapping
        Values by column; none of columns that the catalogue's revision lacks.
    bits : mapping
        Rows of ``bit_count``: name and number of pixels by (plane, bit).
    hpix : mapping of int to int
        Rows of ``footprint``: cells by HEALPix pixel; empty for a coadd.
    """

    key: MaskKey
    row_id: int
    values: Mapping[str, Any]
    bits: Mapping[tuple[str, int], tuple[str, int]]
    hpix: Mapping[int, int]

    @property
    def row_group(self) -> int | None:
        """Row group of the mask; None for the row of a file without a coadd."""
        row_group: int | None = self.values["mask_row_group"]
        return row_group


@dataclass(frozen=True, slots=True)
class StoredTile:
    """The rows of a tile and band.

    Parameters
    ----------
    tilename, band : str
        Tile and band.
    mask_file : str
        Mask file that the coadd's row names; empty if there is no such row.
    generation : int
        Generation in the coadd's row.
    masks : mapping
        Rows by name, ``expnum/ccdnum`` or ``coadd``.
    recorded_as_lost : bool
        Whether the coadd's row alone is left, because its masks are lost and recorded as failures.
    """

    tilename: str
    band: str
    mask_file: str = ""
    generation: int = 0
    masks: Mapping[str, StoredMask] = field(default_factory=dict)
    recorded_as_lost: bool = False

    @property
    def ccd_images(self) -> set[tuple[int, int]]:
        """Epochs of the rows, as (expnum, ccdnum)."""
        keys = (each.key for each in self.masks.values())
        return {(key.expnum, key.ccdnum) for key in keys if key.expnum is not None and key.ccdnum is not None}


def read_tile(
    connection: sa.Connection, tilename: str, band: str, chosen: Mapping[str, Collection[int]] | None = None
) -> StoredTile:
    """Read the rows of a tile and band.

    Parameters
    ----------
    connection : Connection
        Connection to the database.
    tilename, band : str
        Tile and band.
    chosen : mapping, optional
        Row numbers to read, by kind; by default all.
    """
    generation, mask_file = current_file(connection, tilename, band)
    lost = mask_file is not None and is_lost(connection, tilename, band, mask_file)
    masks: list[StoredMask] = []
    for kind in ("coadd", "epoch"):
        ids = None if chosen is None else chosen.get(kind, ())
        masks += _masks(connection, kind, tilename, band, ids)
    by_name = {each.key.name: each for each in masks}
    return StoredTile(tilename, band, mask_file or "", generation, by_name, lost and not by_name.keys() - {"coadd"})


def _masks(
    connection: sa.Connection, kind: str, tilename: str, band: str, ids: Collection[int] | None
) -> list[StoredMask]:
    table, owner = table_of(kind), owner_of(kind)
    absent = lacking(connection, table.c)
    columns = [_raw(column) for column in as_stored(connection, table) if column.name not in absent]
    query = sa.select(*columns).where(table.c.tilename == tilename, table.c.band == band)
    if ids is not None:
        query = query.where(table.c[owner].in_(list(ids)))
    rows = connection.execute(query.order_by(table.c.mask_row_group, table.c[owner])).mappings().all()
    numbers = [row[owner] for row in rows]
    booleans = {column.name for column in table.c if isinstance(column.type, sa.Boolean)}
    bits: dict[int, dict[tuple[str, int], tuple[str, int]]] = defaultdict(dict)
    hpix: dict[int, dict[int, int]] = defaultdict(dict)
    bit, touched = tables.bit_count, tables.footprint
    for each in _of_owners(connection, sa.select(bit), bit.c[owner], numbers):
        bits[each[owner]][each["plane"], each["bit"]] = (each["name"], each["n_pixels"])
    if kind == "epoch":
        footprints = sa.select(*as_stored(connection, touched))
        for each in _of_owners(connection, footprints, touched.c.epoch_id, numbers):
            hpix[each["epoch_id"]][each["hpix"]] = each["cells"]
    return [
        StoredMask(
            MaskKey(tilename, band, kind, row.get("expnum"), row.get("ccdnum")),
            row[owner],
            {name: _boolean(value) if name in booleans else value for name, value in row.items()},
            bits[row[owner]],
            hpix[row[owner]],
        )
        for row in rows
    ]


def _raw(column: "sa.ColumnElement[Any]") -> "sa.ColumnElement[Any]":
    """Return a column without the conversion of booleans, for which SQLAlchemy takes any text for true."""
    return sa.type_coerce(column, sa.Integer).label(column.name) if isinstance(column.type, sa.Boolean) else column


def _boolean(value: object) -> object:
    return bool(value) if isinstance(value, int) and value in (0, 1) else value


def _of_owners(
    connection: sa.Connection, query: "sa.Select[Any]", owner: "sa.Column[Any]", numbers: Sequence[int]
) -> list[sa.RowMapping]:
    """Return the rows that belong to epochs or coadds with these row numbers."""
    rows: list[sa.RowMapping] = []
    for start in range(0, len(numbers), _AT_A_TIME):
        batch = numbers[start : start + _AT_A_TIME]
        rows += connection.execute(query.where(owner.in_(batch))).mappings().all()
    return rows


def update_mask(
    connection: sa.Connection, row_id: int, mask: CheckedMask, of_file: dict[str, Any], bit_names: BitNames
) -> None:
    """Rewrite the row of a mask, its bit counts and footprint, but not the run that made it."""
    row = mask.row
    assert row is not None  # undamaged masks have one
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
    """Delete the rows of some masks, epochs first, with their bit counts and footprints."""
    for kind in ("epoch", "coadd"):
        table, owner = table_of(kind), owner_of(kind)
        for name in names:
            mask = stored.masks.get(name)
            if mask is not None and mask.key.kind == kind:
                connection.execute(table.delete().where(table.c[owner] == mask.row_id))
