"""Migrations: the tables of a catalogue brought from one revision to another."""

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

__all__ = ["migrate", "upgrade"]


def migrate(connection: sa.Connection, revision: str = REVISION) -> None:
    """Bring the tables to a revision, later or earlier; the views are there again at the newest.

    Parameters
    ----------
    connection : Connection
        In a transaction; see `goodpix.ingest.database.claims` for who else may be at work.
    revision : str
        Which; ``base`` is before the first.
    """
    import alembic.command  # slow, and rarely needed
    import alembic.config
    import alembic.runtime.migration

    config = alembic.config.Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    now = alembic.runtime.migration.MigrationContext.configure(connection).get_current_revision() or ""
    drop_views(connection)
    # revisions are numbered, and before the first there is none
    if (revision if revision != "base" else "") < now:
        alembic.command.downgrade(config, revision)
    else:
        alembic.command.upgrade(config, revision)
    if revision == REVISION:
        create_views(connection)
        guide_planner(connection)


def upgrade(url: str | os.PathLike[str], before: Callable[[str], object] | None = None) -> bool:
    """Bring the tables of a catalogue to the newest revision, all or nothing; its masks stay as they are.

    Views that are lost are made again.

    Parameters
    ----------
    url : str or path
        The database.
    before : callable, optional
        Called with the revision that the tables have, before anything changes and while no one else can
        write; not called where there is nothing to do.

    Returns
    -------
    bool
        False when the tables were new already; views hold no data, and do not count.

    Raises
    ------
    CatalogueBusyError
        If somebody else is writing into it.
    CatalogueError
        If there is no catalogue at the URL.
    CatalogueVersionError
        If it is of a version that this software does not know.
    """
    with open_for_reading(url) as database, database.engine.connect() as connection:
        if recorded_revision(connection) == REVISION and all(map(sa.inspect(connection).has_table, VIEWS)):
            return False
    parsed = parse_url(url)
    with sole_writer(parsed), engine_to_write(parsed) as engine, engine.begin() as connection:
        lock_catalogue(connection, parsed)
        revision = str(recorded_revision(connection))
        if revision == REVISION:  # by someone else, since; or views are lost
            drop_views(connection)
            create_views(connection)
            return False
        if before is not None:
            before(revision)
        migrate(connection)
    return True
