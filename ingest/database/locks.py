"""Locks on a catalogue that end with their holder: a file beside a SQLite database, advisory locks on Postgres.

https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

import fcntl
import hashlib
import json
import logging
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ...schema.errors import CatalogueBusyError, CatalogueError
from .retry import Retry

__all__ = ["LockSession", "holding", "key_of", "lock_transaction"]

logger = logging.getLogger(__name__)

_UNKNOWN_HOLDER = "another process"


@contextmanager
def holding(path: Path, what: str) -> Iterator[None]:
    """Hold a lock file for a block; it names its holder and is removed afterwards.

    Parameters
    ----------
    path : Path
        The lock file.
    what : str
        Name of what it locks, for a message.

    Raises
    ------
    CatalogueBusyError
        If another process, or this one, holds it already.
    CatalogueError
        If the file cannot be created or locked.
    """
    descriptor = _take(path, what)
    try:
        holder = {
            "process": os.getpid(),
            "host": platform.node(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with suppress(OSError):  # locking works on a full disk, though writing does not
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        yield
    finally:
        # removed while it is held, or this could remove the next holder's file
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _take(path: Path, what: str) -> int:
    """Lock the file and return its descriptor."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise CatalogueError(f"{what} cannot be written: {path}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, path):
                return descriptor
        except BlockingIOError:
            busy = CatalogueBusyError(
                f"{what} is being written by {_holder(descriptor)}: SQLite allows one ingest at a time, "
                "try again when it has ended"
            )
            os.close(descriptor)
            raise busy from None
        except OSError as error:
            os.close(descriptor)
            raise CatalogueError(f"{what} cannot be written: {path} cannot be locked: {error.strerror}") from error
        # the last holder has removed the file meanwhile
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 1000, 0))
        return f"process {holder['process']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, TypeError, KeyError):
        return _UNKNOWN_HOLDER  # it has not written its name yet


# Seconds for which a transaction waits for a lock, and between two attempts.
_TIMEOUT = 30.0
_PAUSE = 0.2

# Server settings for this connection: it may be idle for as long as a tile takes, and if this machine vanishes, the
# server notices within two minutes.
_SETTINGS = {
    "idle_session_timeout": "0",
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "6",
}


def key_of(*parts: str) -> int:
    """Return the number of a Postgres lock: 64 bits, signed."""
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:8], "big", signed=True)


class LockSession:
    """Locks held by one connection, and taken again after the server has closed it.

    Parameters
    ----------
    engine : Engine
        Connections to a Postgres database.
    retry : Retry
        Waits for its server.
    """

    def __init__(self, engine: sa.Engine, retry: Retry) -> None:
        self._engine, self._retry = engine.execution_options(isolation_level="AUTOCOMMIT"), retry
        self._connection: sa.Connection | None = None
        self._held: dict[int, bool] = {}

    def try_lock(self, key: int, *, shared: bool = False) -> bool:
        """Take a lock unless another connection holds it; a shared lock, unless another holds it exclusively."""
        if key in self._held:
            return True
        taken = self._retry(lambda: _try(self._connected(), key, shared=shared))
        if taken:
            self._held[key] = shared
        return taken

    def unlock(self, key: int) -> None:
        """Release a lock."""
        shared = self._held.pop(key, None)
        if shared is None or self._connection is None or self._connection.invalidated:
            return  # it ended with the connection
        unlock = sa.func.pg_advisory_unlock_shared if shared else sa.func.pg_advisory_unlock
        try:
            self._connection.execute(sa.select(unlock(key)))
        except sa.exc.DBAPIError as error:
            if not error.connection_invalidated:
                raise
            # the lock ended with the connection

    def holders(self, key: int) -> str:
        """Return the holders of a lock, for messages."""
        return self._retry(lambda: _holders(self._connected(), key))

    def close(self) -> None:
        """Release all locks."""
        if self._connection is None:
            return
        try:
            if not self._connection.invalidated:
                # the server notices the end of a connection only after a while, and others would wait until then
                self._connection.execute(sa.select(sa.func.pg_advisory_unlock_all()))
        except sa.exc.DBAPIError as error:
            if not error.connection_invalidated:
                raise
            # the locks ended with the connection
        finally:
            # back in the pool it would keep its settings, and any locks that could not be released
            self._connection.invalidate()
            self._connection.close()

    def _connected(self) -> sa.Connection:
        """Return the connection; a new one takes the locks of the last one that are still available."""
        if self._connection is not None and not self._connection.invalidated:
            return self._connection
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        connection = self._engine.connect()
        try:
            settings = sa.text("SELECT set_config(name, :value, false) FROM pg_settings WHERE name = :name")
            connection.execute(settings, [{"name": name, "value": value} for name, value in _SETTINGS.items()])
            for key, shared in list(self._held.items()):
                if not _try(connection, key, shared=shared):
                    logger.warning(
                        "a claim was lost with its connection and is now held by %s", _holders(connection, key)
                    )
                    del self._held[key]
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection


def lock_transaction(connection: sa.Connection, key: int, what: str) -> None:
    """Take an exclusive lock until the transaction ends, after waiting for those who share it.

    Raises
    ------
    CatalogueBusyError
        If others still hold it after a while; the message names them.
    """
    until = time.monotonic() + _TIMEOUT
    lock = sa.select(sa.func.pg_try_advisory_xact_lock(key))
    while not connection.execute(lock).scalar_one():
        if time.monotonic() > until:
            raise CatalogueBusyError(
                f"{what} is being written by {_holders(connection, key)}: try again when that has ended"
            )
        time.sleep(_PAUSE)


def _try(connection: sa.Connection, key: int, *, shared: bool) -> bool:
    lock = sa.func.pg_try_advisory_lock_shared if shared else sa.func.pg_try_advisory_lock
    return bool(connection.execute(sa.select(lock(key))).scalar_one())


# pg_locks shows a lock of 64 bits as two unsigned halves with objsubid 1.
_HOLDERS = sa.text(
    "SELECT DISTINCT coalesce(nullif(application_name, ''), 'server process ' || pid) "
    "FROM pg_locks JOIN pg_stat_activity USING (pid) "
    "WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND classid = :high AND objid = :low "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def _holders(connection: sa.Connection, key: int) -> str:
    halves: dict[str, Any] = {"high": key >> 32 & 0xFFFFFFFF, "low": key & 0xFFFFFFFF}
    found = connection.execute(_HOLDERS, halves).scalars().all()
    return ", ".join(sorted(map(str, found))) or "no one"
