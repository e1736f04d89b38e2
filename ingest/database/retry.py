"""Retries after a database server was unavailable for a while."""

import logging
import re
import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa

from ...schema.dialects import driver_text
from ...schema.errors import CatalogueError

__all__ = ["PATIENCE", "Retry"]

logger = logging.getLogger(__name__)

PATIENCE = 60.0
"""Seconds within which a restarted server, or its standby, should answer."""

_LONGEST_PAUSE = 2.0

Result = TypeVar("Result")


class Retry:
    """Retries of database work while the server is away, given up for good after a timeout or an interruption.

    Parameters
    ----------
    database : str
        URL of the database, safe to show.
    """

    def __init__(self, database: str) -> None:
        self._database, self._worn_out = database, False

    def __call__(self, attempt: Callable[[], Result]) -> Result:
        """Return the result of the first attempt that the server answers.

        Parameters
        ----------
        attempt : callable
            Runs whole transactions, and starts again from the beginning after a lost connection.

        Raises
        ------
        CatalogueError
            If the server stays away for longer than `PATIENCE`.
        """
        try:
            return self._repeat(attempt, _is_away)
        except sa.exc.DBAPIError as error:
            if not _is_away(error):
                raise
            self._worn_out = True
            raise CatalogueError(
                f"the database {self._database} no longer answers ({driver_text(error)}): stored data are "
                "kept, and the same command resumes with the rest"
            ) from error

    def opening(self, attempt: Callable[[], Result]) -> Result:
        """Return the result of the first attempt that the server answers, of a database that is being opened.

        A server that refuses a user or has no such database is not waited for: one that starts, stops or is down is.

        Parameters
        ----------
        attempt : callable
            As above. Its errors may be `CatalogueError` from those of the database.
        """
        return self._repeat(attempt, _is_starting)

    def _repeat(self, attempt: Callable[[], Result], is_away: Callable[[sa.exc.DBAPIError], bool]) -> Result:
        """Return the result of the first attempt that does not fail because the server is away, within `PATIENCE`."""
        until = time.monotonic() + PATIENCE
        pause = 0.0  # the connection may merely have been closed while idle
        while True:
            try:
                return attempt()
            except (sa.exc.DBAPIError, CatalogueError) as raised:
                error = raised.__cause__ if isinstance(raised, CatalogueError) else raised
                if not isinstance(error, sa.exc.DBAPIError) or not is_away(error):
                    raise
                if self._worn_out or time.monotonic() + pause > until:
                    raise
                if pause:
                    logger.warning(
                        "the database %s does not answer (%s): waiting for it", self._database, driver_text(error)
                    )
            self._wait(pause)
            pause = min(max(2 * pause, 0.1), _LONGEST_PAUSE)

    def _wait(self, pause: float) -> None:
        try:
            time.sleep(pause)
        except BaseException:
            # whoever stops a command does not want to wait for its last commit
            self._worn_out = True
            raise


def _is_away(error: sa.exc.DBAPIError) -> bool:
    """Tell whether a connection was lost or could not be made, as opposed to an error in a statement."""
    if isinstance(error.orig, sqlite3.Error):
        return False
    return error.connection_invalidated or error.statement is None


# Parts of what libpq and Postgres say of a server that is down, starts or stops; they give no code. In other languages
# than English an ingest does not wait when it opens a catalogue.
_STARTING = re.compile(
    r"refused|is the server running|starting up|shutting down|recovery|not yet accepting|closed the connection|"
    r"terminating connection|connection was lost"
)


def _is_starting(error: sa.exc.DBAPIError) -> bool:
    """Tell whether a server that cannot be connected to is down, starts or stops."""
    return _is_away(error) and (error.connection_invalidated or bool(_STARTING.search(driver_text(error).lower())))
