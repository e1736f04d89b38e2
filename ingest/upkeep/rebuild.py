"""Rebuild of a catalogue's database from its masks root."""

import logging
import os
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from ...schema import tables
from ...schema.bits import DES_Y6, BitNames
from ...schema.database import Identity, parse_url, remembered_root, shown
from ...schema.errors import CatalogueError, MaskFileError, StoreError, UsageError
from ...schema.inputs.profile import DES_PIZZA_CUTTER
from ...schema.maskfile import MaskFile
from ...schema.rows import SEG_FROM_FILE
from ...schema.store.masksroot import MasksRoot
from ...schema.store.protocol import FoundFile
from ..database.bulk import insert_rows
from ..database.maskrows import insert_masks
from ..database.replace import new_database
from ..database.summaries import fill_summaries
from ..database.writer import record_failures
from ..report import counted
from .filecheck import rows_of, spread_over
from .maskfilechoice import Choice, TileFiles, choose_file, lost_mask
from .olddatabase import Memory, OldDatabase
from .report import RebuildReport
from .selections import kept_or_restored, kept_selections

__all__ = ["rebuild"]

logger = logging.getLogger(__name__)

PathLike = str | os.PathLike[str]


def rebuild(
    db: PathLike = "sqlite:///goodpix.db",
    masks: PathLike | None = None,
    *,
    force: bool = False,
    force_partial: bool = False,
    campaign: str | None = None,
    wcs_source: Literal["image", "scamp"] | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> RebuildReport:
    """Rebuild the database of a catalogue from its mask files.

    For each tile and band, the undamaged file of the highest generation is used. The new database is built
    separately and replaces the old one at the end (on Postgres, in one transaction), all or nothing. Ingest runs and
    recorded failures, which mask files do not contain, are taken from the old database where that can be read.

    Parameters
    ----------
    db : str or path
        Database URL or SQLite file.
    masks : str or path, optional
        Masks root: a folder, or a URL such as ``s3://bucket/prefix``. By default the root that the database
        remembers, or else ``goodpix-masks``.
    force : bool
        Replace a database that is not empty or cannot be read.
    force_partial : bool
        Replace a good database even though a folder cannot be listed or a mask file cannot be read for the moment;
        implies `force`.
    campaign, wcs_source : str, optional
        Campaign and WCS source, needed if neither the masks root nor the old database records them.
    workers : int
        Number of processes that read mask files.
    progress : callable, optional
        Called with the number of tiles and bands done and the total.

    Returns
    -------
    RebuildReport
        Counts, and what could not be used, which is also recorded in the table ``failure``; `replaced` is false if
        a good database was kept because something could not be read.

    Raises
    ------
    UsageError
        If the database is not empty and `force` is false, or if the campaign or WCS source is unknown.
    CatalogueError
        If the masks root does not exist or belongs to another catalogue, or the database cannot be written.

    Examples
    --------
    >>> print(goodpix.rebuild("rebuilt.db", "goodpix-masks"))
    8 epochs of 1 tile in 2 bands
    """
    url = parse_url(db)
    old = OldDatabase.at(url)
    if not old.empty and not (force or force_partial):
        raise UsageError(f"{shown(url)} {old.what}: use --force (force=True) to replace it")
    root = MasksRoot.of(masks or old.masks_root or "goodpix-masks")
    if not root.store.exists():
        raise CatalogueError(f"masks root {root} does not exist: use --masks to name another")
    listing = root.store.listing()
    given = {"campaign": campaign, "wcs_source": wcs_source}
    known = {name: value for name, value in given.items() if value is not None}
    identity = _identity(url, root, old, listing.files, known)
    tiles, notes = _tiles(root, listing.files)
    report = _Progress(notes, list(listing.unlisted))
    with suppress(_KeptError), new_database(url, identity) as begin:
        with spread_over(workers) as spread, old.memory(identity.uuid) as memory:
            with begin() as connection:
                insert_rows(connection, tables.ingest_run, memory.runs)
            for number, choice in enumerate(spread(choose_file, tiles), start=1):
                with begin() as connection:
                    report.add(choice)
                    _load(connection, choice, identity.bit_names, memory)
                if progress is not None:
                    progress(number, len(tiles))
            with begin() as connection:
                report.add_old(connection, memory, _without_files(root, memory, tiles))
        if report.unreadable and old.is_good and not force_partial:
            report.replaced = False
            raise _KeptError
        with begin() as connection:
            fill_summaries(connection)
            insert_rows(connection, tables.selection, _selections(root, memory, report))
        root.claim(identity.uuid, facts=identity.facts)
    return report.report


class _KeptError(Exception):
    """Ends a rebuild that keeps the old database."""


@dataclass(slots=True)
class _Progress:
    """Progress of a rebuild."""

    notes: list[str]
    unreadable: list[str]
    replaced: bool = True
    tiles: set[str] = field(default_factory=set)
    bands: set[str] = field(default_factory=set)
    n_epochs: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, choice: Choice) -> None:
        """Count a tile and band, and log what could not be used of it."""
        self.notes += choice.notes
        self.unreadable += choice.unreadable
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

    def add_old(self, connection: sa.Connection, memory: Memory, without_files: Iterable[Choice]) -> None:
        """Record the failures that the old database knows, and the tiles whose files are gone."""
        self.notes += memory.notes
        for choice in without_files:
            self.add(choice)
            record_failures(connection, choice.failures)
        recorded = set(connection.scalars(sa.select(tables.failure.c.failure_key)))
        insert_rows(connection, tables.failure, memory.failures(recorded))

    @property
    def report(self) -> RebuildReport:
        return RebuildReport(
            len(self.tiles),
            self.n_epochs,
            tuple(self.failures),
            tuple(self.notes),
            len(self.bands),
            tuple(self.unreadable),
            self.replaced,
        )


def _selections(root: MasksRoot, memory: Memory, report: _Progress) -> list[dict[str, Any]]:
    """Return the rows of the named selections: of the masks root, or else of the old database."""
    try:
        try:
            kept_selections(root)
        except CatalogueError as error:
            report.notes.append(f"{error}: named selections are those of the old database")
            logger.warning("%s", report.notes[-1])
        return [dict(each.row) for each in kept_or_restored(root, memory.selections)]
    except (CatalogueError, UsageError):
        return memory.selections


def _load(connection: sa.Connection, choice: Choice, bit_names: BitNames, memory: Memory) -> None:
    if choice.file is not None:
        generation = max(choice.generation, memory.generation(choice.tilename, choice.band))
        of_file = choice.file.of_coadd(generation)
        rows = rows_of(choice.file.usable.values())
        runs = memory.run_ids(choice.tilename, choice.band)
        run_ids = {row.key.name: runs.get((row.key.name, row.facts.fingerprint)) for row, _ in rows}
        insert_masks(connection, rows, of_file, bit_names, run_ids)
    record_failures(connection, choice.failures)


def _without_files(root: MasksRoot, memory: Memory, tiles: Iterable[TileFiles]) -> Iterator[Choice]:
    """Yield a lost tile for each of which the old database has rows but the root has no file."""
    for key in sorted(memory.mask_files.keys() - {(tile.tilename, tile.band) for tile in tiles}):
        generation, mask_file = memory.mask_files[key]
        message = f"mask file {root.path(mask_file)} is missing: goodpix ingest remakes it"
        yield Choice(*key, None, generation, (lost_mask(root, mask_file, key, "coadd", message),), ())


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
    url: sa.URL, root: MasksRoot, old: OldDatabase, files: Iterable[FoundFile], given: Mapping[str, str]
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
    file = _first_readable(root, files)
    bit_names, profile, segmentation = DES_Y6, DES_PIZZA_CUTTER, SEG_FROM_FILE
    if file is not None:
        bit_names, profile, segmentation = file.bit_names, file.profile_id, file.segmentation or SEG_FROM_FILE
    elif known is not None:
        bit_names, profile, segmentation = known.bit_names, known.profile, known.segmentation
    return Identity(
        uuid=owner or (known.uuid if known else str(uuid.uuid4())),
        masks_root=remembered_root(url, root),
        bit_names=bit_names,
        campaign=facts["campaign"],
        wcs_source=facts["wcs_source"],
        profile=profile,
        segmentation=segmentation,
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


def _first_readable(root: MasksRoot, files: Iterable[FoundFile]) -> MaskFile | None:
    """Return a mask file; profile and names of the mask bits are the same in all of a catalogue."""
    for each in files:
        if each.mask_file is not None:
            try:
                file = MaskFile.open(root.path(each.name))
                _ = file.bit_names, file.profile_id
            except (MaskFileError, StoreError):
                continue  # recorded as a failure when its tile is rebuilt
            return file
    return None
