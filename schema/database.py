"""The database of a catalogue, opened for reading."""

import json
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from .bits import BitNames
from .dialects import driver_text, reader, sqlite_path
from .errors import CatalogueError, CatalogueVersionError, UsageError
from .store.masksroot import FORMAT_VERSION, MasksRoot
from .tables import catalogue, footprint
from .wcs.footprint import EVERY_CELL, NSIDE

__all__ = [
    "REVISION",
    "Database",
    "Identity",
    "cells_of_footprints",
    "is_catalogue",
    "is_empty",
    "open_for_reading",
    "parse_url",
    "read_identity",
    "recorded_revision",
    "remembered_root",
    "root_of",
    "shown",
    "unusable",
]

# Parameters of a URL whose values are no secret: those of an option that is misspelt may be anything.
_SHOWN = {"host", "port", "dbname", "user", "service", "options", "application_name", "connect_timeout", "sslmode"}

_MISREAD = "--db: cannot understand this URL: expected sqlite:///FILE or postgresql+psycopg://..."

# A URL that is not quite one, which may hold a password, and would be taken for a path.
_NEARLY_URL = re.compile(r"(sqlite|postgres)[\w+]*:|[\w+]+:/", re.IGNORECASE)
_PASSWORD = re.compile(r"password\s*=", re.IGNORECASE)


def parse_url(url: str | os.PathLike[str]) -> sa.URL:
    """Return a database URL; a plain path means a SQLite file.

    Raises
    ------
    UsageError
        If the URL cannot be understood or names a database other than SQLite or Postgres.
    """
    text = os.fspath(url)
    if "://" not in text:
        if _NEARLY_URL.match(text):
            raise UsageError(_MISREAD)
        return sa.URL.create("sqlite", database=_on_disk(text))
    try:
        parsed = sa.make_url(text)
        backend = parsed.get_backend_name()
    except (sa.exc.ArgumentError, ValueError):
        raise UsageError(_MISREAD) from None
    if backend not in ("sqlite", "postgresql"):
        raise UsageError(f"--db: {backend} is not supported: expected sqlite:///FILE or postgresql+psycopg://...")
    if backend == "sqlite":
        return parsed.set(database=_on_disk(parsed.database))
    if "@" in f"{parsed.host}{parsed.database}":
        # what follows the first @ of a password was taken for the host, and would be shown
        raise UsageError("--db: the URL has more than one @: expected %40 for one in a user name or password")
    return parsed.set(drivername="postgresql+psycopg")


def _on_disk(database: str | None) -> str:
    """Refuse a SQLite database in memory, which would be gone with the command, and what is no name of a file."""
    if database in (None, "", ":memory:"):
        raise UsageError("--db: a database in memory cannot hold a catalogue: expected sqlite:///FILE")
    if _PASSWORD.search(database):
        raise UsageError(_MISREAD)
    return database


def shown(url: sa.URL) -> str:
    """Return a URL as it may be shown: without a password, also where one stands among its options."""
    secret = [name for name, value in url.query.items() if name not in _SHOWN or _PASSWORD.search(str(value))]
    return url.update_query_dict(dict.fromkeys(secret, "***")).render_as_string(hide_password=True)


REVISION = "0004"
"""The newest of the migrations: that of the tables that this software writes."""

_READABLE = ("0001", "0002", "0003", REVISION)
"""Revisions whose tables and views it reads."""

# What helps, by the error codes of SQLite and Postgres.
_KEPT = "what is stored is kept, and the same command goes on"
_REBUILD = "goodpix rebuild --force --masks ROOT makes the database again, on Postgres another that is empty"
_CURES = {
    **dict.fromkeys(("SQLITE_FULL", "53100"), f"{_KEPT} when there is room"),
    "SQLITE_IOERR": f"the disk fails, or a quota is used up: {_KEPT} when that is mended",
    **dict.fromkeys(("SQLITE_BUSY", "55P03"), f"another process holds it: {_KEPT} when that has ended"),
    "42P01": f"goodpix db upgrade makes a lost view again; where a table is lost, {_REBUILD}",
    "42501": "the database's owner grants the right",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """What a catalogue is, fixed when it was made."""

    uuid: str
    masks_root: str
    campaign: str
    wcs_source: str
    bit_names: BitNames

    @property
    def row(self) -> dict[str, object]:
        """The row of the table catalogue."""
        return {
            "catalogue_id": 1,
            "uuid": self.uuid,
            "format_version": FORMAT_VERSION,
            "masks_root": self.masks_root,
            "campaign": self.campaign,
            "wcs_source": self.wcs_source,
            "bits": json.dumps({"se": dict(self.bit_names.se), "coadd": dict(self.bit_names.coadd)}),
            "footprint_nside": NSIDE,
        }

    @property
    def facts(self) -> dict[str, str]:
        """What the marker of the masks root keeps of it."""
        return {"campaign": self.campaign, "wcs_source": self.wcs_source}


@dataclass(frozen=True, slots=True)
class Database:
    """The open database of one catalogue.

    Parameters
    ----------
    url : URL
        Where it is, as it was asked for; `shown` says how it may be shown.
    engine : Engine
        Connections to it.
    identity : Identity
        What the catalogue is.
    root : MasksRoot
        Where its mask files are.
    """

    url: sa.URL
    engine: sa.Engine
    identity: Identity
    root: MasksRoot


def is_catalogue(url: str | os.PathLike[str]) -> bool:
    """Tell whether there is a database at a URL with anything in it."""
    parsed = parse_url(url)
    path = sqlite_path(parsed)
    if path is not None and not path.is_file():
        return False
    engine = reader(parsed)
    try:
        return not is_empty(engine, parsed)
    finally:
        engine.dispose()


@contextmanager
def open_for_reading(url: str | os.PathLike[str]) -> Iterator[Database]:
    """Open a catalogue read-only; nothing can be written through it.

    Raises
    ------
    CatalogueError
        If there is no catalogue at the URL; also from the engine, whenever the database cannot be used.
    CatalogueVersionError
        If it is of another version than this software reads.
    """
    parsed = parse_url(url)
    path = sqlite_path(parsed)
    if path is not None and not path.is_file():
        raise CatalogueError(f"no catalogue at {shown(parsed)}: goodpix ingest makes one, --db names another")
    engine = reader(parsed)

    def translate(context: sa.engine.ExceptionContext) -> CatalogueError | None:
        error = context.sqlalchemy_exception
        # a ping that fails has the pool connect anew, if the error stays the driver's
        return unusable(parsed, error) if isinstance(error, sa.exc.DBAPIError) and not context.is_pre_ping else None

    sa.event.listen(engine, "handle_error", translate)
    try:
        identity = read_identity(engine, parsed, _READABLE)
        yield Database(parsed, engine, identity, root_of(parsed, identity))
    finally:
        engine.dispose()


def is_empty(engine: sa.Engine, url: sa.URL) -> bool:
    """Tell whether a database has no tables."""
    try:
        with engine.connect() as connection:
            return not sa.inspect(connection).get_table_names()
    except sa.exc.DBAPIError as error:
        raise unusable(url, error) from error


def read_identity(engine: sa.Engine, url: sa.URL, revisions: Collection[str]) -> Identity:
    """Return what a catalogue is, after checking that it is of one of these revisions."""
    try:
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table("catalogue"):
                raise CatalogueError(f"{shown(url)} is not a goodpix catalogue: it has no table catalogue")
            found = connection.execute(sa.select(catalogue)).mappings().one_or_none()
            revision = recorded_revision(connection)
    except sa.exc.DBAPIError as error:
        raise unusable(url, error) from error
    if found is None:
        raise CatalogueError(f"{shown(url)}: its table catalogue is empty: use another --db")
    if revision is None:
        raise CatalogueError(f"{shown(url)}: its table alembic_version is empty: {_REBUILD}")
    if found["format_version"] > FORMAT_VERSION or revision not in revisions:
        older = found["format_version"] <= FORMAT_VERSION and revision in _READABLE
        cure = "goodpix db upgrade brings it there" if older else "use the goodpix that made it"
        raise CatalogueVersionError(
            f"{shown(url)}: tables of revision {revision}, format {found['format_version']}; expected {REVISION} and "
            f"{FORMAT_VERSION}: {cure}"
        )
    try:
        bits = json.loads(found["bits"])
        bit_names = BitNames(bits["se"], bits["coadd"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CatalogueError(f"{shown(url)}: the names of its mask bits are damaged ({error})") from error
    return Identity(
        uuid=found["uuid"],
        masks_root=found["masks_root"],
        campaign=found["campaign"],
        wcs_source=found["wcs_source"],
        bit_names=bit_names,
    )


def recorded_revision(connection: sa.Connection) -> str | None:
    """Return the revision that the tables of a catalogue say that they are of."""
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def cells_of_footprints(connection: sa.Connection) -> "sa.ColumnElement[int]":
    """Return the column ``cells`` of the table footprint, which tables before revision 0004 do not have."""
    if str(recorded_revision(connection)) < "0004":
        return sa.literal(EVERY_CELL, sa.BigInteger).label(footprint.c.cells.name)
    return footprint.c.cells


def remembered_root(url: sa.URL, root: MasksRoot) -> str:
    """Return a root as the catalogue remembers it: relative where it lies beside a SQLite file."""
    path = sqlite_path(url)
    return root.seen_from(path and path.parent)


def root_of(url: sa.URL, identity: Identity) -> MasksRoot:
    """Return the masks root of a catalogue."""
    path = sqlite_path(url)
    return MasksRoot.of(identity.masks_root, path and path.parent)


def unusable(url: sa.URL, error: sa.exc.DBAPIError) -> CatalogueError:
    """Return the error of ours for one of a database, with what helps."""
    text = f"cannot use the database {shown(url)}: {driver_text(error)}"
    code = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None) or ""
    if "no such table" in text:  # which has no code of its own in SQLite
        code = "42P01"
    cure = _CURES.get("_".join(code.split("_")[:2]))
    return CatalogueError(f"{text} ({cure})" if cure else text)
