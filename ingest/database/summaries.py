"""Maintenance of the summary tables.

Every change of epochs recomputes the rows that depend on them, in the same transaction.
"""

import statistics
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from ...schema.dialects import total
from ...schema.summaries import BIT_NIGHTS, CCD_IMAGES, EXPOSURES, NIGHTS, RUNS, SUMMARIES, TILES, Summary
from ...schema.tables import catalogue, ccd_image, ccd_median, ccd_night

__all__ = ["fill_summaries", "lock_summaries", "refresh_summaries"]

# Keys in one statement; each takes up to four of SQLite's 32,766 parameters.
_AT_A_TIME = 1000

Keys = Collection[tuple[Any, ...]]


def lock_summaries(connection: sa.Connection) -> None:
    """Wait until no other writer is at work; two at once would each miss the other's tiles of a CCD image."""
    # SQLite has one writer at a time and no FOR UPDATE, which SQLAlchemy omits there
    connection.execute(sa.select(catalogue.c.catalogue_id).with_for_update())


def fill_summaries(connection: sa.Connection) -> None:
    """Compute every summary from scratch."""
    for each in SUMMARIES:
        _fill(each, connection)
    connection.execute(ccd_median.delete())
    ccds = connection.execute(sa.select(ccd_night.c.band, ccd_night.c.ccdnum).distinct()).all()
    for band in sorted({each.band for each in ccds}):
        _refresh_medians(connection, band, {(each.ccdnum,) for each in ccds if each.band == band})


def refresh_summaries(
    connection: sa.Connection, tilename: str, band: str, ccd_images: Collection[tuple[int, int]]
) -> None:
    """Update the summaries after the epochs of a tile and band were replaced.

    Parameters
    ----------
    connection : Connection
        In the transaction that replaced them, after `lock_summaries`.
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
    _refresh_medians(connection, band, {(ccdnum,) for ccdnum, _ in nights})


def _nights_of(connection: sa.Connection, band: str, ccd_images: Keys) -> set[tuple[Any, ...]]:
    """Return ccdnum and night, which may be null, of those of the CCD images that exist."""
    query = sa.select(ccd_image.c.ccdnum, ccd_image.c.nite).distinct()
    found: set[tuple[Any, ...]] = set()
    for some in _parts(ccd_images):
        rows = connection.execute(query.where(_among(ccd_image, band, ["expnum", "ccdnum"], some)))
        found |= {(row.ccdnum, row.nite) for row in rows}
    return found


def _refresh_medians(connection: sa.Connection, band: str, ccdnums: Keys) -> None:
    """Recompute the medians of some CCDs; SQLite and Postgres share no SQL median."""
    for some in _parts(ccdnums):
        connection.execute(ccd_median.delete().where(_among(ccd_median, band, ["ccdnum"], some)))
        counted = (
            sa.select(ccd_night.c.ccdnum, total(ccd_night.c.n_ccd_images, "n"))
            .where(_among(ccd_night, band, ["ccdnum"], some))
            .group_by(ccd_night.c.ccdnum)
        )
        rows = [
            {
                "band": band,
                "ccdnum": ccdnum,
                "n_ccd_images": n,
                "fraction_good_se": _median(connection, band, ccdnum, n),
            }
            for ccdnum, n in connection.execute(counted)
        ]
        if rows:
            connection.execute(ccd_median.insert(), rows)


def _median(connection: sa.Connection, band: str, ccdnum: int, n: int) -> float:
    """Return the median of the n fractions of a CCD, read in order from an index."""
    fraction = ccd_image.c.fraction_good_se
    query = sa.select(fraction).where(ccd_image.c.band == band, ccd_image.c.ccdnum == ccdnum).order_by(fraction)
    middle = connection.execute(query.limit(2 - n % 2).offset((n - 1) // 2)).scalars().all()
    return float(statistics.median(middle))


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
