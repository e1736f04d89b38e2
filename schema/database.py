"""Catalogue databases, opened for reading."""

import json
import logging
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from .bits import BitNames
from .columns import json_object
from .dialects import OUT_OF_TIME, driver_text, interrupted, reader, sqlite_path, suits_column
from .errors import CatalogueError, CatalogueVersionError, DamagedValueError, UsageError, check_utf_8
from .inputs.profile import DES_PIZZA_CUTTER, ProfileId
from .rows import SEG_FROM_FILE
from .sql.mistyped import naming_mistyped
from .store.masksroot import FORMAT_VERSION, MasksRoot
from .tables import catalogue, coadd, epoch, footprint, ingest_run
from .views import RENAMED
from .wcs.footprint import NSIDE

__all__ = [
    "REVISION",
    "Database",
    "Identity",
    "as_stored",
    "check_type",
    "is_catalogue",
    "is_empty",
    "lacking",
    "open_for_reading",
    "parse_url",
    "read_identity",
    "recorded_revision",
    "remembered_root",
    "root_of",
    "shown",
    "unusable",
    "with_variables",
]

logger = logging.getLogger(__name__)

# URL options whose values may be shown; the value of a misspelt option may be a secret.
_SHOWN = {"host", "port", "dbname", "user", "service", "options", "application_name", "connect_timeout", "sslmode"}

_MISREAD = "--db: cannot understand this URL: expected sqlite:///FILE or postgresql+psycopg://..."

# A malformed URL, which may hold a password and would be taken for a path.
_NEARLY_URL = re.compile(r"(sqlite|postgres)[\w+]*:|[\w+]+:/", re.IGNORECASE)
_PASSWORD = re.compile(r"password\s*=", re.IGNORECASE)


def parse_url(url: str | os.PathLike[str]) -> sa.URL:
    """Return a database URL; a plain path means a SQLite file.

    Raises
    ------
    UsageError
        If the URL cannot be parsed or names a database other than SQLite or Postgres.
    """
    if not isinstance(url, str | os.PathLike):
        raise UsageError(f"db is {url!r}: expected a file name, sqlite:///FILE or postgresql+psycopg://...")
    text = os.fspath(url)
    check_utf_8(text, "--db")
    if not text.strip():
        raise UsageError("--db is empty: expected a file name, sqlite:///FILE or postgresql+psycopg://...")
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
        # the text after the first @ of a password was taken for the host, and would be shown
        raise UsageError("--db: the URL has more than one @: expected %40 for an @ in a user name or password")
    return parsed.set(drivername="postgresql+psycopg")


def _on_disk(database: str | None) -> str:
    """Return a SQLite file name; refuse a database in memory, which would be lost, and a malformed URL."""
    if database in (None, "", ":memory:"):
        raise UsageError("--db: a database in memory cannot hold a catalogue: expected sqlite:///FILE")
    if _PASSWORD.search(database):
        raise UsageError(_MISREAD)
    return database


def shown(url: sa.URL) -> str:
    """Return a URL that is safe to show: no password, not even among its options."""
    secret = [name for name, value in url.query.items() if name not in _SHOWN or _PASSWORD.search(str(value))]
    return url.update_query_dict(dict.fromkeys(secret, "***")).render_as_string(hide_password=True)


REVISION = "0012"
"""The newest migration, whose tables this software writes."""

_READABLE = (*(f"{number:04}" for number in range(1, 12)), REVISION)
"""Revisions whose tables and views this software reads."""

# Cures by the error codes of SQLite and Postgres.
_KEPT = "stored data are kept, and the same command resumes"
_REBUILD = "goodpix rebuild --force --masks ROOT recreates the database (on Postgres, in another that is empty)"
_CURES = {
    **dict.fromkeys(("SQLITE_FULL", "53100"), f"{_KEPT} once disk space is free"),
    "SQLITE_IOERR": f"the disk fails or a quota is exceeded: {_KEPT} when that is fixed",
    **dict.fromkeys(("SQLITE_BUSY", "55P03"), f"another process holds it: {_KEPT} when that has ended"),
    "42703": "goodpix db upgrade adds columns that are newer than the catalogue",
    "42P01": f"goodpix db upgrade recreates a lost view; if a table is lost, {_REBUILD}",
    **dict.fromkeys(("22021", "22P05"), "expected a database made with ENCODING 'UTF8'"),
    "42501": "ask the database's owner for the privilege",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of a catalogue, fixed when it is created."""

    uuid: str
    masks_root: str
    campaign: str
    wcs_source: str
    bit_names: BitNames
    format_version: int = FORMAT_VERSION
    profile: ProfileId = DES_PIZZA_CUTTER
    segmentation: str = SEG_FROM_FILE

    @property
    def row(self) -> dict[str, object]:
        """Its row in the table catalogue."""
        return {
            "catalogue_id": 1,
            "uuid": self.uuid,
            "format_version": self.format_version,
            "masks_root": self.masks_root,
            "campaign": self.campaign,
            "wcs_source": self.wcs_source,
            "bits": json.dumps({"se": dict(self.bit_names.se), "coadd": dict(self.bit_names.coadd)}),
            "footprint_nside": NSIDE,
            "profile": self.profile.name,
            "profile_version": self.profile.version,
            "segmentation": self.segmentation,
        }

    @property
    def facts(self) -> dict[str, str]:
        """The facts kept in the marker of the masks root."""
        return {"campaign": self.campaign, "wcs_source": self.wcs_source}


@dataclass(frozen=True, slots=True)
class Database:
    """The open database of one catalogue.

    Parameters
    ----------
    url : URL
        Its location as requested; see `shown` for display.
    engine : Engine
        Connections to it.
    identity : Identity
        Identity of the catalogue.
    root : MasksRoot
        Location of its mask files.
    """

    url: sa.URL
    engine: sa.Engine
    identity: Identity
    root: MasksRoot


def is_catalogue(url: str | os.PathLike[str]) -> bool:
    """Tell whether there is a non-empty database at a URL."""
    parsed = parse_url(url)
    path = sqlite_path(parsed)
    if path is not None and not os.path.isfile(path):
        return False
    engine = reader(parsed)
    try:
        return not is_empty(engine, parsed)
    finally:
        engine.dispose()


@contextmanager
def open_for_reading(url: str | os.PathLike[str]) -> Iterator[Database]:
    """Open a catalogue read-only.

    Raises
    ------
    CatalogueError
        If there is no catalogue at the URL; also from the engine, whenever the database cannot be used.
    CatalogueVersionError
        If this software cannot read the catalogue's version.
    """
    parsed = parse_url(url)
    path = sqlite_path(parsed)
    if path is not None and not os.path.isfile(path):
        raise CatalogueError(f"no catalogue at {shown(parsed)}: goodpix ingest creates one, --db names another")
    engine = reader(parsed)

    def translate(context: sa.engine.ExceptionContext) -> BaseException | None:
        error = context.sqlalchemy_exception
        if path is not None and interrupted(context.original_exception):
            # SQLite swallows what a signal raises
            timed = context.connection is not None and context.connection.info.get(OUT_OF_TIME)
            return None if timed else KeyboardInterrupt()
        # after a failed ping the pool reconnects only if the error is still the driver's
        return unusable(parsed, error) if isinstance(error, sa.exc.DBAPIError) and not context.is_pre_ping else None

    sa.event.listen(engine, "handle_error", translate)
    try:
        identity = read_identity(engine, parsed, _READABLE)
        with naming_mistyped(engine):
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
    """Return the identity of a catalogue, after checking that its revision is one of these."""
    try:
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table("catalogue"):
                raise CatalogueError(f"{shown(url)} is not a goodpix catalogue: it has no table catalogue")
            format_version = connection.execute(sa.select(catalogue.c.format_version)).scalar_one_or_none()
            revision = recorded_revision(connection)
            _check_version(url, format_version, revision, revisions)
            row = connection.execute(sa.select(*as_stored(connection, catalogue))).mappings().one()
    except sa.exc.DBAPIError as error:
        raise unusable(url, error) from error
    for column in catalogue.c:
        value = row[column.name]  # null in an older revision
        if value is not None and not suits_column(value, column):
            raise CatalogueError(f"{shown(url)}: {column.name} in its table catalogue is damaged: {_REBUILD}")
    try:
        bits = json_object(row["bits"], "bits")
        bit_names = BitNames(bits["se"], bits["coadd"])
        profile = ProfileId.recorded(row["profile"], row["profile_version"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CatalogueError(
            f"{shown(url)}: its profile or the names of its mask bits are damaged ({error})"
        ) from error
    return Identity(
        uuid=row["uuid"],
        masks_root=row["masks_root"],
        campaign=row["campaign"],
        wcs_source=row["wcs_source"],
        bit_names=bit_names,
        format_version=row["format_version"],
        profile=profile,
        segmentation=row["segmentation"] or SEG_FROM_FILE,
    )


def _check_version(url: sa.URL, format_version: int | None, revision: str | None, revisions: Collection[str]) -> None:
    """Raise an error unless a catalogue has one of these revisions."""
    if format_version is None:
        raise CatalogueError(f"{shown(url)}: its table catalogue is empty: use another --db")
    if not suits_column(format_version, catalogue.c.format_version):
        raise CatalogueError(f"{shown(url)}: format_version in its table catalogue is damaged: {_REBUILD}")
    if revision is None:
        raise CatalogueError(f"{shown(url)}: its table alembic_version is empty: {_REBUILD}")
    if format_version > FORMAT_VERSION or revision not in revisions:
        older = format_version <= FORMAT_VERSION and revision in _READABLE
        cure = "goodpix db upgrade upgrades it" if older else "use the version of goodpix that created it"
        raise CatalogueVersionError(
            f"{shown(url)}: tables of revision {revision}, format {format_version}; expected {REVISION} and "
            f"{FORMAT_VERSION}: {cure}"
        )


def recorded_revision(connection: sa.Connection) -> str | None:
    """Return the revision recorded for a catalogue's tables."""
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def as_stored(
    connection: sa.Connection,
    selectable: sa.FromClause,
    described: "Iterable[sa.ColumnElement[Any]] | None" = None,
) -> "list[sa.ColumnElement[Any]]":
    """Return the columns of a table or view; a constant, usually null, for each that the catalogue's revision lacks.

    Parameters
    ----------
    connection : Connection
        Connection to the database.
    selectable : FromClause
        The table or view.
    described : iterable of ColumnElement, optional
        The columns of tables behind those of a view, in the same order.
    """
    revision = str(recorded_revision(connection))
    infos = [getattr(each, "info", {}) for each in described or selectable.c]
    former = {name: old for name, (since, old) in RENAMED.items() if revision < since}

    def column(each: "sa.ColumnElement[Any]", info: Mapping[str, Any]) -> "sa.ColumnElement[Any]":
        if each.name in former:
            return selectable.c[former[each.name]].label(each.name)
        if info.get("since", "") <= revision:
            return each
        # Postgres takes a constant without a cast for text
        return sa.cast(sa.literal(info.get("before"), each.type), each.type).label(each.name)

    return [column(each, info) for each, info in zip(selectable.c, infos, strict=True)]


def lacking(connection: sa.Connection, columns: "Iterable[sa.ColumnElement[Any]]") -> set[str]:
    """Return the names of columns of tables that the catalogue's revision lacks and that have no value before it."""
    revision = str(recorded_revision(connection))
    given = (each for each in columns if isinstance(each, sa.Column) and "before" not in each.info)
    return {each.name for each in given if each.info.get("since", "") > revision}


_KINDS = {column.name: column.type.python_type for table in (footprint, coadd, epoch) for column in table.c}
_ALSO: dict[type, tuple[type, ...]] = {float: (float, int), bool: (bool, int)}


def check_type(name: str, value: object) -> None:
    """Raise a `DamagedValueError` if a value of a mask's row does not have the type of its column."""
    kind = _KINDS.get(name) or _KINDS.get(name.removeprefix("coadd_"))
    if value is not None and kind is not None and not isinstance(value, _ALSO.get(kind, (kind,))):
        text = repr(value)
        text = text if len(text) <= 60 else f"{text[:60]}..."
        expected = f"expected {kind.__name__}: run goodpix verify --repair"
        raise DamagedValueError(f"{name} is {text} in the database: {expected}")


def with_variables(connection: sa.Connection, rows: Sequence[sa.RowMapping]) -> list[dict[str, Any]]:
    """Return rows of masks with ``variables``: the values that the environment variables of their paths had at ingest.

    See `goodpix.schema.planes.imagefiles.files_of_row`.

    Raises
    ------
    DamagedValueError
        If a value does not have its column's type.
    """
    for row in rows:
        for name, value in row.items():
            check_type(name, value)
    run = ingest_run.c
    query = sa.select(run.run_id, run.arguments).where(run.run_id.in_({row["run_id"] for row in rows}))
    ingested = {run_id: _variables(run_id, text) for run_id, text in connection.execute(query)}
    return [{**row, "variables": ingested.get(row["run_id"], {})} for row in rows]


def _variables(run_id: int, arguments: str | None) -> dict[str, str]:
    """Return the variables in the arguments of a run; none, with a warning, if those are damaged."""
    try:
        variables = json_object(arguments or "{}", "arguments").get("variables", {})
        if isinstance(variables, dict) and all(isinstance(each, str) for each in variables.values()):
            return variables
    except DamagedValueError:
        pass
    logger.warning("ingest run %s: its arguments are damaged, and with them the variables of its paths", run_id)
    return {}


def remembered_root(url: sa.URL, root: MasksRoot) -> str:
    """Return a root as the catalogue stores it: relative if it lies beside a SQLite file."""
    path = sqlite_path(url)
    return root.seen_from(path and path.parent)


def root_of(url: sa.URL, identity: Identity) -> MasksRoot:
    """Return the masks root of a catalogue."""
    path = sqlite_path(url)
    return MasksRoot.of(identity.masks_root, path and path.parent)


def unusable(url: sa.URL, error: sa.exc.DBAPIError) -> CatalogueError:
    """Return a `CatalogueError` for a database error, with its cure if known."""
    text = f"cannot use the database {shown(url)}: {driver_text(error)}"
    code = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None) or ""
    # SQLite has no codes for these
    code = "42P01" if "no such table" in text else "42703" if "no such column" in text else code
    return CatalogueError(f"{text} ({cure})" if (cure := _CURES.get("_".join(code.split("_")[:2]))) else text)
