"""Retries after a database server was unavailable for a while."""

import logging
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
        until = time.monotonic() + PATIENCE
        pause = 0.0  # the connection may merely have been closed while idle
        while True:
            try:
                return attempt()
            except sa.exc.DBAPIError as error:
                if not _is_away(error):
                    raise
                if self._worn_out or time.monotonic() + pause > until:
                    self._worn_out = True
                    raise CatalogueError(
                        f"the database {self._database} no longer answers ({driver_text(error)}): stored data are "
                        "kept, and the same command resumes with the rest"
                    ) from error
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
