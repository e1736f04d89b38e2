"""The tables that a catalogue of an earlier version lacks."""

import sqlalchemy as sa

from ...schema.errors import CatalogueVersionError
from ..listings import Listings

__all__ = ["check_tables"]


def check_tables(cat: Listings, *tables: sa.Table) -> None:
    """Raise an error that names the cure where a catalogue does not have all of some tables.

    Raises
    ------
    CatalogueVersionError
        If one is not there.
    """
    with cat.database.engine.connect() as connection:
        inspector = sa.inspect(connection)
        missing = [table.name for table in tables if not inspector.has_table(table.name)]
    if missing:
        raise CatalogueVersionError(
            f"the catalogue has no table {missing[0]}, which came with a later version: goodpix db upgrade makes it"
        )
