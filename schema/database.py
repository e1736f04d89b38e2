"""The database of a catalogue: created, opened, checked."""

import json
import os
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from .bits import DES_Y6, BitNames
from .dialects import finish_writing, guide_planner, reader, sqlite_path, writer
from .errors import AmbiguousInputError, CatalogueError, CatalogueVersionError, UsageError
from .footprint import NSIDE
from .masksroot import FORMAT_VERSION, MasksRoot
from .tables import catalogue, coadd, metadata
from .views import create_views, drop_views

__all__ = [
    "REVISION",
    "Database",
    "Identity",
    "create_tables",
    "is_catalogue",
    "open_for_reading",
    "open_for_writing",
    "parse_url",
    "remembered_root",
    "shown",
    "upgrade",
]

REVISION = "0003"
"""The newest of the migrations: that of the tables that this software writes."""

_READABLE = ("0001", "0002", REVISION)
"""Revisions whose tables and views it reads."""

_RECORDED = sa.text("SELECT version_num FROM alembic_version")


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


def parse_url(url: str | os.PathLike[str]) -> sa.URL:
    """Return a database URL; a plain path means a SQLite file.

    Raises
    ------
    UsageError
        If the URL cannot be understood or names a database other than SQLite or Postgres.
    """
    text = os.fspath(url)
    if "://" not in text:
        return sa.URL.create("sqlite", database=_on_disk(text))
    try:
        parsed = sa.make_url(text)
        backend = parsed.get_backend_name()
    except (sa.exc.ArgumentError, ValueError):
        raise UsageError(
            "--db: cannot understand this URL: expected sqlite:///FILE or postgresql+psycopg://..."
        ) from None
    if backend not in ("sqlite", "postgresql"):
        raise UsageError(f"--db: {backend} is not supported: expected sqlite:///FILE or postgresql+psycopg://...")
    if backend == "sqlite":
        return parsed.set(database=_on_disk(parsed.database))
    if "@" in f"{parsed.host}{parsed.database}":
        # what follows the first @ of a password was taken for the host, and would be shown
        raise UsageError("--db: the URL has more than one @: expected %40 for one in a user name or password")
    return parsed.set(drivername="postgresql+psycopg")


def _on_disk(database: str | None) -> str:
    """Refuse a SQLite database in memory, which would be gone with the command."""
    if database in (None, "", ":memory:"):
        raise UsageError("--db: a database in memory cannot hold a catalogue: expected sqlite:///FILE")
    return database


def shown(url: sa.URL) -> str:
    """Return a URL as it may be shown: without a password, also where one stands among its options."""
    secret = [name for name in url.query if "pass" in name.lower()]
    return url.update_query_dict(dict.fromkeys(secret, "***")).render_as_string(hide_password=True)


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
        If there is no catalogue at the URL.
    CatalogueVersionError
        If it is of another version than this software reads.
    """
    parsed = parse_url(url)
    path = sqlite_path(parsed)
    if path is not None and not path.is_file():
        raise CatalogueError(f"no catalogue at {shown(parsed)}: goodpix ingest makes one, --db names another")
    engine = reader(parsed)
    try:
        identity = _identity(engine, parsed, _READABLE)
        yield Database(engine, identity, _root(parsed, identity))
    except sa.exc.DBAPIError as error:
        raise _unusable(parsed, error) from error
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
) -> Iterator[Database]:
    """Open a catalogue for an ingest, or create it where there is none.

    Parameters
    ----------
    url : str or path
        The database.
    masks : str or path, optional
        Masks root. By default what the catalogue remembers, else ``goodpix-masks``.
    campaign, wcs_source : str
        What the inputs are; must be what the catalogue was made for.
    bit_names : BitNames
        Names of the mask bits, for a new catalogue.

    Raises
    ------
    AmbiguousInputError
        If campaign, wcs_source or masks root are not those of the catalogue.
    CatalogueError
        If the database cannot be opened, or the masks root belongs to another catalogue.
    CatalogueVersionError
        If it is of another version than this software writes.
    """
    parsed = parse_url(url)
    path = sqlite_path(parsed)
    if path is not None and not path.parent.is_dir():
        raise CatalogueError(f"{shown(parsed)}: the folder {path.parent} does not exist")
    engine = writer(parsed)
    try:
        if _is_empty(engine, parsed):
            _create(engine, parsed, MasksRoot.of(masks or "goodpix-masks"), campaign, wcs_source, bit_names)
        identity = _identity(engine, parsed, (REVISION,))
        root = _root(parsed, identity)
        for what, wanted, found in (
            ("campaign", campaign, identity.campaign),
            ("--wcs", wcs_source, identity.wcs_source),
            ("masks root", str(MasksRoot.of(masks).folder) if masks else str(root.folder), str(root.folder)),
        ):
            if wanted != found:
                raise AmbiguousInputError(
                    f"{what} is {wanted}, but the catalogue {shown(parsed)} was made with {found}: "
                    "use another --db and --masks for it"
                )
        root.claim(identity.uuid, new=_has_no_masks(engine), facts=identity.facts)
        yield Database(engine, identity, root)
    except sa.exc.DBAPIError as error:
        raise _unusable(parsed, error) from error
    finally:
        finish_writing(engine, parsed)


def _is_empty(engine: sa.Engine, url: sa.URL) -> bool:
    try:
        with engine.connect() as connection:
            return not sa.inspect(connection).get_table_names()
    except sa.exc.DBAPIError as error:
        raise _unusable(url, error) from error


def _create(
    engine: sa.Engine, url: sa.URL, root: MasksRoot, campaign: str, wcs_source: str, bit_names: BitNames
) -> None:
    """Make an empty catalogue, in one transaction."""
    owner = root.owner
    if owner is not None:
        raise CatalogueError(
            f"masks root {root.folder} belongs to catalogue {owner}, but {shown(url)} is empty: "
            "give this catalogue a root of its own with --masks"
        )
    identity = Identity(str(uuid.uuid4()), remembered_root(url, root), campaign, wcs_source, bit_names)
    with engine.begin() as connection:
        create_tables(connection, identity)


def create_tables(connection: sa.Connection, identity: Identity) -> None:
    """Make the tables of an empty catalogue, and say what it is: what the migrations come to, without Alembic."""
    metadata.create_all(connection)
    connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(sa.text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": REVISION})
    create_views(connection)
    guide_planner(connection)
    connection.execute(catalogue.insert().values(identity.row))


def migrate(connection: sa.Connection, revision: str = REVISION) -> None:
    """Bring the tables to a revision, and the views to this software's."""
    import alembic.command  # slow, and rarely needed
    import alembic.config

    config = alembic.config.Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    drop_views(connection)
    alembic.command.upgrade(config, revision)
    create_views(connection)
    guide_planner(connection)


def upgrade(url: str | os.PathLike[str], before: Callable[[str], object] | None = None) -> bool:
    """Bring the tables of a catalogue to the newest revision, all or nothing; its masks stay as they are.

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
        False when the tables were new already.

    Raises
    ------
    CatalogueError
        If there is no catalogue at the URL.
    CatalogueVersionError
        If it is of a version that this software does not know.
    """
    with open_for_reading(url) as database, database.engine.connect() as connection:
        if connection.execute(_RECORDED).scalar() == REVISION:
            return False
    parsed = parse_url(url)
    engine = writer(parsed)
    try:
        with engine.begin() as connection:
            revision = str(connection.execute(_RECORDED).scalar())
            if revision == REVISION:  # by someone else, since
                return False
            if before is not None:
                before(revision)
            migrate(connection)
    except sa.exc.DBAPIError as error:
        raise _unusable(parsed, error) from error
    finally:
        finish_writing(engine, parsed)
    return True


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
            revision = connection.execute(_RECORDED).scalar()
    except sa.exc.DBAPIError as error:
        raise _unusable(url, error) from error
    if found is None:
        raise CatalogueError(f"{shown(url)}: its table catalogue is empty: use another --db")
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


def remembered_root(url: sa.URL, root: MasksRoot) -> str:
    """Return a root as the catalogue remembers it: relative where it lies beside a SQLite file."""
    path = sqlite_path(url)
    if path is not None and root.folder.is_relative_to(path.parent):
        return str(root.folder.relative_to(path.parent))
    return str(root.folder)


def _root(url: sa.URL, identity: Identity) -> MasksRoot:
    path = sqlite_path(url)
    folder = Path(identity.masks_root)
    return MasksRoot.of(folder if path is None else path.parent / folder)


def _unusable(url: sa.URL, error: sa.exc.DBAPIError) -> CatalogueError:
    # SQLAlchemy's own text repeats the statement and a link; the driver's says what is wrong
    return CatalogueError(f"cannot use the database {shown(url)}: {' '.join(str(error.orig).split())}")
