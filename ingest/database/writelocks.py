"""Locks of transactions that write masks; all but the first exist on Postgres alone, as SQLite has one writer.

A transaction takes them in this order: shared, the catalogue's; its tile's; its band's. No transaction waits for
another that waits for it, since none takes two of a kind, and rows that tiles share are written under the last.
"""

import sqlalchemy as sa

from ...schema.tables import catalogue

__all__ = ["lock_band", "lock_masks", "lock_tile"]


def lock_masks(connection: sa.Connection) -> None:
    """Keep all other transactions that write masks waiting until this one ends."""
    # SQLite has one writer at a time and no FOR UPDATE, which SQLAlchemy omits there
    connection.execute(sa.select(catalogue.c.catalogue_id).with_for_update())


def lock_tile(connection: sa.Connection, tilename: str, band: str) -> None:
    """Keep others from a tile and band until the transaction ends, and wait for those who have all masks locked."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(catalogue.c.catalogue_id).with_for_update(read=True, key_share=True))
        _lock(connection, "tile", tilename, band)


def lock_band(connection: sa.Connection, band: str) -> None:
    """Keep others from a band's summaries until the transaction ends.

    Two writers at once would each miss the other's tiles of a CCD image. The lock comes last, after everything else
    that can be done without it, so that several coordinators wait for each other only briefly.
    """
    if connection.dialect.name == "postgresql":
        _lock(connection, "band", band)


def _lock(connection: sa.Connection, *what: str) -> None:
    # a database may hold several catalogues, each in a schema
    text = sa.func.concat_ws("/", "goodpix", sa.func.current_schema(), *what)
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(text, 0))))
