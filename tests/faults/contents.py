"""Complete contents of a catalogue, for comparison."""

from decimal import Decimal
from typing import Any

import sqlalchemy as sa

import goodpix
from goodpix.schema import tables
from goodpix.schema.database import open_for_reading
from goodpix.schema.views import VIEWS

__all__ = ["Contents", "contents", "missing"]

Contents = dict[str, list[str]]
"""Rows as text, by the name of their table or view, or ``"masks"``."""

# Columns that differ between two ingests of the same survey.
_LEFT_OUT = {"epoch_id", "coadd_id", "run_id", "failed_at", "uuid", "masks_root"}

# The other tables and views are derived from these.
_FIRM = ("coadd", "epoch", "bits of coadds", "bit_quality", "footprint", "masks")


def contents(url: str) -> Contents:
    """Return every row of every table and view and the checksum of every mask; empty if nothing is stored.

    Row and run ids and times are excluded.
    """
    coadd, epoch, bits, footprint = tables.coadd.c, tables.epoch.c, tables.bit_count.c, tables.footprint.c
    hanging = {
        "bits of coadds": sa.select(
            coadd.tilename, coadd.band, bits.plane, bits.bit, bits.name, bits.n_pixels
        ).join_from(tables.bit_count, tables.coadd),
        "footprint": sa.select(
            epoch.tilename, epoch.band, epoch.expnum, epoch.ccdnum, footprint.hpix, footprint.cells
        ).join_from(tables.footprint, tables.epoch),
    }
    of_itself = [
        each for each in tables.metadata.sorted_tables if each.name not in {"ingest_run", "bit_count", *hanging}
    ]
    found: Contents = {}
    try:
        with open_for_reading(url) as database, database.engine.connect() as connection:
            for each in (*of_itself, *(view.table for view in VIEWS.values())):
                query = sa.select(*(column for column in each.c if column.name not in _LEFT_OUT))
                found[each.name] = _rows(connection, query)
            for name, query in hanging.items():
                found[name] = _rows(connection, query)
        with goodpix.Catalogue(url) as catalogue:
            masks = (mask for kind in ("coadd", "epoch") for mask in catalogue.masks(kind=kind))
            found["masks"] = sorted(f"{mask.key}: {mask.encoded.checksum}" for mask in masks)
    except goodpix.GoodpixError:
        if found:
            raise
    return found if any(found.get(name) for name in (*_FIRM, "failure")) else {}


def missing(before: Contents, after: Contents) -> list[str]:
    """Return rows and masks present in `before` but not in `after`."""
    return [row for name in _FIRM for row in sorted(set(before.get(name, [])) - set(after.get(name, [])))]


def _rows(connection: sa.Connection, query: "sa.Select[Any]") -> list[str]:
    return sorted(", ".join(map(_shown, row)) for row in connection.execute(query))


def _shown(value: object) -> str:
    """Format a value identically for both kinds of database."""
    # the last digits of sums depend on the order of summation
    return f"{value:.12g}" if isinstance(value, float | Decimal | bool) else str(value)
