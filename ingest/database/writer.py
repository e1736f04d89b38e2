"""The database writer, which loads each receipt in one transaction."""

import json
import logging
import platform
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TypeVar

import sqlalchemy as sa

from ...schema import tables
from ...schema.columns import values_of
from ...schema.dialects import driver_text
from ...schema.errors import CatalogueError
from ..infofile import TileInfo
from ..plan import EpochKey, Known, KnownTile, SourceMask
from ..report import Failure
from ..tile import Receipt
from .bulk import upsert_rows
from .engine import hurried
from .maskrows import current_file, insert_masks, is_lost, known_generation
from .opening import WritableDatabase
from .sourceplaces import source_places
from .summaries import summaries_following
from .writelocks import lock_tile

__all__ = ["Writer", "record_failures"]

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class Writer:
    """Loads receipts into one catalogue, and looks up its content.

    Parameters
    ----------
    database : WritableDatabase
        The catalogue.
    arguments : mapping
        Arguments of the run, recorded with it.
    """

    def __init__(self, database: WritableDatabase, arguments: Mapping[str, object]) -> None:
        self._engine, self._retry = database.engine, database.retry
        self._bit_names = database.identity.bit_names
        values = {
            "version": version("goodpix"),
            "arguments": json.dumps(arguments, sort_keys=True),
            "host": platform.node(),
            "started": _now(),
        }
        numbered = tables.ingest_run.insert().returning(tables.ingest_run.c.run_id)
        self.run_id = int(self._transact(lambda connection: connection.execute(numbered, values).scalar_one()))

    def known(self, info: TileInfo) -> KnownTile:
        """Return the catalogue's masks of a tile and band."""
        return self._transact(lambda connection: _known(connection, info))

    def sources(self, info: TileInfo) -> dict[EpochKey, tuple[SourceMask, ...]]:
        """Return the catalogue's masks of a tile's CCD images; see `source_places`."""
        return self._transact(lambda connection: source_places(connection, info))

    def generations(self) -> dict[tuple[str, str], int]:
        """Return the generation of each tile and band in the catalogue."""
        coadd = tables.coadd.c
        query = sa.select(coadd.tilename, coadd.band, coadd.generation, coadd.mask_file)
        rows = self._transact(lambda connection: connection.execute(query).all())
        return {(row.tilename, row.band): known_generation(row.generation, row.mask_file) for row in rows}

    def failed(self, info_path: str) -> dict[str, str | None]:
        """Return the fingerprints of an info file's failed inputs, by failure key."""
        failure = tables.failure.c
        query = sa.select(failure.failure_key, failure.fingerprint).where(failure.path == info_path)
        rows = self._transact(lambda connection: connection.execute(query).all())
        return {row.failure_key: row.fingerprint for row in rows}

    def commit(self, receipt: Receipt) -> bool:
        """Load one receipt, all or nothing; afterwards readers see the new masks.

        Returns
        -------
        bool
            False, with nothing changed, if another process has stored the tile since the receipt's job began.
        """
        return self._transact(lambda connection: self._store(connection, receipt))

    def commit_failure(self, failure: Failure) -> None:
        """Record that an info file could not be used."""
        self._transact(lambda connection: record_failures(connection, (failure,)))

    def finish(self, *, n_tiles: int, n_epochs: int, n_unchanged: int, n_failures: int, outcome: str) -> None:
        """Record how the run ended."""
        run = tables.ingest_run
        values = {
            "finished": _now(),
            "n_tiles": n_tiles,
            "n_epochs": n_epochs,
            "n_unchanged": n_unchanged,
            "n_failures": n_failures,
            "outcome": outcome,
        }
        query = run.update().where(run.c.run_id == self.run_id).values(values)
        if outcome != "interrupted":
            self._transact(lambda connection: connection.execute(query))
            return
        try:
            self._transact(lambda connection: connection.execute(query), hurried(self._engine))
        except (CatalogueError, sa.exc.DBAPIError) as error:
            why = driver_text(error) if isinstance(error, sa.exc.DBAPIError) else error
            logger.warning("the outcome of the run cannot be recorded: %s", why)

    def _transact(self, work: Callable[[sa.Connection], Result], engine: sa.Engine | None = None) -> Result:
        """Do work in one transaction, and again in another if the server was away."""

        def attempt() -> Result:
            with (engine or self._engine).begin() as connection:
                return work(connection)

        return self._retry(attempt)

    def _store(self, connection: sa.Connection, receipt: Receipt) -> bool:
        """Load one receipt, unless the tile has a newer generation than it was made from."""
        lock_tile(connection, receipt.tilename, receipt.band)
        if receipt.whole:
            generation, mask_file = current_file(connection, receipt.tilename, receipt.band)
            if mask_file is not None and mask_file == receipt.mask_file:
                return True  # the server was lost after storing this, before it could confirm
            if generation != receipt.generation - (receipt.mask_file is not None):
                return False
        record_failures(connection, receipt.failures)
        _forget_failures(connection, receipt)
        if receipt.mask_file is not None:
            # last, since it ends with locks that others wait for
            with summaries_following(connection, receipt.tilename, receipt.band):
                self._replace_rows(connection, receipt)
        return True

    def _replace_rows(self, connection: sa.Connection, receipt: Receipt) -> None:
        """Replace a tile's rows by those of its new mask file."""
        coadd, epoch = tables.coadd.c, tables.epoch.c
        of_tile = sa.and_(epoch.tilename == receipt.tilename, epoch.band == receipt.band)
        of_coadd = sa.and_(coadd.tilename == receipt.tilename, coadd.band == receipt.band)
        old = connection.execute(sa.select(epoch.expnum, epoch.ccdnum, epoch.run_id).where(of_tile)).all()
        run_ids = {f"{row.expnum}/{row.ccdnum}": row.run_id for row in old}
        run_ids["coadd"] = connection.execute(sa.select(coadd.run_id).where(of_coadd)).scalar()
        run_ids |= {each.row.key.name: self.run_id for each in receipt.rows if each.made}
        connection.execute(tables.epoch.delete().where(of_tile))
        connection.execute(tables.coadd.delete().where(of_coadd))
        of_file = {
            "mask_file": receipt.mask_file,
            "generation": receipt.generation,
            "area_good_any_unique": receipt.area_good_any_unique,
        }
        masks = [(each.row, each.row_group) for each in receipt.rows]
        insert_masks(connection, masks, of_file, self._bit_names, run_ids)


def _known(connection: sa.Connection, info: TileInfo) -> KnownTile:
    coadd, epoch = tables.coadd.c, tables.epoch.c
    generation, mask_file = current_file(connection, info.tilename, info.band)
    found = connection.execute(
        sa.select(coadd.mask_row_group, coadd.fingerprint, coadd.files).where(
            coadd.tilename == info.tilename, coadd.band == info.band
        )
    ).one_or_none()
    if found is None or mask_file is None or is_lost(connection, info.tilename, info.band, mask_file):
        return KnownTile(generation)
    row_group = found.mask_row_group
    rows = connection.execute(
        sa.select(
            *(epoch.expnum, epoch.ccdnum, epoch.mask_row_group),
            *(epoch.fingerprint, epoch.stale, epoch.files, epoch.src_index),
        ).where(epoch.tilename == info.tilename, epoch.band == info.band)
    )
    return KnownTile(
        generation=generation,
        mask_file=mask_file,
        # the row of a file without a coadd has no mask
        coadd=None if row_group is None else Known(row_group, found.fingerprint, files=found.files),
        epochs={
            (row.expnum, row.ccdnum): Known(row.mask_row_group, row.fingerprint, row.stale, row.files, row.src_index)
            for row in rows
        },
    )


def _forget_failures(connection: sa.Connection, receipt: Receipt) -> None:
    """Remove a tile's earlier failures, except those not tried again or failed again."""
    failure = tables.failure.c
    # the info file could be read, or there would be no receipt
    gone: sa.ColumnElement[bool] = failure.failure_key == f"{receipt.info_path}#info"
    if receipt.whole:
        of_tile = sa.and_(failure.tilename == receipt.tilename, failure.band == receipt.band)
        kept = [*receipt.failed_before, *(each.key for each in receipt.failures)]
        gone = sa.and_(sa.or_(of_tile, failure.path == receipt.info_path), failure.failure_key.not_in(kept))
    connection.execute(tables.failure.delete().where(gone))


def record_failures(connection: sa.Connection, failures: Iterable[Failure]) -> None:
    """Write failures to the database, adding to the attempts of earlier ones.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    failures : iterable of Failure
        The failures.
    """
    rows = []
    for each in failures:
        values = values_of(each)
        rows.append({"failure_key": values.pop("key"), "attempts": 1, "failed_at": _now()} | values)
    upsert_rows(connection, tables.failure, rows, counter="attempts")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
