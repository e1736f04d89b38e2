"""Contents of the summary tables, which survey-wide queries read instead of every epoch.

Each row is the result of a query over the rows below it: epochs -> tiles and runs; epochs -> CCD images ->
exposures, nights, bits by night and medians.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from .counts import SE_COUNTS
from .observing.covariates import COMPUTED
from .tables import (
    bit_count,
    ccd_bit_night,
    ccd_image,
    ccd_night,
    epoch,
    exposure_summary,
    tile_run,
    tile_summary,
)

__all__ = ["BIT_NIGHTS", "CCD_IMAGES", "EXPOSURES", "NIGHTS", "RUNS", "SUMMARIES", "TILES", "Summary"]


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary table, and the query over its source that fills it.

    Parameters
    ----------
    table : Table
        The summary table.
    source : Table
        The table that it summarises.
    query : callable
        Takes conditions on the source, and returns the query that summarises the rows meeting all of them, with
        columns in the table's order.
    """

    table: sa.Table
    source: sa.Table
    query: "Callable[..., sa.Select[Any]]"


def _total(column: "sa.ColumnElement[Any]", name: str) -> "sa.Label[Any]":
    """Return the sum of a column, as `goodpix.schema.dialects.total`, but of damaged rows too: a repair needs it."""
    kind = sa.Double if isinstance(column.type, sa.Float) else sa.BigInteger
    return sa.cast(sa.func.sum(column), kind).label(name)


def _names(table: sa.Table, source: sa.Table, *besides: str) -> list[str]:
    """Return the columns common to a summary and its source, except those of `besides`."""
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
    # a rebuilt catalogue does not know its runs
    return sa.select(*key, sa.func.count()).where(epoch.c.run_id.is_not(None), *where).group_by(*key)


def _ccd_images(*where: "sa.ColumnElement[bool]") -> "sa.Select[Any]":
    key = [epoch.c.band, epoch.c.expnum, epoch.c.ccdnum]
    every = _names(ccd_image, epoch, "band", "expnum", "ccdnum")
    differ = [sa.func.min(epoch.c[name]) != sa.func.max(epoch.c[name]) for name in SE_COUNTS]
    share = sa.cast(sa.func.max(epoch.c.n_good_se), sa.Double) / sa.func.max(epoch.c.n_pixels)
    return (
        sa.select(
            *key,
            sa.func.count(),
            sa.func.coalesce(sa.or_(*differ), sa.false()),  # a count that is null in all tiles differs in none
            # every tile with the CCD image has counted the same SE pixels, so any one of them will do
            *(share if name == "fraction_good_se" else sa.func.max(epoch.c[name]) for name in every),
        )
        .where(epoch.c.se_seg_used, *where)
        .group_by(*key)
    )


def _mean(column: "sa.ColumnElement[Any]") -> "sa.ColumnElement[Any]":
    """Return the mean; of equal values, exactly that value."""
    low, high = sa.func.min(column), sa.func.max(column)
    return sa.case((low == high, high), else_=sa.func.avg(column))


def _exposures(*where: "sa.ColumnElement[bool]") -> "sa.Select[Any]":
    key = [ccd_image.c.band, ccd_image.c.expnum]
    columns: list[sa.ColumnElement[Any]] = []
    for name in exposure_summary.c.keys()[3:]:
        if name.startswith("mean_"):
            columns.append(sa.func.avg(ccd_image.c[name.removeprefix("mean_")]))
        elif name.startswith("n_"):
            columns.append(_total(ccd_image.c[name], name))
        elif name in COMPUTED:
            columns.append(_mean(ccd_image.c[name]))
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
    # as for CCD images, any tile will do
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


TILES = Summary(tile_summary, epoch, _tiles)
RUNS = Summary(tile_run, epoch, _runs)
CCD_IMAGES = Summary(ccd_image, epoch, _ccd_images)
EXPOSURES = Summary(exposure_summary, ccd_image, _exposures)
NIGHTS = Summary(ccd_night, ccd_image, _nights)
BIT_NIGHTS = Summary(ccd_bit_night, ccd_image, _bit_nights)

SUMMARIES = (TILES, RUNS, CCD_IMAGES, EXPOSURES, NIGHTS, BIT_NIGHTS)
"""All summaries except the medians, each after its source."""
