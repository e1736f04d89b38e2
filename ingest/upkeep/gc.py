"""Garbage collection in a masks root."""

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator

import sqlalchemy as sa

from ...schema import tables
from ...schema.database import Database, open_for_reading
from ...schema.errors import CatalogueError, MaskFileError, MaskFileMissingError, StoreError
from ...schema.maskfile import MaskFile
from ...schema.store.protocol import FoundFile
from .report import GcReport, OldFile

__all__ = ["gc"]

_DAY = 86_400.0


def gc(db: str | os.PathLike[str] = "sqlite:///goodpix.db", *, delete: bool = False) -> GcReport:
    """List or remove the files of a masks root that no row names and that are older than a day.

    These are mask files of earlier generations and temporary files of killed jobs. The highest generation of a
    tile and band is never among them, even if no row names it. Nothing is removed while a folder cannot be listed, or
    a mask file that a row names cannot be read: an older one may then be the last good one.

    Parameters
    ----------
    db : str or path
        Database URL or SQLite file.
    delete : bool
        Remove the files.

    Raises
    ------
    CatalogueError
        If the catalogue cannot be used, the masks root belongs to another, or a file cannot be removed.

    Examples
    --------
    >>> print(goodpix.gc("goodpix.db"))
    0 files that no row needs, 0 bytes
    """
    with open_for_reading(db) as database:
        _check_root(database)
        # listed before the rows are read, so that a file written in between is not taken for one that no row names
        listing = database.root.store.listing()
        files = listing.files
        now = time.time()
        with database.engine.connect() as connection:
            named = set(connection.scalars(sa.select(tables.coadd.c.mask_file)))
        highest = _highest(files)
        unnamed = [each for each in files if each.name not in named and (each.is_temporary or each.mask_file)]
        old = [each for each in unnamed if now - each.modified > _DAY and each.name not in highest]
        unreadable = (*listing.unlisted, *_unreadable(database, named, files)) if old else listing.unlisted
        if delete and not unreadable:
            for each in old:
                _remove(database, each)
    files_found = tuple(OldFile(each.name, each.n_bytes, (now - each.modified) / _DAY) for each in old)
    return GcReport(files_found, len(unnamed) - len(old), delete and not unreadable, unreadable)


def _check_root(database: Database) -> None:
    trouble = database.root.trouble(database.identity.uuid)
    if trouble is not None:
        raise CatalogueError(f"masks root {database.root}: nothing removed: {trouble}")


def _unreadable(database: Database, named: Iterable[str], files: Iterable[FoundFile]) -> Iterator[str]:
    """Yield why mask files that rows name cannot be read."""
    listed = {each.name for each in files}
    for name in sorted(named):
        path = database.root.path(name)
        try:
            if name not in listed:
                raise MaskFileMissingError(f"mask file {path} is missing: goodpix ingest remakes it")
            MaskFile.open(path)
        except (MaskFileError, StoreError) as error:
            yield str(error)


def _highest(files: Iterable[FoundFile]) -> set[str]:
    """Return the names of the mask files of the highest generation of each tile and band."""
    by_tile: dict[tuple[str, str], dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for each in files:
        if each.mask_file is not None:
            by_tile[each.mask_file.tilename, each.mask_file.band][each.mask_file.generation].add(each.name)
    return {name for generations in by_tile.values() for name in generations[max(generations)]}


def _remove(database: Database, file: FoundFile) -> None:
    try:
        database.root.store.remove(file)
    except OSError as error:
        why = error.strerror or error
        raise CatalogueError(f"{database.root.path(file.name)} cannot be removed: {why}") from error
