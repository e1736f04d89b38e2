"""The upkeep of the summary tables, which questions about the whole survey read in the place of every epoch.

Each row is what a query over the rows below it gives: epochs -> tiles and runs; epochs -> CCD images ->
exposures, nights, bits by night and medians. Whoever changes epochs has the rows above them made again, in the same
transaction.
"""

import statistics
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from .tables import (
    bit_count,
    catalogue,
    ccd_bit_night,
    ccd_image,
    ccd_median,
    ccd_night,
    epoch,
    exposure_summary,
    tile_run,
    tile_summary,
)

__all__ = ["SUMMARIES", "Summary", "fill_summaries", "lock_summaries", "refresh_summaries"]

# Keys in one statement; each is up to four of SQLite's 32,766 values.
_AT_A_TIME = 1000

_COMPARED = ("n_pixels", "n_good_se", "n_se_seg", "n_se_weight", "n_se_bmask")

Keys = Collection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary table, and the query over its source that it holds the answer of.

    Parameters
    ----------
    table : Table
        The summary.
    source : Table
        What it sums.
    query : callable
        Takes conditions on the source, and returns the query of the rows of what meets them all, columns in the
        table's order.
    """

    table: sa.Table
    source: sa.Table
    query: "Callable[..., sa.Select[Any]]"

    def fill(self, connection: sa.Connection) -> None:
        """Make every row again."""
        connection.execute(self.table.delete())
        connection.execute(self.table.insert().from_select(self.table.c.keys(), self.query()))

    def refresh(self, connection: sa.Connection, band: str, names: Sequence[str], keys: Keys) -> None:
        """Make the rows of a band again whose columns of these names have one of these values."""
        for some in _parts(keys):
            connection.execute(self.table.delete().where(_among(self.table, band, names, some)))
            query = self.query(_among(self.source, band, names, some))
            connection.execute(self.table.insert().from_select(self.table.c.keys(), query))


def lock_summaries(connection: sa.Connection) -> None:
    """Wait until no other writer is at work: two at a time would each miss the other's tiles of a CCD image."""
    # SQLite has no FOR UPDATE, which SQLAlchemy leaves out there, and no two writers
    connection.execute(sa.select(catalogue.c.catalogue_id).with_for_update())


def fill_summaries(connection: sa.Connection) -> None:
    """Make every summary from scratch."""
    for each in SUMMARIES:
        each.fill(connection)
    connection.execute(ccd_median.delete())
    ccds = connection.execute(sa.select(ccd_night.c.band, ccd_night.c.ccdnum).distinct()).all()
    for band in sorted({each.band for each in ccds}):
        _refresh_medians(connection, band, {(each.ccdnum,) for each in ccds if each.band == band})


def refresh_summaries(
    connection: sa.Connection, tilename: str, band: str, ccd_images: Collection[tuple[int, int]]
) -> None:
    """Make the summaries true again after the epochs of a tile and band were replaced.

    Parameters
    ----------
    connection : Connection
        In the transaction that replaced them, after `lock_summaries`.
    tilename, band : str
        Which.
    ccd_images : collection of (expnum, ccdnum)
        The epochs that were there before, and those that are there now.
    """
    for each in (_TILES, _RUNS):
        each.refresh(connection, band, ["tilename"], [(tilename,)])
    nights = _nights_of(connection, band, ccd_images)
    _CCD_IMAGES.refresh(connection, band, ["expnum", "ccdnum"], ccd_images)
    nights |= _nights_of(connection, band, ccd_images)
    _EXPOSURES.refresh(connection, band, ["expnum"], {(expnum,) for expnum, _ in ccd_images})
    for each in (_NIGHTS, _BIT_NIGHTS):
        each.refresh(connection, band, ["ccdnum", "nite"], nights)
    _refresh_medians(connection, band, {(ccdnum,) for ccdnum, _ in nights})


def _nights_of(connection: sa.Connection, band: str, ccd_images: Keys) -> set[tuple[Any, ...]]:
    """Return ccdnum and night, which may be null, of those of some CCD images that are there."""
    query = sa.select(ccd_image.c.ccdnum, ccd_image.c.nite).distinct()
    found: set[tuple[Any, ...]] = set()
    for some in _parts(ccd_images):
        rows = connection.execute(query.where(_among(ccd_image, band, ["expnum", "ccdnum"], some)))
        found |= {(row.ccdnum, row.nite) for row in rows}
    return found


def _refresh_medians(connection: sa.Connection, band: str, ccdnums: Keys) -> None:
    """Make the medians of some CCDs again; SQL has no median that both databases know."""
    for some in _parts(ccdnums):
        connection.execute(ccd_median.delete().where(_among(ccd_median, band, ["ccdnum"], some)))
        counted = (
            sa.select(ccd_night.c.ccdnum, _total(ccd_night.c.n_ccd_images, "n"))
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
    """Return the median of the n fractions of a CCD, which an index holds in order."""
    fraction = ccd_image.c.fraction_good_se
    query = sa.select(fraction).where(ccd_image.c.band == band, ccd_image.c.ccdnum == ccdnum).order_by(fraction)
    middle = connection.execute(query.limit(2 - n % 2).offset((n - 1) // 2)).scalars().all()
    return float(statistics.median(middle))


def _among(table: sa.Table, band: str, names: Sequence[str], keys: Keys) -> sa.ColumnElement[bool]:
    """Return the condition that a row is of a band, and its columns of these names have one of these values."""
    columns = [table.c[name] for name in names]
    # no null is IN a list
    known = [key for key in keys if None not in key]
    terms = [sa.and_(*(c.is_not_distinct_from(v) for c, v in zip(columns, k, strict=True))) for k in keys if None in k]
    if known:
        # the columns one by one as well, for SQLite looks no pairs up in an index
        each_in = [c.in_(sorted({key[k] for key in known})) for k, c in enumerate(columns)] if len(columns) > 1 else []
        terms.append(sa.and_(sa.tuple_(*columns).in_(known), *each_in))
    return sa.and_(table.c.band == band, sa.or_(*terms))


def _parts(keys: Keys) -> Iterator[list[tuple[Any, ...]]]:
    every = list(keys)
    for start in range(0, len(every), _AT_A_TIME):
        yield every[start : start + _AT_A_TIME]


def _total(column: sa.ColumnElement[Any], name: str) -> "sa.Label[Any]":
    if isinstance(column.type, sa.Double):
        return sa.func.sum(column).label(name)
    # Postgres adds bigints up to a numeric
    return sa.cast(sa.func.sum(column), sa.BigInteger).label(name)


def _names(table: sa.Table, source: sa.Table, *besides: str) -> list[str]:
    """Return the columns that a summary and its source have in common, but for some."""
    return [c.name for c in table.c if c.name in source.c and c.name not in besides]


def _tiles(*where: "sa.ColumnElement[bool]") -> "sa.Select[Any]":
    key = [epoch.c.tilename, epoch.c.band]
    used = epoch.c.se_seg_used
    query = sa.select(
        *key,
        sa.func.count(),
        _total(sa.case((used, 1), else_=0), "n_epochs_used"),
        _total(sa.case((epoch.c.stale, 1), else_=0), "n_epochs_stale"),
        *(_total(sa.case((used, epoch.c[name])), name) for name in _names(tile_summary, epoch, "tilename", "band")),
    )
    return query.where(*where).group_by(*key)


def _runs(*where: "sa.ColumnElement[bool]") -> "sa.Select[Any]":
    key = [epoch.c.tilename, epoch.c.band, epoch.c.run_id]
    # a catalogue that was rebuilt does not know the runs
    return sa.select(*key, sa.func.count()).where(epoch.c.run_id.is_not(None), *where).group_by(*key)


def _ccd_images(*where: "sa.ColumnElement[bool]") -> "sa.Select[Any]":
    key = [epoch.c.band, epoch.c.expnum, epoch.c.ccdnum]
    once = _names(ccd_image, epoch, "band", "expnum", "ccdnum", "fraction_good_se")
    differ = [sa.func.min(epoch.c[name]) != sa.func.max(epoch.c[name]) for name in _COMPARED]
    share = sa.cast(sa.func.max(epoch.c.n_good_se), sa.Double) / sa.func.max(epoch.c.n_pixels)
    return (
        sa.select(
            *key,
            sa.func.count(),
            sa.or_(*differ),
            # every tile that holds the CCD image has counted the same SE pixels, so any one of them will do
            *(sa.func.max(epoch.c[name]) for name in once),
            share,
        )
        .where(epoch.c.se_seg_used, *where)
        .group_by(*key)
    )


def _exposures(*where: "sa.ColumnElement[bool]") -> "sa.Select[Any]":
    key = [ccd_image.c.band, ccd_image.c.expnum]
    columns: list[sa.ColumnElement[Any]] = []
    for name in exposure_summary.c.keys()[3:]:
        if name.startswith("mean_"):
            columns.append(sa.func.avg(ccd_image.c[name.removeprefix("mean_")]))
        elif name.startswith("n_"):
            columns.append(_total(ccd_image.c[name], name))
        else:
            columns.append(sa.func.max(ccd_image.c[name]))
    return sa.select(*key, sa.func.count(), *columns).where(*where).group_by(*key)


def _nights(*where: "sa.ColumnElement[bool]") -> "sa.Select[Any]":
    key = [ccd_image.c.band, ccd_image.c.ccdnum, ccd_image.c.nite]
    sums = _names(ccd_night, ccd_image, "band", "ccdnum", "nite")
    query = sa.select(*key, sa.func.count(), *(_total(ccd_image.c[name], name) for name in sums))
    return query.where(*where).group_by(*key)


def _bit_nights(*where: "sa.ColumnElement[bool]") -> "sa.Select[Any]":
    image, bit = ccd_image.c, bit_count.c
    same = [image[name] == epoch.c[name] for name in ("band", "expnum", "ccdnum")]
    once = [image.band, image.ccdnum, image.nite, image.expnum, bit.bit, bit.name]
    # as with CCD images, any tile will do
    of_image = (
        sa.select(*once, sa.func.max(bit.n_pixels).label("n_pixels"))
        .select_from(ccd_image)
        .join(epoch, sa.and_(*same))
        .join(bit_count, bit.epoch_id == epoch.c.epoch_id)
        .where(epoch.c.se_seg_used, bit.plane == "se", *where)
        .group_by(*once)
    ).subquery()
    key = [of_image.c[name] for name in ("band", "ccdnum", "nite", "bit", "name")]
    return sa.select(*key, sa.func.count(), _total(of_image.c.n_pixels, "n_pixels")).group_by(*key)


_TILES = Summary(tile_summary, epoch, _tiles)
_RUNS = Summary(tile_run, epoch, _runs)
_CCD_IMAGES = Summary(ccd_image, epoch, _ccd_images)
_EXPOSURES = Summary(exposure_summary, ccd_image, _exposures)
_NIGHTS = Summary(ccd_night, ccd_image, _nights)
_BIT_NIGHTS = Summary(ccd_bit_night, ccd_image, _bit_nights)

SUMMARIES = (_TILES, _RUNS, _CCD_IMAGES, _EXPOSURES, _NIGHTS, _BIT_NIGHTS)
"""Every summary but the medians, each after what it sums."""
