"""Mask rows as written to the database."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ...schema import tables
from ...schema.bits import BitNames
from ...schema.columns import values_of
from ...schema.masks.maskfilename import generation_of
from ...schema.observing.covariates import computed_columns
from ...schema.rows import EpochFacts, MaskRow
from .bulk import insert_rows, new_ids

__all__ = [
    "bit_rows",
    "current_file",
    "insert_belongings",
    "insert_masks",
    "is_lost",
    "known_generation",
    "mask_values",
    "owner_of",
    "table_of",
]


def insert_masks(
    connection: sa.Connection,
    masks: Iterable[tuple[MaskRow, int | None]],
    of_file: dict[str, Any],
    bit_names: BitNames,
    run_ids: Mapping[str, int | None] | None = None,
) -> None:
    """Insert the mask rows of one tile and band, with their bit counts and footprints.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    masks : iterable of (MaskRow, int)
        Rows and their row groups, None for the row of a file without a coadd; the coadd's row is included, or in the
        database already.
    of_file : dict
        ``mask_file``, ``generation`` and ``area_good_any_unique`` of the coadd's row.
    bit_names : BitNames
        Bit names of the catalogue.
    run_ids : mapping, optional
        Runs that made the masks, by name of the mask.
    """
    numbered: list[tuple[MaskRow, int]] = []
    every = list(masks)
    # epoch rows refer to the coadd's row
    for kind in ("coadd", "epoch"):
        table, owner = table_of(kind), owner_of(kind)
        of_kind = [(row, row_group) for row, row_group in every if row.key.kind == kind]
        numbers = new_ids(connection, table.c[owner], len(of_kind))
        rows = [
            {owner: number}
            | mask_values(row, row_group, computed)
            | {"run_id": (run_ids or {}).get(row.key.name)}
            | (of_file if kind == "coadd" else {})
            for number, (row, row_group), computed in zip(numbers, of_kind, _computed(of_kind), strict=True)
        ]
        insert_rows(connection, table, rows)
        numbered += [(row, number) for number, (row, _) in zip(numbers, of_kind, strict=True)]
    insert_belongings(connection, numbered, bit_names)


def insert_belongings(connection: sa.Connection, rows: Iterable[tuple[MaskRow, int]], bit_names: BitNames) -> None:
    """Insert the bit counts and footprints of rows with the given numbers."""
    bits, touched = [], []
    for row, number in rows:
        owners = {owner_of(kind): number if kind == row.key.kind else None for kind in ("coadd", "epoch")}
        for (plane, bit), (name, n_pixels) in bit_rows(row, bit_names).items():
            bits.append(owners | {"plane": plane, "bit": bit, "name": name, "n_pixels": n_pixels})
        if row.key.kind == "epoch":
            touched += [{"hpix": hpix, "epoch_id": number, "cells": cells} for hpix, cells in row.hpix.items()]
    insert_rows(connection, tables.bit_count, bits)
    insert_rows(connection, tables.footprint, touched)


def current_file(connection: sa.Connection, tilename: str, band: str) -> tuple[int, str | None]:
    """Return the current generation and mask file of a tile and band; 0 and None if it has none.

    Without a row, the failures of lost mask files tell the generation, which no later file may have again.
    """
    coadd = tables.coadd.c
    query = sa.select(coadd.generation, coadd.mask_file).where(coadd.tilename == tilename, coadd.band == band)
    found = connection.execute(query).one_or_none()
    if found:
        return known_generation(found.generation, found.mask_file), found.mask_file
    failure = tables.failure.c
    paths = connection.scalars(sa.select(failure.path).where(failure.tilename == tilename, failure.band == band))
    return max((generation_of(path) or 0 for path in paths), default=0), None


def known_generation(stored: object, mask_file: object) -> int:
    """Return the generation in a coadd's row; where that is no number, as SQLite lets it, that of its mask file."""
    return stored if isinstance(stored, int) else generation_of(str(mask_file)) or 0


def is_lost(connection: sa.Connection, tilename: str, band: str, mask_file: str) -> bool:
    """Tell whether the coadd's own mask in a mask file is recorded as lost, although its row is left."""
    failure = tables.failure.c
    keys = connection.scalars(sa.select(failure.failure_key).where(failure.tilename == tilename, failure.band == band))
    return any(key.endswith(f"/{mask_file}#coadd") for key in keys)


def table_of(kind: str) -> sa.Table:
    """Return the table for a kind of mask."""
    return tables.epoch if kind == "epoch" else tables.coadd


def owner_of(kind: str) -> str:
    """Return the column that numbers the rows of a kind of mask, in their table and in those that refer to it."""
    return f"{table_of(kind).name}_id"


def mask_values(row: MaskRow, row_group: int | None, computed: dict[str, float | None] | None = None) -> dict[str, Any]:
    """Return the database columns of a mask's row, except those set by its ingest; `computed` has those computed."""
    if computed is None:
        (computed,) = _computed([(row, row_group)])
    key = {"tilename": row.key.tilename, "band": row.key.band, "nx": row.nx, "ny": row.ny}
    if row.key.kind == "epoch":
        key |= {"expnum": row.key.expnum, "ccdnum": row.key.ccdnum}
    return {**key, **values_of(row.counts), **values_of(row.facts), "mask_row_group": row_group, **computed}


def _computed(masks: Sequence[tuple[MaskRow, int | None]]) -> list[dict[str, float | None]]:
    """Return the computed columns of masks of one kind; coadds have none."""
    facts = [row.facts for row, _ in masks if isinstance(row.facts, EpochFacts)]
    return computed_columns(facts) if facts else [{} for _ in masks]


def bit_rows(row: MaskRow, bit_names: BitNames) -> dict[tuple[str, int], tuple[str, int]]:
    """Return the name and pixel count of each mask bit that occurs, by plane and bit."""
    return {(plane, bit): (bit_names.name(plane, bit), n) for plane, of in row.bits.items() for bit, n in of.items()}
