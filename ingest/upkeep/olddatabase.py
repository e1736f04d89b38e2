"""The database that a rebuild replaces."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from ...schema import tables
from ...schema.database import Database, Identity, is_catalogue, open_for_reading, recorded_revision
from ...schema.dialects import sqlite_path, suits_column
from ...schema.errors import CatalogueError, CatalogueVersionError
from ...schema.masks.maskfilename import generation_of
from ..database.maskrows import known_generation
from ..report import counted, counted_tiles

__all__ = ["Memory", "OldDatabase"]

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class OldDatabase:
    """The state of the database that a rebuild replaces.

    Parameters
    ----------
    url : URL
        The database.
    what : str
        Its state, for messages.
    empty : bool
        Whether it has no masks.
    identity : Identity or None
        Identity of the catalogue; None if there is no readable catalogue.
    masks_root : str or None
        Masks root of the catalogue.
    """

    url: sa.URL
    what: str
    empty: bool
    identity: Identity | None = None
    masks_root: str | None = None

    @property
    def is_good(self) -> bool:
        """True if it has masks and can be read."""
        return self.identity is not None and not self.empty

    @classmethod
    def at(cls, url: sa.URL) -> "OldDatabase":
        """Return the state of the database at a URL.

        Raises
        ------
        CatalogueError
            If a Postgres database cannot be used or is not a catalogue.
        CatalogueVersionError
            If the catalogue is of a newer version.
        """
        text = url.render_as_string(hide_password=False)
        path = sqlite_path(url)
        if path is not None and not (path.is_file() and path.stat().st_size):
            return cls(url, "is empty", True)
        try:
            if not is_catalogue(text):
                return cls(url, "is empty", True)
            with open_for_reading(text) as database, database.engine.connect() as connection:
                key, count = tables.coadd.c, sa.func.count
                n_tiles, n_bands = connection.execute(
                    sa.select(count(sa.distinct(key.tilename)), count(sa.distinct(key.band)))
                ).one()
                what = f"has {counted_tiles(n_tiles, n_bands)}" if n_tiles else "is empty"
                return cls(url, what, n_tiles == 0, database.identity, str(database.root))
        except CatalogueVersionError:
            raise
        except CatalogueError as error:
            if path is None:
                raise
            return cls(url, f"cannot be read ({error})", False)

    @contextmanager
    def memory(self, uuid: str) -> Iterator["Memory"]:
        """Provide what the database knows beside the mask files, if it is of the catalogue with this UUID."""
        same = self.identity is not None and self.identity.uuid == uuid
        text = self.url.render_as_string(hide_password=False)
        with open_for_reading(text) if same else nullcontext() as database:
            yield Memory(database)


class Memory:
    """What a database knows beside the mask files: runs, failures, named selections and the last generation of tiles.

    What cannot be read is left out, with a note.

    Parameters
    ----------
    database : Database or None
        The database; None if there is none.
    """

    def __init__(self, database: Database | None) -> None:
        self._database = database
        self.notes: list[str] = []
        self.runs = self._rows(tables.ingest_run, json_columns=("arguments",))
        self._failures = self._rows(tables.failure)
        self.selections = [] if self._lacks(tables.selection) else self._rows(tables.selection)
        coadd = tables.coadd.c
        found = self._ask(sa.select(coadd.tilename, coadd.band, coadd.generation, coadd.mask_file))
        self.mask_files: dict[tuple[str, str], tuple[int, str]] = {
            (row.tilename, row.band): (known_generation(row.generation, row.mask_file), str(row.mask_file))
            for row in found
        }

    def generation(self, tilename: str, band: str) -> int:
        """Return the last known generation of a tile and band; 0 if none is known."""
        return self.mask_files.get((tilename, band), (0, ""))[0]

    def run_ids(self, tilename: str, band: str) -> dict[tuple[str, str], int]:
        """Return the runs that made the masks of a tile and band, by name and fingerprint."""
        kept = {row["run_id"] for row in self.runs}
        coadd, epoch = tables.coadd.c, tables.epoch.c
        of_coadd = sa.select(coadd.fingerprint, coadd.run_id).where(coadd.tilename == tilename, coadd.band == band)
        of_epochs = sa.select(epoch.fingerprint, epoch.run_id, epoch.expnum, epoch.ccdnum)
        of_epochs = of_epochs.where(epoch.tilename == tilename, epoch.band == band)
        masks = [("coadd", row) for row in self._ask(of_coadd)]
        masks += [(f"{row.expnum}/{row.ccdnum}", row) for row in self._ask(of_epochs)]
        return {(name, row.fingerprint): row.run_id for name, row in masks if row.run_id in kept}

    def failures(self, recorded: set[str]) -> list[dict[str, Any]]:
        """Return the failures of inputs that are not among those recorded already, by key."""
        return [
            row
            for row in self._failures
            # a rebuild reads the mask files itself
            if row["failure_key"] not in recorded and generation_of(row["path"]) is None
        ]

    def _rows(self, table: sa.Table, json_columns: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """Return the rows of a table whose values have the types of its columns."""
        rows = [dict(row._mapping) for row in self._ask(sa.select(table))]
        sound = [
            row for row in rows if all(suits_column(row[c.name], c) for c in table.c) and _parse(row, json_columns)
        ]
        if len(sound) < len(rows):
            n = len(rows) - len(sound)
            what = counted(n, "damaged row")
            self._note(f"{what} of its table {table.name} {'is' if n == 1 else 'are'} left out")
        return sound

    def _lacks(self, table: sa.Table) -> bool:
        """Tell whether the database is older than a table."""
        if self._database is None:
            return True
        with self._database.engine.connect() as connection:
            return str(recorded_revision(connection)) < str(table.info["since"])

    def _ask(self, query: "sa.Select[Any]") -> "list[sa.Row[Any]]":
        if self._database is None:
            return []
        try:
            with self._database.engine.connect() as connection:
                return list(connection.execute(query).all())
        except CatalogueError as error:
            self._note(f"part of what it knows of runs and failures is lost ({error})")
            return []

    def _note(self, note: str) -> None:
        note = f"old database: {note}"
        if note not in self.notes:
            logger.warning("%s", note)
            self.notes.append(note)


def _parse(row: dict[str, Any], json_columns: tuple[str, ...]) -> bool:
    try:
        return all(isinstance(json.loads(row[name]), dict) for name in json_columns)
    except (ValueError, RecursionError):
        return False
