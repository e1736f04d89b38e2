"""Rebuild of a catalogue's database from its masks root."""

import logging
import os
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from ...schema import tables
from ...schema.bits import DES_Y6, BitNames
from ...schema.database import Database, Identity, is_catalogue, open_for_reading, parse_url, remembered_root, shown
from ...schema.dialects import sqlite_path
from ...schema.errors import CatalogueError, CatalogueVersionError, MaskFileError, UsageError
from ...schema.maskfile import MaskFile
from ...schema.store.masksroot import MasksRoot
from ...schema.store.protocol import FoundFile
from ..database.maskrows import insert_masks
from ..database.replace import new_database
from ..database.summaries import fill_summaries
from ..database.writer import record_failures
from ..report import counted, counted_tiles
from .filecheck import rows_of, spread_over
from .maskfilechoice import Choice, TileFiles, choose_file
from .report import RebuildReport

__all__ = ["rebuild"]

logger = logging.getLogger(__name__)

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class _Existing:
    """The database that a rebuild replaces.

    Parameters
    ----------
    what : str
        Its state, for messages.
    empty : bool
        Whether it has no masks.
    identity : Identity or None
        Identity of the catalogue; None if there is no readable catalogue.
    masks_root : str or None
        Masks root of the catalogue.
    """

    what: str
    empty: bool
    identity: Identity | None = None
    masks_root: str | None = None

    @classmethod
    def at(cls, url: sa.URL) -> "_Existing":
        """Return the state of the database at a URL.

        Raises
        ------
        CatalogueError
            If a Postgres database cannot be used or is not a catalogue.
        CatalogueVersionError
            If the catalogue is of a newer version.
        """
        text = url.render_as_string(hide_password=False)
        path = sqlite_path(url)
        if path is not None and not (os.path.isfile(path) and path.stat().st_size):
            return cls("is empty", True)
        try:
            if not is_catalogue(text):
                return cls("is empty", True)
            with open_for_reading(text) as database:
                return cls._of(database)
        except CatalogueVersionError:
            raise
        except CatalogueError as error:
            if path is None:
                raise
            return cls(f"cannot be read ({error})", False)

    @classmethod
    def _of(cls, database: Database) -> "_Existing":
        with database.engine.connect() as connection:
            key, count = tables.coadd.c, sa.func.count
            n_tiles, n_bands = connection.execute(
                sa.select(count(sa.distinct(key.tilename)), count(sa.distinct(key.band)))
            ).one()
        what = f"has {counted_tiles(n_tiles, n_bands)}" if n_tiles else "is empty"
        return cls(what, n_tiles == 0, database.identity, str(database.root))


def rebuild(
    db: PathLike = "sqlite:///goodpix.db",
    masks: PathLike | None = None,
    *,
    force: bool = False,
    campaign: str | None = None,
    wcs_source: str | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> RebuildReport:
    """Rebuild the database of a catalogue from its mask files.

    For each tile and band, the undamaged file of the highest generation is used. The new database is built
    separately and replaces the old one at the end (on Postgres, in one transaction), all or nothing. Ingest runs,
    recorded failures and row numbers are lost, since mask files do not contain them.

    Parameters
    ----------
    db : str or path
        Database URL or SQLite file.
    masks : str or path, optional
        Masks root: a folder, or a URL such as ``s3://bucket/prefix``. By default the root that the database
        remembers, or else ``goodpix-masks``.
    force : bool
        Replace a database that is not empty or cannot be read.
    campaign, wcs_source : str, optional
        Campaign and WCS source, needed if neither the masks root nor the old database records them.
    workers : int
        Number of processes that read mask files.
    progress : callable, optional
        Called with the number of tiles and bands done and the total.

    Returns
    -------
    RebuildReport
        Counts, and what could not be used, which is also recorded in the table ``failure``.

    Raises
    ------
    UsageError
        If the database is not empty and `force` is false, or if the campaign or WCS source is unknown.
    CatalogueError
        If the masks root does not exist or belongs to another catalogue, or the database cannot be written.
    """
    url = parse_url(db)
    old = _Existing.at(url)
    if not old.empty and not force:
        raise UsageError(f"{shown(url)} {old.what}: use --force to replace it")
    root = MasksRoot.of(masks or old.masks_root or "goodpix-masks")
    if not root.store.exists():
        raise CatalogueError(f"masks root {root} does not exist: use --masks to name another")
    files = list(root.store.files())
    given = {"campaign": campaign, "wcs_source": wcs_source}
    identity = _identity(url, root, old, files, {name: value for name, value in given.items() if value is not None})
    tiles, notes = _tiles(root, files)
    report = _Progress(notes=notes)
    with new_database(url, identity) as begin, spread_over(workers) as spread:
        for number, choice in enumerate(spread(choose_file, tiles), start=1):
            with begin() as connection:
                report.add(choice)
                _load(connection, choice, identity.bit_names)
            if progress is not None:
                progress(number, len(tiles))
        with begin() as connection:
            fill_summaries(connection)
        root.claim(identity.uuid, facts=identity.facts)
    return report.report


@dataclass(slots=True)
class _Progress:
    """Progress of a rebuild."""

    notes: list[str]
    tiles: set[str] = field(default_factory=set)
    bands: set[str] = field(default_factory=set)
    n_epochs: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, choice: Choice) -> None:
        """Count a tile and band, and log what could not be used of it."""
        self.notes += choice.notes
        messages = [f"{each.key.rpartition('#')[2]}: {each.message}" for each in choice.failures]
        self.failures += [f"tile {choice.tilename}, band {choice.band}: {message}" for message in messages]
        for message in (*choice.notes, *messages):
            logger.warning("%s %s: %s", choice.tilename, choice.band, message)
        if choice.file is not None:
            self.tiles.add(choice.tilename)
            self.bands.add(choice.band)
            n_epochs = len(choice.file.usable) - 1
            self.n_epochs += n_epochs
            logger.info("%s %s: %s", choice.tilename, choice.band, counted(n_epochs, "epoch"))

    @property
    def report(self) -> RebuildReport:
        return RebuildReport(len(self.tiles), self.n_epochs, tuple(self.failures), tuple(self.notes), len(self.bands))


def _load(connection: sa.Connection, choice: Choice, bit_names: BitNames) -> None:
    if choice.file is not None:
        of_file = {"mask_file": choice.file.name, "generation": choice.generation}
        insert_masks(connection, rows_of(choice.file.usable.values()), of_file, bit_names)
    record_failures(connection, choice.failures)


def _tiles(root: MasksRoot, files: Iterable[FoundFile]) -> tuple[list[TileFiles], list[str]]:
    """Return the mask files by tile and band, and a note on each other Parquet file."""
    by_tile: dict[tuple[str, str], list[FoundFile]] = defaultdict(list)
    notes = []
    for file in files:
        if file.mask_file is not None:
            by_tile[file.mask_file.tilename, file.mask_file.band].append(file)
        elif file.name.endswith(".parquet"):
            notes.append(f"{file.name}: not named like a mask file: ignored")
    return [TileFiles(root, *key, of_tile) for key, of_tile in sorted(by_tile.items())], notes


def _identity(
    url: sa.URL, root: MasksRoot, old: _Existing, files: Iterable[FoundFile], given: Mapping[str, str]
) -> Identity:
    """Return the identity of the catalogue, by its masks root, else the old database, else the arguments."""
    owner, known = root.owner, old.identity
    if known is not None and not old.empty and owner not in (None, known.uuid):
        raise CatalogueError(
            f"masks root {root} belongs to catalogue {owner}, but {shown(url)} is catalogue {known.uuid}: "
            "expected --db and --masks of the same catalogue"
        )
    facts = root.facts
    if not facts and known is not None and owner in (None, known.uuid):
        facts = known.facts
    facts = _complete(facts, given, url, root)
    return Identity(
        uuid=owner or (known.uuid if known else str(uuid.uuid4())),
        masks_root=remembered_root(url, root),
        bit_names=_bit_names(root, files) or (known.bit_names if known else DES_Y6),
        campaign=facts["campaign"],
        wcs_source=facts["wcs_source"],
    )


_OPTIONS = {"campaign": "--campaign", "wcs_source": "--wcs"}


def _complete(facts: Mapping[str, str], given: Mapping[str, str], url: sa.URL, root: MasksRoot) -> dict[str, str]:
    """Return the facts of a catalogue, with the arguments in place of unknown ones."""
    wcs_source = given.get("wcs_source", "image")
    if wcs_source not in ("image", "scamp"):
        raise UsageError(f"wcs_source is {wcs_source!r}: expected image or scamp")
    for name, value in given.items():
        if facts.get(name, value) != value:
            raise UsageError(f"{name} is {value}, but masks root {root} has {facts[name]}")
    missing = [option for name, option in _OPTIONS.items() if name not in facts and name not in given]
    if missing:
        raise UsageError(
            f"neither masks root {root} nor {shown(url)} describes the catalogue: expected {' and '.join(missing)}"
        )
    return {**given, **facts}


def _bit_names(root: MasksRoot, files: Iterable[FoundFile]) -> BitNames | None:
    """Return the names of the mask bits, which are the same in all mask files of a catalogue."""
    for each in files:
        if each.mask_file is not None:
            try:
                return MaskFile.open(root.path(each.name)).bit_names
            except MaskFileError:
                continue  # recorded as a failure when its tile is rebuilt
    return None
