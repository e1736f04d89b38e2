"""Maintenance of the summary tables.

Every change of epochs recomputes the rows that depend on them, in the same transaction.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from ...schema.observing.covariates import COMPUTED, computed_columns
from ...schema.summaries import BIT_NIGHTS, CCD_IMAGES, EXPOSURES, NIGHTS, RUNS, SUMMARIES, TILES, Summary
from ...schema.tables import ccd_image, epoch
from .ccdimages import refresh_ccd_images
from .medians import count_medians, fill_medians, move_medians
from .nightsums import add_to_bit_nights, add_to_nights, read_tile_bits
from .writelocks import lock_band

__all__ = ["fill_computed", "fill_summaries", "refresh_summaries", "summaries_following"]

# Keys in one statement; each takes up to four of SQLite's 32,766 parameters.
_AT_A_TIME = 1000

# Epochs whose columns are computed at once.
_EPOCHS_AT_A_TIME = 10_000

Keys = Collection[tuple[Any, ...]]


def fill_summaries(connection: sa.Connection) -> None:
    """Compute every summary from scratch."""
    for each in SUMMARIES:
        _fill(each, connection)
    fill_medians(connection)


def fill_computed(connection: sa.Connection) -> None:
    """Compute the columns `goodpix.schema.observing.covariates.COMPUTED` of every epoch and of what summarises them.

    For a catalogue from before those columns, in a transaction that keeps others from writing.
    """
    needed = [epoch.c[name] for name in ("epoch_id", "mjd_obs", "exptime", "airmass", "ra_cent", "dec_cent", "profile")]
    query = sa.select(*needed).order_by(epoch.c.epoch_id).limit(_EPOCHS_AT_A_TIME)
    of_epoch = epoch.c.epoch_id == sa.bindparam("of_epoch")
    update = epoch.update().where(of_epoch).values({name: sa.bindparam(f"new_{name}") for name in COMPUTED})
    last = 0
    while rows := connection.execute(query.where(epoch.c.epoch_id > last)).all():
        given = [
            {"of_epoch": row.epoch_id, **{f"new_{name}": value for name, value in computed.items()}}
            for row, computed in zip(rows, computed_columns(rows), strict=True)
        ]
        connection.execute(update, given)
        last = rows[-1].epoch_id
    for each in (CCD_IMAGES, EXPOSURES):
        _fill(each, connection)


@contextmanager
def summaries_following(connection: sa.Connection, tilename: str, band: str) -> Iterator[None]:
    """Replace the epochs of a tile and band in a block, after which the summaries follow.

    Sums over nights, to which hundreds of tiles contribute, are not made again: what the tile's CCD images change in
    them is added.

    Parameters
    ----------
    connection : Connection
        In a transaction with `lock_tile`; the band's summaries are locked at the end of the block.
    tilename, band : str
        The tile and band.
    """
    before = read_tile_bits(connection, tilename, band)
    yield
    after = read_tile_bits(connection, tilename, band)
    for each in (TILES, RUNS):
        _refresh(each, connection, band, ["tilename"], [(tilename,)])
    lock_band(connection, band)
    keys = before.keys() | after.keys()
    if not keys:
        return
    changes = refresh_ccd_images(connection, band, keys)
    add_to_bit_nights(connection, (tilename, band), (before, after), changes)
    in_sums = [each for each in changes if each.in_sums]
    if in_sums:
        _refresh(EXPOSURES, connection, band, ["expnum"], {(each.key[0],) for each in in_sums})
        _refresh(NIGHTS, connection, band, ["ccdnum", "nite"], add_to_nights(connection, band, in_sums))
        move_medians(connection, band, in_sums)


def refresh_summaries(
    connection: sa.Connection, tilename: str, band: str, ccd_images: Collection[tuple[int, int]]
) -> None:
    """Compute the summaries again that depend on a tile and band's epochs.

    Unlike `summaries_following` this does not depend on what they were.

    Parameters
    ----------
    connection : Connection
        In the transaction that replaced the epochs, after `lock_masks`.
    tilename, band : str
        The tile and band.
    ccd_images : collection of (expnum, ccdnum)
        The epochs from before and after the replacement.
    """
    for each in (TILES, RUNS):
        _refresh(each, connection, band, ["tilename"], [(tilename,)])
    nights = _nights_of(connection, band, ccd_images)
    _refresh(CCD_IMAGES, connection, band, ["expnum", "ccdnum"], ccd_images)
    nights |= _nights_of(connection, band, ccd_images)
    _refresh(EXPOSURES, connection, band, ["expnum"], {(expnum,) for expnum, _ in ccd_images})
    for each in (NIGHTS, BIT_NIGHTS):
        _refresh(each, connection, band, ["ccdnum", "nite"], nights)
    count_medians(connection, band, {ccdnum for ccdnum, _ in nights})


def _nights_of(connection: sa.Connection, band: str, ccd_images: Keys) -> set[tuple[Any, ...]]:
    """Return ccdnum and night, which may be null, of those of the CCD images that exist."""
    query = sa.select(ccd_image.c.ccdnum, ccd_image.c.nite).distinct()
    found: set[tuple[Any, ...]] = set()
    for some in _parts(ccd_images):
        rows = connection.execute(query.where(_among(ccd_image, band, ["expnum", "ccdnum"], some)))
        found |= {(row.ccdnum, row.nite) for row in rows}
    return found


def _among(table: sa.Table, band: str, names: Sequence[str], keys: Keys) -> sa.ColumnElement[bool]:
    """Return the condition that a row is in a band and its named columns match one of the keys."""
    columns = [table.c[name] for name in names]
    # IN never matches a null
    known = [key for key in keys if None not in key]
    terms = [sa.and_(*(c.is_not_distinct_from(v) for c, v in zip(columns, k, strict=True))) for k in keys if None in k]
    if known:
        # each column separately as well, since SQLite does not look up pairs in an index
        each_in = [c.in_(sorted({key[k] for key in known})) for k, c in enumerate(columns)] if len(columns) > 1 else []
        terms.append(sa.and_(sa.tuple_(*columns).in_(known), *each_in))
    return sa.and_(table.c.band == band, sa.or_(*terms))


def _parts(keys: Keys) -> Iterator[list[tuple[Any, ...]]]:
    every = list(keys)
    for start in range(0, len(every), _AT_A_TIME):
        yield every[start : start + _AT_A_TIME]


def _fill(summary: Summary, connection: sa.Connection) -> None:
    """Recompute every row."""
    connection.execute(summary.table.delete())
    connection.execute(summary.table.insert().from_select(summary.table.c.keys(), summary.query()))


def _refresh(summary: Summary, connection: sa.Connection, band: str, names: Sequence[str], keys: Keys) -> None:
    """Recompute the rows of a band whose named columns match one of the keys."""
    for some in _parts(keys):
        connection.execute(summary.table.delete().where(_among(summary.table, band, names, some)))
        query = summary.query(_among(summary.source, band, names, some))
        connection.execute(summary.table.insert().from_select(summary.table.c.keys(), query))
