"""Migrations of a catalogue's tables from one revision to another."""

import os
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from ...schema import migrations
from ...schema.database import REVISION, open_for_reading, parse_url, recorded_revision
from ...schema.views import VIEWS, create_views, drop_views
from .claims import lock_catalogue, sole_writer
from .engine import guide_planner
from .opening import engine_to_write
from .summaries import fill_computed

__all__ = ["migrate", "upgrade"]

# Revision whose columns are computed from the rows.
_COMPUTED_SINCE = "0011"


def migrate(connection: sa.Connection, revision: str = REVISION) -> None:
    """Migrate the tables to a later or earlier revision; the views are recreated at the newest.

    Parameters
    ----------
    connection : Connection
        In a transaction; see `goodpix.ingest.database.claims` for excluding other writers.
    revision : str
        The target; ``base`` is before the first.
    """
    import alembic.command  # slow, and rarely needed
    import alembic.config
    import alembic.runtime.migration

    config = alembic.config.Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    now = alembic.runtime.migration.MigrationContext.configure(connection).get_current_revision() or ""
    drop_views(connection)
    # revisions are numbered; before the first there is none
    if (revision if revision != "base" else "") < now:
        alembic.command.downgrade(config, revision)
    else:
        alembic.command.upgrade(config, revision)
    if revision == REVISION:
        if now < _COMPUTED_SINCE:
            fill_computed(connection)
        create_views(connection)
        guide_planner(connection)


def upgrade(url: str | os.PathLike[str], before: Callable[[str], object] | None = None) -> bool:
    """Upgrade a catalogue's tables to the newest revision, all or nothing; its masks do not change.

    Lost views are recreated.

    Parameters
    ----------
    url : str or path
        The database.
    before : callable, optional
        Called with the present revision before anything changes, while no one else can write; not called if
        there is nothing to do.

    Returns
    -------
    bool
        False if the tables were up to date; views hold no data and do not count.

    Raises
    ------
    CatalogueBusyError
        If another process is writing to the catalogue.
    CatalogueError
        If there is no catalogue at the URL.
    CatalogueVersionError
        If this software does not know the catalogue's version.
    """
    with open_for_reading(url) as database, database.engine.connect() as connection:
        if recorded_revision(connection) == REVISION and all(map(sa.inspect(connection).has_table, VIEWS)):
            return False
    parsed = parse_url(url)
    with sole_writer(parsed), engine_to_write(parsed) as engine, engine.begin() as connection:
        lock_catalogue(connection, parsed)
        revision = str(recorded_revision(connection))
        if revision == REVISION:  # upgraded by someone else meanwhile, or only views were lost
            drop_views(connection)
            create_views(connection)
            return False
        if before is not None:
            before(revision)
        migrate(connection)
    return True
