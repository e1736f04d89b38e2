"""The database of a catalogue: created, opened, checked."""

import json
import os
import uuid
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from .bits import DES_Y6, BitNames
from .claims import Claims, TileClaims, WholeCatalogue, lock_creation, sharing, sole_writer
from .dburl import parse_url, shown
from .dialects import finish_writing, guide_planner, reader, sqlite_path, writer
from .errors import AmbiguousInputError, CatalogueError, CatalogueVersionError
from .patience import Patience, driver_text
from .store.masksroot import FORMAT_VERSION, MasksRoot
from .tables import catalogue, coadd, footprint, metadata
from .views import create_views
from .wcs.footprint import EVERY_CELL, NSIDE

__all__ = [
    "REVISION",
    "Database",
    "Identity",
    "WritableDatabase",
    "cells_of_footprints",
    "create_tables",
    "engine_to_write",
    "is_catalogue",
    "open_for_reading",
    "open_for_writing",
    "parse_url",
    "recorded_revision",
    "remembered_root",
    "shown",
]

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
    engine : Engine
        Connections to it.
    identity : Identity
        What the catalogue is.
    root : MasksRoot
        Where its mask files are.
    """

    engine: sa.Engine
    identity: Identity
    root: MasksRoot


@dataclass(frozen=True, slots=True)
class WritableDatabase(Database):
    """The database of one catalogue, open for writing.

    Parameters
    ----------
    claims : Claims
        What this process has claimed of it.
    patience : Patience
        With its server.
    """

    claims: Claims
    patience: Patience


def is_catalogue(url: str | os.PathLike[str]) -> bool:
    """Tell whether there is a database at a URL with anything in it."""
    parsed = parse_url(url)
    path = sqlite_path(parsed)
    if path is not None and not path.is_file():
        return False
    engine = reader(parsed)
    try:
        return not _is_empty(engine, parsed)
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
        return _unusable(parsed, error) if isinstance(error, sa.exc.DBAPIError) and not context.is_pre_ping else None

    sa.event.listen(engine, "handle_error", translate)
    try:
        identity = _identity(engine, parsed, _READABLE)
        yield Database(engine, identity, _root(parsed, identity))
    finally:
        engine.dispose()


@contextmanager
def open_for_writing(
    url: str | os.PathLike[str],
    *,
    masks: str | os.PathLike[str] | None,
    campaign: str,
    wcs_source: str,
    bit_names: BitNames = DES_Y6,
) -> Iterator[WritableDatabase]:
    """Open a catalogue for an ingest, or create it where there is none.

    Parameters
    ----------
    url : str or path
        The database.
    masks : str or path, optional
        Masks root: a folder or a URL. By default what the catalogue remembers, else ``goodpix-masks``.
    campaign, wcs_source : str
        What the inputs are; must be what the catalogue was made for.
    bit_names : BitNames
        Names of the mask bits, for a new catalogue.

    Raises
    ------
    AmbiguousInputError
        If campaign, wcs_source or masks root are not those of the catalogue.
    CatalogueBusyError
        If another process writes into it and it is in SQLite, or is rebuilt or upgraded.
    CatalogueError
        If the database cannot be opened, or the masks root belongs to another catalogue.
    CatalogueVersionError
        If it is of another version than this software writes.
    """
    parsed = parse_url(url)
    given = MasksRoot.of(masks) if masks else None
    path = sqlite_path(parsed)
    if path is not None and not path.parent.is_dir():
        raise CatalogueError(f"{shown(parsed)}: the folder {path.parent} does not exist")
    with sole_writer(parsed), engine_to_write(parsed) as engine, ExitStack() as stack:
        if _is_empty(engine, parsed):
            _create(engine, parsed, given or MasksRoot.of("goodpix-masks"), campaign, wcs_source, bit_names)
        patience = Patience(shown(parsed))
        session = stack.enter_context(sharing(engine, parsed, patience)) if path is None else None
        identity = _identity(engine, parsed, (REVISION,))
        root = _root(parsed, identity)
        for what, wanted, found in (
            ("campaign", campaign, identity.campaign),
            ("--wcs", wcs_source, identity.wcs_source),
            ("masks root", str(given or root), str(root)),
        ):
            if wanted != found:
                raise AmbiguousInputError(
                    f"{what} is {wanted}, but the catalogue {shown(parsed)} was made with {found}: "
                    "use another --db and --masks for it"
                )
        root.claim(identity.uuid, new=_has_no_masks(engine), facts=identity.facts)
        claims = TileClaims(session, identity.uuid) if session else WholeCatalogue()
        yield WritableDatabase(engine, identity, root, claims, patience)


@contextmanager
def engine_to_write(url: sa.URL) -> Iterator[sa.Engine]:
    """Give connections that may write, to a database that may be anything; what is wrong with it is one of our errors.

    Raises
    ------
    CatalogueError
        If the database cannot be used.
    """
    engine = writer(url)
    try:
        yield engine
    except sa.exc.DBAPIError as error:
        raise _unusable(url, error) from error
    finally:
        finish_writing(engine, url)


def _is_empty(engine: sa.Engine, url: sa.URL) -> bool:
    try:
        with engine.connect() as connection:
            return not sa.inspect(connection).get_table_names()
    except sa.exc.DBAPIError as error:
        raise _unusable(url, error) from error


def _create(
    engine: sa.Engine, url: sa.URL, root: MasksRoot, campaign: str, wcs_source: str, bit_names: BitNames
) -> None:
    """Make an empty catalogue, in one transaction, unless somebody else has done so meanwhile."""
    with engine.begin() as connection:
        lock_creation(connection, url)
        if sa.inspect(connection).get_table_names():
            return
        owner = root.owner
        if owner is not None:
            raise CatalogueError(
                f"masks root {root} belongs to catalogue {owner}, but {shown(url)} is empty: "
                "give this catalogue a root of its own with --masks"
            )
        identity = Identity(str(uuid.uuid4()), remembered_root(url, root), campaign, wcs_source, bit_names)
        create_tables(connection, identity)


def create_tables(connection: sa.Connection, identity: Identity) -> None:
    """Make the tables of an empty catalogue, and say what it is: what the migrations come to, without Alembic."""
    metadata.create_all(connection)
    connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(sa.text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": REVISION})
    create_views(connection)
    guide_planner(connection)
    connection.execute(catalogue.insert().values(identity.row))


def _has_no_masks(engine: sa.Engine) -> bool:
    with engine.connect() as connection:
        return connection.execute(sa.select(coadd.c.coadd_id).limit(1)).first() is None


def _identity(engine: sa.Engine, url: sa.URL, revisions: Collection[str]) -> Identity:
    """Return what a catalogue is, after checking that it is of one of these revisions."""
    try:
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table("catalogue"):
                raise CatalogueError(f"{shown(url)} is not a goodpix catalogue: it has no table catalogue")
            found = connection.execute(sa.select(catalogue)).mappings().one_or_none()
            revision = recorded_revision(connection)
    except sa.exc.DBAPIError as error:
        raise _unusable(url, error) from error
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


def _root(url: sa.URL, identity: Identity) -> MasksRoot:
    path = sqlite_path(url)
    return MasksRoot.of(identity.masks_root, path and path.parent)


def _unusable(url: sa.URL, error: sa.exc.DBAPIError) -> CatalogueError:
    text = f"cannot use the database {shown(url)}: {driver_text(error)}"
    code = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None) or ""
    if "no such table" in text:  # which has no code of its own in SQLite
        code = "42P01"
    cure = _CURES.get("_".join(code.split("_")[:2]))
    return CatalogueError(f"{text} ({cure})" if cure else text)
