"""Catalogue databases, created or opened for writing."""

import logging
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from ...schema.bits import DES_Y6, BitNames
from ...schema.database import (
    REVISION,
    Database,
    Identity,
    is_empty,
    parse_url,
    read_identity,
    remembered_root,
    root_of,
    shown,
    unusable,
)
from ...schema.dialects import sqlite_path
from ...schema.errors import AmbiguousInputError, CatalogueError
from ...schema.inputs.profile import DES_PIZZA_CUTTER, ProfileId
from ...schema.rows import SEG_FROM_FILE
from ...schema.sql.mistyped import naming_mistyped
from ...schema.store.masksroot import MasksRoot
from ...schema.tables import catalogue, coadd, metadata
from ...schema.views import create_views
from .claims import Claims, TileClaims, WholeCatalogue, lock_catalogue, lock_creation, sharing, sole_writer
from .engine import finish_writing, guide_planner, writer
from .retry import Retry

__all__ = [
    "WritableDatabase",
    "check_bit_names",
    "check_coadds",
    "create_tables",
    "engine_to_write",
    "open_for_writing",
]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WritableDatabase(Database):
    """The database of one catalogue, open for writing.

    Parameters
    ----------
    claims : Claims
        Claims of this process.
    retry : Retry
        Waits for its server.
    """

    claims: Claims
    retry: Retry


@contextmanager
def open_for_writing(
    url: str | os.PathLike[str],
    *,
    masks: str | os.PathLike[str] | None,
    campaign: str,
    wcs_source: str,
    bit_names: BitNames = DES_Y6,
    profile: ProfileId = DES_PIZZA_CUTTER,
    segmentation: str = SEG_FROM_FILE,
) -> Iterator[WritableDatabase]:
    """Open a catalogue for an ingest, creating it if there is none.

    Parameters
    ----------
    url : str or path
        The database.
    masks : str or path, optional
        Masks root: a folder or a URL. By default that of the catalogue, for a new one ``goodpix-masks``.
    campaign, wcs_source : str
        Processing campaign and WCS source of the inputs; must be those of the catalogue, unless that has no masks:
        it then takes them, and the profile and segmentation too.
    bit_names : BitNames
        Names of the mask bits, for a new catalogue.
    profile : ProfileId
        Profile of the inputs; its name must be that of the catalogue.
    segmentation : str
        Source of segmentation maps; must be that of the catalogue.

    Raises
    ------
    AmbiguousInputError
        If campaign, wcs_source, profile, segmentation or masks root are not those of the catalogue.
    CatalogueBusyError
        If another process is writing to it on SQLite, or is rebuilding or upgrading it.
    CatalogueError
        If the database cannot be opened, or the masks root belongs to another catalogue.
    CatalogueVersionError
        If this software does not write the catalogue's version.
    """
    parsed = parse_url(url)
    given = MasksRoot.of(masks) if masks else None
    if given is not None:
        given.store.check()
    path = sqlite_path(parsed)
    if path is not None and not os.path.isdir(path.parent):
        raise CatalogueError(f"{shown(parsed)}: the folder {path.parent} does not exist")
    with sole_writer(parsed), engine_to_write(parsed) as engine, ExitStack() as stack:
        retry = Retry(shown(parsed))

        def create() -> None:
            if is_empty(engine, parsed):
                new_root = given or MasksRoot.of("goodpix-masks")
                remembered = remembered_root(parsed, new_root)
                identity = Identity(
                    str(uuid.uuid4()),
                    remembered,
                    campaign,
                    wcs_source,
                    bit_names,
                    profile=profile,
                    segmentation=segmentation,
                )
                _create(engine, parsed, new_root, identity)

        retry.opening(create)
        definition = {
            "campaign": campaign,
            "wcs_source": wcs_source,
            "profile": profile,
            "segmentation": segmentation,
            "bit_names": bit_names,
        }
        retry.opening(lambda: _follow(engine, parsed, definition))
        session = stack.enter_context(sharing(engine, parsed, retry)) if path is None else None
        identity = retry.opening(lambda: read_identity(engine, parsed, (REVISION,)))
        root = root_of(parsed, identity)
        for what, wanted, found in (
            ("profile", profile.name, identity.profile.name),
            ("segmentation", segmentation, identity.segmentation),
            ("campaign", campaign, identity.campaign),
            ("--wcs (wcs_source)", wcs_source, identity.wcs_source),
            ("masks root", str(given or root), str(root)),
        ):
            if wanted != found:
                raise AmbiguousInputError(
                    f"{what} is {wanted}, but the catalogue {shown(parsed)} was made with {found}: "
                    "use another --db and --masks for it"
                )
        if not profile.is_des and profile.version != identity.profile.version:
            identity = retry(lambda: _with_version(engine, identity, profile, bit_names))
        root.claim(identity.uuid, new=retry(lambda: _has_no_masks(engine)), facts=identity.facts)
        claims = TileClaims(session, identity.uuid) if session else WholeCatalogue()
        yield WritableDatabase(parsed, engine, identity, root, claims, retry)


def check_coadds(database: WritableDatabase, tiles: Mapping[str, bool]) -> None:
    """Check that images with and without a coadd do not come together in a catalogue.

    Parameters
    ----------
    database : WritableDatabase
        The catalogue.
    tiles : mapping of str to bool
        Whether a tile has a coadd, by name.

    Raises
    ------
    AmbiguousInputError
        If one differs from those of the catalogue.
    """
    with database.engine.connect() as connection:
        row = connection.execute(sa.select(coadd.c.tilename, coadd.c.wcs).limit(1)).first()
    for tilename, has_coadd in tiles.items():
        if row is not None and has_coadd != (row.wcs is not None):
            words = ("has a", "has none") if has_coadd else ("has no", "has one")
            raise AmbiguousInputError(
                f"tile {tilename} {words[0]} coadd, but tile {row.tilename} of the catalogue {shown(database.url)} "
                f"{words[1]}: use another --db and --masks for it"
            )


def check_bit_names(database: WritableDatabase, bit_names: BitNames, **planes: bool) -> None:
    """Check that mask bits have the names that the catalogue has for them.

    Parameters
    ----------
    database : WritableDatabase
        The catalogue.
    bit_names : BitNames
        Names of the mask bits.
    **planes : bool
        Whether the names of a plane, ``se`` or ``coadd``, have to be equal.

    Raises
    ------
    AmbiguousInputError
        If they differ.
    """
    for plane in (name for name, has_to in planes.items() if has_to):
        names = [dict(each.of_plane(plane)) for each in (bit_names, database.identity.bit_names)]
        if names[0] != names[1]:
            given, known = (", ".join(f"{name} {value}" for name, value in each.items()) for each in names)
            raise AmbiguousInputError(
                f"the {plane} mask bits are {given or 'without names'}, but the catalogue {shown(database.url)} was "
                f"made with {known or 'no names'}: use another --db and --masks for it"
            )


@contextmanager
def engine_to_write(url: sa.URL) -> Iterator[sa.Engine]:
    """Provide connections for writing to any database, with its errors as `CatalogueError`.

    Raises
    ------
    CatalogueError
        If the database cannot be used.
    """
    engine = writer(url)
    try:
        with naming_mistyped(engine):
            try:
                yield engine
            except sa.exc.DBAPIError as error:
                raise unusable(url, error) from error
    finally:
        finish_writing(engine, url)


def _create(engine: sa.Engine, url: sa.URL, root: MasksRoot, identity: Identity) -> None:
    """Create an empty catalogue in one transaction, unless someone else has done so meanwhile."""
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
        create_tables(connection, identity)


def _follow(engine: sa.Engine, url: sa.URL, wanted: Mapping[str, Any]) -> None:
    """Give a catalogue without masks another campaign, WCS source, profile and segmentation: no ingest fixed them."""
    identity = read_identity(engine, url, (REVISION,))
    differ = [name for name in ("campaign", "wcs_source", "segmentation") if wanted[name] != getattr(identity, name)]
    differ += ["profile"] * (wanted["profile"].name != identity.profile.name)
    if not differ or not _has_no_masks(engine):
        return
    new = replace(identity, **wanted)
    with engine.begin() as connection:
        # another ingest may be about to store the first masks
        lock_catalogue(connection, url)
        if connection.execute(sa.select(coadd.c.coadd_id).limit(1)).first() is not None:
            return
        connection.execute(catalogue.update().values(new.row))
    changes = [f"{name} {getattr(new, name)}, no longer {getattr(identity, name)}" for name in differ]
    logger.warning("%s has no masks: its inputs now have %s", shown(url), "; ".join(changes))


def _with_version(engine: sa.Engine, identity: Identity, profile: ProfileId, bit_names: BitNames) -> Identity:
    """Record another version of the profile, with its names of the mask bits; return the catalogue's new identity."""
    new = replace(identity, profile=profile, bit_names=bit_names)
    with engine.begin() as connection:
        connection.execute(catalogue.update().values({name: new.row[name] for name in ("profile_version", "bits")}))
    return new


def create_tables(connection: sa.Connection, identity: Identity) -> None:
    """Create the tables of an empty catalogue with its identity, as the migrations would but without Alembic."""
    metadata.create_all(connection)
    connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(sa.text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": REVISION})
    create_views(connection)
    guide_planner(connection)
    connection.execute(catalogue.insert().values(identity.row))


def _has_no_masks(engine: sa.Engine) -> bool:
    with engine.connect() as connection:
        return connection.execute(sa.select(coadd.c.coadd_id).limit(1)).first() is None
