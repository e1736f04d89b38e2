"""Replacement of a catalogue's database, all or nothing."""

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path

import sqlalchemy as sa

from ...schema.database import Identity, shown
from ...schema.dialects import sqlite_path
from ...schema.errors import CatalogueError
from ...schema.store.folder import publish
from ...schema.tables import catalogue, metadata
from .claims import lock_catalogue, lock_creation, sole_writer
from .engine import finish_writing, writer
from .migrate import upgrade
from .opening import create_tables

__all__ = ["PATIENCE", "new_database"]

PATIENCE = 30.0
"""Seconds to wait for users of the old database."""

Begin = Callable[[], AbstractContextManager[sa.Connection]]

# Files that SQLite keeps beside a database; those of the old one would be taken for the new one's.
_BESIDE = ("-wal", "-shm", "-journal")


@contextmanager
def new_database(url: sa.URL, identity: Identity) -> Iterator[Begin]:
    """Provide a database without rows, which replaces the one at a URL if the block succeeds.

    On SQLite it is a separate file; on Postgres the tables are emptied and filled in one transaction, so that
    readers wait or see the old rows, and privileges are kept.

    Parameters
    ----------
    url : URL
        The database.
    identity : Identity
        What the new catalogue is.

    Yields
    ------
    callable
        Begins a block for writing rows, like ``Engine.begin``.

    Raises
    ------
    CatalogueError
        If the new database cannot be written, or the old one is in use.
    """
    path = sqlite_path(url)
    try:
        if path is None:
            with _in_one_transaction(url, identity) as begin:
                yield begin
        else:
            with sole_writer(url), _beside(path.resolve(), identity) as begin:
                yield begin
    except (sa.exc.DBAPIError, sqlite3.Error, OSError) as error:
        if isinstance(error, CatalogueError):
            raise
        why = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        raise CatalogueError(f"cannot write the database {shown(url)}: {' '.join(str(why).split())}") from error


@contextmanager
def _beside(path: Path, identity: Identity) -> Iterator[Begin]:
    """Provide a database in a separate file, which is renamed at the end."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    os.close(descriptor)
    temporary = Path(name)
    beside = sa.URL.create("sqlite", database=name)
    engine = writer(beside)
    try:
        with engine.begin() as connection:
            create_tables(connection, identity)
        yield engine.begin
        finish_writing(engine, beside)
        with _nobody_else(path):
            publish(temporary, path)
    finally:
        engine.dispose()
        for each in (temporary, *_companions(temporary)):
            each.unlink(missing_ok=True)


@contextmanager
def _nobody_else(path: Path) -> Iterator[None]:
    """Keep others from an old database while it is replaced, and remove the files beside it."""
    if not path.exists():
        for each in _companions(path):
            each.unlink(missing_ok=True)
        yield
        return
    with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as old:
        try:
            # moves all that was committed into the file and removes the log
            old.execute("PRAGMA journal_mode = DELETE").fetchall()
            old.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise CatalogueError(f"{path} is in use ({error}): close what uses it, then try again") from error
        except sqlite3.DatabaseError:
            # not a database, or damaged: the files beside it are of no use to the new one
            for each in _companions(path):
                each.unlink(missing_ok=True)
        yield
        with suppress(sqlite3.Error):
            old.rollback()


def _companions(path: Path) -> list[Path]:
    return [path.with_name(path.name + end) for end in _BESIDE]


@contextmanager
def _in_one_transaction(url: sa.URL, identity: Identity) -> Iterator[Begin]:
    """Provide one transaction in which the old rows are deleted."""
    engine = writer(url)
    try:
        with engine.connect() as connection:
            old = sa.inspect(connection).has_table(catalogue.name)
        if old:
            # keeping the tables keeps the privileges of other users
            upgrade(url.render_as_string(hide_password=False))
        with engine.begin() as connection:
            lock_catalogue(connection, url)
            if old:
                for table in reversed(metadata.sorted_tables):
                    connection.execute(table.delete())
                connection.execute(catalogue.insert().values(identity.row))
            else:
                lock_creation(connection, url)
                create_tables(connection, identity)
            yield lambda: nullcontext(connection)
    finally:
        engine.dispose()
