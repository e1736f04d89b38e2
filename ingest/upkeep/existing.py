"""The database that a rebuild is to replace."""

from dataclasses import dataclass

import sqlalchemy as sa

from ...schema import tables
from ...schema.database import Database, Identity, is_catalogue, open_for_reading
from ...schema.dialects import sqlite_path
from ...schema.errors import CatalogueError, CatalogueVersionError

__all__ = ["Existing"]


@dataclass(frozen=True, slots=True)
class Existing:
    """What there is at a URL.

    Parameters
    ----------
    what : str
        What it is, for a message.
    empty : bool
        Whether it has no masks.
    identity : Identity or None
        What the catalogue is; None where there is none that can be read.
    masks_root : str or None
        Its masks root.
    """

    what: str
    empty: bool
    identity: Identity | None = None
    masks_root: str | None = None

    @classmethod
    def at(cls, url: sa.URL) -> "Existing":
        """Return what there is at a URL.

        Raises
        ------
        CatalogueError
            If a Postgres database cannot be used, or is not a catalogue.
        CatalogueVersionError
            If it is a catalogue of a newer version.
        """
        text = url.render_as_string(hide_password=False)
        path = sqlite_path(url)
        if path is not None and not (path.is_file() and path.stat().st_size):
            return cls("is empty", True)
        try:
            if not is_catalogue(text):
                return cls("is empty", True)
            with open_for_reading(text) as database:
                return cls._of(database)
        except CatalogueVersionError:
            raise
        except CatalogueError as error:
            if path is None:
                raise
            return cls(f"cannot be read ({error})", False)

    @classmethod
    def _of(cls, database: Database) -> "Existing":
        with database.engine.connect() as connection:
            n = connection.execute(sa.select(sa.func.count()).select_from(tables.coadd)).scalar_one()
        what = f"has {n} tiles and bands" if n else "is empty"
        return cls(what, n == 0, database.identity, str(database.root))
