"""Upgrade of a catalogue's tables, after a backup of the database."""

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from ...schema.database import REVISION, parse_url
from ...schema.dialects import sqlite_path
from ...schema.errors import CatalogueError
from ...schema.store.folder import publish
from ..database.migrate import upgrade as upgrade_tables
from .report import UpgradeReport

__all__ = ["upgrade"]


def upgrade(db: str | os.PathLike[str] = "sqlite:///goodpix.db") -> UpgradeReport:
    """Upgrade the tables of a catalogue to the newest revision, all or nothing; its masks are unchanged.

    A SQLite database is first copied to ``<db>.bak-<revision>``. Missing views are created again.

    Parameters
    ----------
    db : str or path
        Database URL or SQLite file.

    Returns
    -------
    UpgradeReport
        Revisions before and after, and the backup.

    Raises
    ------
    CatalogueError
        If there is no catalogue at the URL or the copy cannot be written.
    CatalogueVersionError
        If the version of the catalogue is unknown to this software.

    Examples
    --------
    >>> print(goodpix.upgrade("goodpix.db"))
    nothing more to do: tables at revision ..., all views present
    """
    url = parse_url(db)
    done: list[UpgradeReport] = []

    def prepare(revision: str) -> None:
        done.append(UpgradeReport(revision, REVISION, _back_up(url, revision)))

    upgrade_tables(db, prepare)
    return done[0] if done else UpgradeReport(REVISION, REVISION, None)


def _back_up(url: sa.URL, revision: str) -> Path | None:
    """Copy a SQLite database and return the path of the copy; None for other databases."""
    path = sqlite_path(url)
    if path is None:
        return None
    final = _free(path, f".bak-{revision}")
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
        os.close(descriptor)
        temporary = Path(name)
        try:
            with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(temporary)) as target:
                source.backup(target)
                # a single file, even if the original has a write-ahead log
                target.execute("PRAGMA journal_mode = DELETE").fetchall()
            publish(temporary, final)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        raise CatalogueError(f"{path} cannot be copied to {final} and is unchanged: {error}") from error
    return final


def _free(path: Path, end: str) -> Path:
    """Return an unused file name."""
    wanted = path.with_name(path.name + end)
    number = 1
    while wanted.exists():
        number += 1
        wanted = path.with_name(f"{path.name}{end}-{number}")
    return wanted
