"""Retries of what failed because a database server was away for a while."""

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
"""Seconds in which a server that is started again, or replaced by its stand-by, should answer."""

_LONGEST_PAUSE = 2.0

Result = TypeVar("Result")


class Retry:
    """Does again what failed because the server was away; no more once it has waited in vain, or was interrupted.

    Parameters
    ----------
    database : str
        Its URL, as it may be shown.
    """

    def __init__(self, database: str) -> None:
        self._database, self._worn_out = database, False

    def __call__(self, attempt: Callable[[], Result]) -> Result:
        """Return what an attempt gives that the server has answered.

        Parameters
        ----------
        attempt : callable
            Whole transactions: what a lost connection has left undone, it does from the start.

        Raises
        ------
        CatalogueError
            If the server stays away for longer than `PATIENCE`.
        """
        until = time.monotonic() + PATIENCE
        pause = 0.0  # a connection that was merely closed while it was idle
        while True:
            try:
                return attempt()
            except sa.exc.DBAPIError as error:
                if not _is_away(error):
                    raise
                if self._worn_out or time.monotonic() + pause > until:
                    self._worn_out = True
                    raise CatalogueError(
                        f"the database {self._database} does not answer any more ({driver_text(error)}): what is "
                        "stored is kept, and the same command goes on with the rest"
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
            # who stops a command does not want to wait for what it stores last
            self._worn_out = True
            raise


def _is_away(error: sa.exc.DBAPIError) -> bool:
    """Tell whether a connection was lost or could not be made, from what the server says to a statement."""
    if isinstance(error.orig, sqlite3.Error):
        return False
    return error.connection_invalidated or error.statement is None
