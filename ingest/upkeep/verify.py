"""Check of a catalogue: rows against their masks, and rows against each other."""

import logging
import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import sqlalchemy as sa

from ...schema import tables
from ...schema.database import REVISION, Database, open_for_reading, recorded_revision
from ...schema.errors import GoodpixError, MaskFileUnreadableError, StoreError, UsageError
from ...schema.rows import MaskKey
from ...schema.selection.named import SELECTIONS_FILE
from ...schema.sql.mistyped import mistyped
from ...schema.store.protocol import FoundFile
from ..database.opening import WritableDatabase, open_for_writing
from ..database.summaries import fill_summaries
from ..database.writelocks import lock_masks
from ..direct import check_mask
from ..report import counted
from .crosschecks import check_ccd_images, check_orphans, check_summaries, delete_orphans
from .filecheck import CheckedFile, FileJob, check_file, spread_over
from .repair import Damage, repair_tile
from .report import Problem, VerifyReport
from .sample import Sample, sample_epochs, sample_masks
from .selections import check_selections, repair_selections
from .tilecheck import TileComparison, compare_tile
from .tilerows import StoredTile, read_tile

__all__ = ["verify"]

logger = logging.getLogger(__name__)

PathLike = str | os.PathLike[str]

# Maximum number of files that no row names listed individually.
_SHOWN = 10


def verify(
    db: PathLike = "sqlite:///goodpix.db",
    *,
    sample: int | None = None,
    images: int = 0,
    repair: bool = False,
    seed: int = 1,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> VerifyReport:
    """Check that a catalogue is complete and consistent.

    Each row must have a mask with a valid checksum and the same counts. Tiles that share a CCD image must agree on
    its SE counts. Summary tables must agree with the rows that they summarise, and named selections with those beside
    the masks.

    Parameters
    ----------
    db : str or path
        Database URL or SQLite file.
    sample : int, optional
        Number of masks to check, chosen at random, with the sums that include them; by default all masks.
    images : int
        Number of masks to derive again from the FITS files, the direct way, and compare pixel by pixel.
    repair : bool
        Rewrite rows that differ from their masks, or from the file of named selections beside them. Rows whose mask
        is lost become failures, which the next ingest retries; a lost file of named selections is written again.
    seed : int
        Seed of the random sample.
    workers : int
        Number of processes that read mask files.
    progress : callable, optional
        Called with the number of tiles and bands done and the total.

    Returns
    -------
    VerifyReport
        Problems found, repairs and counts.

    Raises
    ------
    UsageError
        If a number is negative, or `repair` is given with `sample`.
    CatalogueError
        If the catalogue cannot be used or, with `repair`, if its masks root does not exist.

    Examples
    --------
    >>> print(goodpix.verify("goodpix.db"))
    10 masks in 2 files checked (8 epochs, 2 coadds): nothing is wrong
    """
    for name, number in (("sample", sample), ("images", images)):
        if number is not None and number < 0:
            raise UsageError(f"{name} is {number}: expected 0 or more")
    if repair and sample is not None:
        raise UsageError("repair checks every mask: expected no sample with it")
    with _opened(db, repair) as database, spread_over(workers) as spread:
        check = _Check(database, database if isinstance(database, WritableDatabase) else None)
        mistyped_before = check.types() if sample is None else []
        mounted = check.root()
        with database.engine.connect() as connection:
            chosen = None if sample is None else sample_masks(connection, sample, seed)
            by_direct_way = sample_epochs(connection, images, seed)
        tiles = (check.tiles() if chosen is None else list(chosen.tiles)) if mounted else []
        for number, file in enumerate(spread(check_file, check.jobs(tiles, chosen)), start=1):
            check.take(file, every=chosen is None)
            if progress is not None:
                progress(number, len(tiles))
        check.between_rows(chosen)
        if mounted:
            check.selections()
        for each in by_direct_way:
            check.image(db, each)
        check.notes += check.unnamed()
        if mistyped_before:
            left = check.types() if repair else mistyped_before
            check.problems[:0] = left
            check.repaired[:0] = [each for each in mistyped_before if each not in left]
    return VerifyReport(
        tuple(check.problems),
        tuple(check.repaired),
        tuple(check.notes),
        check.n_files,
        check.n_masks,
        len(by_direct_way),
        seed if chosen is not None or images else None,
        check.n_lost,
        check.n_coadds,
    )


def _opened(db: PathLike, repair: bool) -> AbstractContextManager[Database]:
    """Open a catalogue, for writing if it is to be repaired."""
    if not repair:
        return open_for_reading(db)
    with open_for_reading(db) as database:
        known = database.identity
    return open_for_writing(
        db,
        masks=None,
        campaign=known.campaign,
        wcs_source=known.wcs_source,
        profile=known.profile,
        segmentation=known.segmentation,
    )


@dataclass(slots=True)
class _Check:
    """A check in progress."""

    database: Database
    repaired_in: WritableDatabase | None
    problems: list[Problem] = field(default_factory=list)
    repaired: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    n_files: int = 0
    n_masks: int = 0
    n_lost: int = 0
    n_coadds: int = 0
    files: dict[tuple[str, str], list[FoundFile]] = field(default_factory=lambda: defaultdict(list))
    waiting: deque[StoredTile] = field(default_factory=deque)
    unlisted: tuple[str, ...] = ()

    def types(self) -> list[Problem]:
        """Return the values that their columns cannot hold."""
        with self.database.engine.connect() as connection:
            return [Problem("value", each.where, each.message) for each in mistyped(connection)]

    def root(self) -> bool:
        """Check the masks root and list its files; return False if it is missing although there are rows."""
        root = self.database.root
        if not root.store.exists():
            if not self.tiles():
                return True  # an ingest killed at once leaves no root, or one without a marker
            self.problems.append(Problem("masks root", str(root), f"does not exist: {root.store.doubt}"))
            return False
        try:
            unused = root.owner is None and not self.tiles()
            trouble = None if unused else root.trouble(self.database.identity.uuid)
        except GoodpixError as error:
            trouble = str(error)
        if trouble is not None:
            self.problems.append(Problem("masks root", str(root), trouble))
        listing = root.store.listing()
        self.unlisted = listing.unlisted
        self.problems += [Problem("masks root", str(root), message) for message in listing.unlisted]
        for file in listing.files:
            if file.mask_file is not None:
                self.files[file.mask_file.tilename, file.mask_file.band].append(file)
            elif file.name.endswith(".parquet"):
                self.notes.append(f"{file.name}: not named like a mask file")
        return True

    def tiles(self) -> list[tuple[str, str]]:
        """Return every tile and band that has rows, with or without a coadd."""
        with self.database.engine.connect() as connection:
            tiles = {
                (row.tilename, row.band)
                for table in (tables.coadd, tables.epoch)
                for row in connection.execute(sa.select(table.c.tilename, table.c.band).distinct())
            }
        return sorted(tiles)

    def jobs(self, tiles: Iterable[tuple[str, str]], chosen: Sample | None) -> Iterator[FileJob]:
        """Yield each tile's mask file to check, and queue the rows to compare with it."""
        for tilename, band in tiles:
            with self.database.engine.connect() as connection:
                of_tile = None if chosen is None else chosen.of_tile(tilename, band)
                stored = read_tile(connection, tilename, band, of_tile)
            self.waiting.append(stored)
            row_groups = {mask.row_group for mask in stored.masks.values() if mask.row_group is not None}
            yield FileJob(self.database.root, stored.mask_file, None if chosen is None else frozenset(row_groups))

    def take(self, file: CheckedFile, *, every: bool) -> None:
        """Compare a checked file with the rows queued for it, and repair them if requested."""
        stored = self.waiting.popleft()
        self.n_files += 1
        in_file = [mask for mask in stored.masks.values() if mask.row_group is not None]
        self.n_masks += len(in_file)
        self.n_coadds += sum(mask.key.kind == "coadd" for mask in in_file)
        found = compare_tile(stored, file, self.database.identity.bit_names, every=every)
        self.notes += found.notes
        logger.info(
            "%s %s: %s, %s",
            stored.tilename,
            stored.band,
            counted(len(in_file), "mask"),
            counted(len(found.problems), "problem"),
        )
        if found.problems and self.repaired_in and self._is_certain(file, found):
            self._repair(self.repaired_in, Damage(stored, file, found, self.files[stored.tilename, stored.band]))
        else:
            self.problems += found.problems

    def _is_certain(self, file: CheckedFile, found: TileComparison) -> bool:
        """Tell whether what is lost is known: not unreadable for the moment, nor in a folder that cannot be listed."""
        return file.unreadable is None and not (found.tile_is_lost and self.unlisted)

    def _repair(self, database: WritableDatabase, damage: Damage) -> None:
        stored = damage.stored
        try:
            n_lost = repair_tile(database, damage)
        except (MaskFileUnreadableError, StoreError) as error:
            self.problems += [*damage.found.problems, Problem("mask file", damage.file.name, str(error))]
            return
        if n_lost is not None:
            self.repaired += damage.found.problems
            self.n_lost += n_lost
        else:
            self.notes.append(
                f"tile {stored.tilename}, band {stored.band}: an ingest is at work on it: check again later"
            )

    def between_rows(self, chosen: Sample | None) -> None:
        """Check rows against each other."""
        with self.database.engine.connect() as connection:
            is_new = recorded_revision(connection) == REVISION
            tiles, ccd_images = (chosen.tiles_by_band, chosen.ccd_images) if chosen else (None, None)
            self.problems += check_ccd_images(connection, ccd_images)
            orphans = [] if chosen else check_orphans(connection)
            wrong = check_summaries(connection, tiles, ccd_images) if is_new else []
        if not is_new:
            self.notes.append("the tables are old, their summaries are not checked: goodpix db upgrade upgrades them")
        self._mend(orphans, delete_orphans)
        self._mend(wrong, fill_summaries)

    def _mend(self, problems: list[Problem], mend: Callable[[sa.Connection], None]) -> None:
        """Repair inconsistencies between rows, if requested."""
        if problems and self.repaired_in:
            with self.repaired_in.engine.begin() as connection:
                lock_masks(connection)
                mend(connection)
            self.repaired += problems
        else:
            self.problems += problems

    def selections(self) -> None:
        """Compare the named selections of the database with those beside the masks."""
        problems = check_selections(self.database)
        if problems and self.repaired_in:
            try:
                repair_selections(self.repaired_in)
            except GoodpixError as error:
                problems.append(Problem("selection", SELECTIONS_FILE, f"cannot be repaired: {error}"))
            else:
                self.repaired += problems
                return
        self.problems += problems

    def image(self, db: PathLike, key: MaskKey) -> None:
        """Derive the mask of an epoch again from the FITS files, and compare."""
        assert key.expnum is not None
        assert key.ccdnum is not None
        try:
            comparison = check_mask(db, key.tilename, key.band, key.expnum, key.ccdnum)
        except GoodpixError as error:
            self.problems.append(Problem("image", str(key), f"cannot be compared: {error}"))
            return
        if not comparison.equal:
            message = (
                f"differs from the FITS files, unless they have changed since, at "
                f"{comparison.n_pixels - comparison.n_equal:,} of {comparison.n_pixels:,} pixels"
            )
            self.problems.append(Problem("image", str(key), "; ".join([message, *comparison.examples[:1]])))

    def unnamed(self) -> list[str]:
        """Return notes on the mask files that no row names."""
        with self.database.engine.connect() as connection:
            named = set(connection.scalars(sa.select(tables.coadd.c.mask_file)))
        unnamed = [file for of_tile in self.files.values() for file in of_tile if file.name not in named]
        notes = [f"{file.name}: no row names it ({file.n_bytes:,} bytes)" for file in unnamed[:_SHOWN]]
        if len(unnamed) > _SHOWN:
            n_bytes = sum(file.n_bytes for file in unnamed)
            notes.append(f"{len(unnamed):,} files in total that no row names, {n_bytes:,} bytes: goodpix gc lists them")
        return notes
