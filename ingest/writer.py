"""The one writer: loads receipts into the database, each in one transaction."""

import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import sqlalchemy as sa

from ..schema import tables
from ..schema.columns import values_of
from ..schema.database import Database
from ..schema.rows import MaskRow
from ..schema.summaries import lock_summaries, refresh_summaries
from .infofile import TileInfo
from .plan import EpochKey, Known
from .report import Failure
from .tile import Receipt, StoredRow

__all__ = ["KnownTile", "Writer", "record_failures"]

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KnownTile:
    """What a catalogue has of a tile and band; see `goodpix.ingest.plan.TileTask`."""

    generation: int = 0
    mask_file: str | None = None
    coadd: Known | None = None
    epochs: Mapping[EpochKey, Known] = field(default_factory=dict)


class Writer:
    """Loads receipts into one catalogue, and says what the catalogue has.

    Parameters
    ----------
    database : Database
        The catalogue, opened for writing.
    arguments : mapping
        What the run was asked for, recorded with it.
    """

    def __init__(self, database: Database, arguments: Mapping[str, object]) -> None:
        self._engine = database.engine
        self._bit_names = database.identity.bit_names
        values = {
            "version": version("goodpix"),
            "arguments": json.dumps(arguments, sort_keys=True),
            "host": platform.node(),
            "started": _now(),
        }
        with self._engine.begin() as connection:
            result = connection.execute(tables.ingest_run.insert().values(values))
        self.run_id = _new_id(result)

    def known(self, info: TileInfo) -> KnownTile:
        """Return what the catalogue has of a tile and band."""
        coadd, epoch = tables.coadd.c, tables.epoch.c
        with self._engine.connect() as connection:
            found = connection.execute(
                sa.select(coadd.generation, coadd.mask_file, coadd.mask_row_group, coadd.fingerprint).where(
                    coadd.tilename == info.tilename, coadd.band == info.band
                )
            ).one_or_none()
            if found is None:
                return KnownTile()
            rows = connection.execute(
                sa.select(epoch.expnum, epoch.ccdnum, epoch.mask_row_group, epoch.fingerprint, epoch.stale).where(
                    epoch.tilename == info.tilename, epoch.band == info.band
                )
            ).all()
        return KnownTile(
            generation=found.generation,
            mask_file=found.mask_file,
            coadd=Known(found.mask_row_group, found.fingerprint),
            epochs={(row.expnum, row.ccdnum): Known(row.mask_row_group, row.fingerprint, row.stale) for row in rows},
        )

    def failed(self, info_path: str) -> dict[str, str | None]:
        """Return the fingerprints of what failed of an info file, by failure key."""
        failure = tables.failure.c
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(failure.failure_key, failure.fingerprint).where(failure.path == info_path)
            )
            return {row.failure_key: row.fingerprint for row in rows}

    def commit(self, receipt: Receipt) -> None:
        """Load one receipt, all or nothing: afterwards readers see the new masks."""
        with self._engine.begin() as connection:
            if receipt.mask_file is not None:
                self._replace_rows(connection, receipt)
            attempts = _attempts(connection, receipt.info_path)
            # the info file could be read, or there would be no receipt
            of_info = tables.failure.c.failure_key == f"{receipt.info_path}#info"
            connection.execute(tables.failure.delete().where(of_info))
            if receipt.whole:
                _forget_failures(connection, receipt)
            record_failures(connection, receipt.failures, attempts)

    def commit_failure(self, failure: Failure) -> None:
        """Record that an info file could not be used."""
        with self._engine.begin() as connection:
            record_failures(connection, (failure,), _attempts(connection, failure.path))

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
        with self._engine.begin() as connection:
            connection.execute(run.update().where(run.c.run_id == self.run_id).values(values))

    def _replace_rows(self, connection: sa.Connection, receipt: Receipt) -> None:
        """Put the rows of a new mask file in the place of the last one's; the summaries follow."""
        lock_summaries(connection)
        coadd, epoch = tables.coadd.c, tables.epoch.c
        of_tile = sa.and_(epoch.tilename == receipt.tilename, epoch.band == receipt.band)
        of_coadd = sa.and_(coadd.tilename == receipt.tilename, coadd.band == receipt.band)
        old = connection.execute(sa.select(epoch.expnum, epoch.ccdnum, epoch.run_id).where(of_tile))
        runs: dict[EpochKey | None, int | None] = {(row.expnum, row.ccdnum): row.run_id for row in old}
        runs[None] = connection.execute(sa.select(coadd.run_id).where(of_coadd)).scalar()
        connection.execute(tables.epoch.delete().where(of_tile))
        connection.execute(tables.coadd.delete().where(of_coadd))
        for stored in receipt.rows:
            key = stored.row.key
            of_epoch = (key.expnum, key.ccdnum) if key.expnum is not None and key.ccdnum is not None else None
            run_id = self.run_id if stored.made else runs.get(of_epoch)
            if of_epoch is None:
                self._insert_coadd(connection, stored, receipt, run_id)
            else:
                self._insert_epoch(connection, stored, run_id)
                runs[of_epoch] = run_id
        refresh_summaries(connection, receipt.tilename, receipt.band, {key for key in runs if key is not None})

    def _insert_coadd(self, connection: sa.Connection, stored: StoredRow, receipt: Receipt, run_id: int | None) -> None:
        values = _values(stored) | {
            "generation": receipt.generation,
            "mask_file": receipt.mask_file,
            "run_id": run_id,
        }
        result = connection.execute(tables.coadd.insert().values(values))
        self._insert_bits(connection, {"coadd_id": _new_id(result)}, stored.row)

    def _insert_epoch(self, connection: sa.Connection, stored: StoredRow, run_id: int | None) -> None:
        key = stored.row.key
        values = _values(stored) | {"expnum": key.expnum, "ccdnum": key.ccdnum, "run_id": run_id}
        result = connection.execute(tables.epoch.insert().values(values))
        epoch_id = _new_id(result)
        self._insert_bits(connection, {"epoch_id": epoch_id}, stored.row)
        touched = [{"hpix": hpix, "epoch_id": epoch_id} for hpix in stored.row.hpix]
        connection.execute(tables.footprint.insert(), touched)

    def _insert_bits(self, connection: sa.Connection, owner: Values, row: MaskRow) -> None:
        counted = [
            owner | {"plane": plane, "bit": bit, "name": self._bit_names.name(plane, bit), "n_pixels": n}
            for plane, of in row.bits.items()
            for bit, n in of.items()
        ]
        if counted:
            connection.execute(tables.bit_count.insert(), counted)


def _new_id(result: sa.CursorResult[Any]) -> int:
    """Return the number that the database gave a new row."""
    key = result.inserted_primary_key
    assert key is not None  # every table here numbers its rows
    return int(key[0])


def _values(stored: StoredRow) -> Values:
    """Return the columns that an epoch's and a coadd's row have in common."""
    row = stored.row
    key = {"tilename": row.key.tilename, "band": row.key.band, "nx": row.nx, "ny": row.ny}
    return key | values_of(row.counts) | values_of(row.facts) | {"mask_row_group": stored.row_group}


def _attempts(connection: sa.Connection, info_path: str) -> dict[str, int]:
    failure = tables.failure.c
    rows = connection.execute(sa.select(failure.failure_key, failure.attempts).where(failure.path == info_path))
    return {row.failure_key: row.attempts for row in rows}


def _forget_failures(connection: sa.Connection, receipt: Receipt) -> None:
    """Remove what failed of a tile before, but for what was not tried again."""
    failure = tables.failure.c
    of_tile = sa.and_(failure.tilename == receipt.tilename, failure.band == receipt.band)
    connection.execute(
        tables.failure.delete().where(
            sa.or_(of_tile, failure.path == receipt.info_path),
            failure.failure_key.not_in(receipt.failed_before),
        )
    )


def record_failures(
    connection: sa.Connection, failures: Iterable[Failure], attempts: Mapping[str, int] | None = None
) -> None:
    """Write what failed into the database, in the place of what is there of the same keys.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    failures : iterable of Failure
        What failed.
    attempts : mapping, optional
        How often that had been tried before, by key.
    """
    failure = tables.failure
    for each in failures:
        values = values_of(each)
        values["failure_key"] = values.pop("key")
        values |= {"attempts": (attempts or {}).get(each.key, 0) + 1, "failed_at": _now()}
        connection.execute(failure.delete().where(failure.c.failure_key == each.key))
        connection.execute(failure.insert().values(values))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
