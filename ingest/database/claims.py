"""Claims on tiles and catalogues, which keep ingests from duplicating work and end with their holder."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

import sqlalchemy as sa

from ...schema.database import shown
from ...schema.dialects import sqlite_path
from ...schema.errors import CatalogueBusyError
from .locks import LockSession, holding, key_of, lock_transaction
from .retry import Retry

__all__ = [
    "Claims",
    "TileClaims",
    "WholeCatalogue",
    "lock_catalogue",
    "lock_creation",
    "sharing",
    "sole_writer",
]


class Claims(Protocol):
    """The claims of a process that writes to a catalogue."""

    def take(self, tilename: str, band: str) -> bool:
        """Claim a tile and band; return False if another process holds it."""

    def release(self, tilename: str, band: str) -> None:
        """Release a tile and band, once its results are stored."""

    def holder(self, tilename: str, band: str) -> str:
        """Return the holder of a tile and band, for messages."""


class WholeCatalogue:
    """The claims of a process that has the catalogue to itself, like every writer of SQLite."""

    def take(self, tilename: str, band: str) -> bool:  # noqa: ARG002  # as the protocol has it
        """Return True."""
        return True

    def release(self, tilename: str, band: str) -> None:
        """Do nothing."""

    def holder(self, tilename: str, band: str) -> str:  # noqa: ARG002  # as the protocol has it
        """Return this process."""
        return "this process"


class TileClaims:
    """The claims of one of several processes that write to a catalogue on Postgres.

    Correctness does not depend on them: storing a tile checks whether another process has stored it meanwhile.

    Parameters
    ----------
    session : LockSession
        The connection that holds them.
    uuid : str
        UUID of the catalogue.
    """

    def __init__(self, session: LockSession, uuid: str) -> None:
        self._session, self._uuid = session, uuid

    def take(self, tilename: str, band: str) -> bool:
        """Claim a tile and band; return False if another process holds it."""
        return self._session.try_lock(self._key(tilename, band))

    def release(self, tilename: str, band: str) -> None:
        """Release a tile and band, once its results are stored."""
        self._session.unlock(self._key(tilename, band))

    def holder(self, tilename: str, band: str) -> str:
        """Return the holder of a tile and band, for messages."""
        return self._session.holders(self._key(tilename, band))

    def _key(self, tilename: str, band: str) -> int:
        return key_of(self._uuid, tilename, band)


def sole_writer(url: sa.URL) -> AbstractContextManager[None]:
    """Keep other writers from a SQLite database for a block; for Postgres, see `lock_catalogue`.

    Raises
    ------
    CatalogueBusyError
        If there is another writer.
    """
    path = sqlite_path(url)
    if path is None:
        return nullcontext()
    path = path.resolve()
    return holding(path.with_name(path.name + ".lock"), shown(url))


def lock_catalogue(connection: sa.Connection, url: sa.URL) -> None:
    """Keep other writers from a Postgres database until the transaction ends; for SQLite, see `sole_writer`.

    Raises
    ------
    CatalogueBusyError
        If there are still others after a while.
    """
    if connection.dialect.name == "postgresql":
        lock_transaction(connection, _key(connection, "catalogue"), shown(url))


def lock_creation(connection: sa.Connection, url: sa.URL) -> None:
    """Wait for others creating a catalogue in a Postgres database, and exclude them until the transaction ends."""
    if connection.dialect.name == "postgresql":
        lock_transaction(connection, _key(connection, "creation"), shown(url))


@contextmanager
def sharing(engine: sa.Engine, url: sa.URL, retry: Retry) -> Iterator[LockSession]:
    """Share a Postgres database with other writers, unless one has locked it for itself."""

    def key_of_catalogue() -> int:
        with engine.connect() as connection:
            return _key(connection, "catalogue")

    key = retry(key_of_catalogue)
    session = LockSession(engine, retry)
    try:
        if not session.try_lock(key, shared=True):
            raise CatalogueBusyError(
                f"{shown(url)} is being upgraded or rebuilt by {session.holders(key)}: try again when that has ended"
            )
        yield session
    finally:
        session.close()


def _key(connection: sa.Connection, what: str) -> int:
    """Return the lock key of a catalogue's schema, since a database may hold several catalogues."""
    schema = connection.execute(sa.select(sa.func.current_schema())).scalar()
    return key_of("goodpix", what, str(schema))
