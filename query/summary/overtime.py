"""Statistics by exposure or by night."""

from typing import TYPE_CHECKING, Literal, Unpack

import sqlalchemy as sa

from ...schema.errors import UsageError
from ...schema.sql.aggregates import total
from ...schema.tables import ccd_night
from ...schema.views import VIEWS
from ..dataframes import read_frame
from ..filters import FilterKeywords, Filters
from ..listings import Listings
from ..provenance import described
from .statistic import Statistic, check_tables, statistics_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["over_time"]


def over_time(
    cat: Listings,
    statistic: str = "fraction_good_se",
    *,
    by: Literal["night", "exposure"] = "night",
    **filters: Unpack[FilterKeywords],
) -> "pd.DataFrame":
    """Return a statistic for each exposure, or for each night and band.

    Parameters
    ----------
    cat : Catalogue
        The catalogue.
    statistic : str
        ``fraction_good_se``, ``sky_rate``, ``fraction_se_seg`` and others of
        `goodpix.query.summary.statistic.RATIOS`, or a numeric column of ``exposure_quality`` (of ``ccd_quality``
        where `filters` has ``ccdnum``).
    by : str
        ``"night"`` or ``"exposure"``.
    **filters
        ``band``, ``expnum``, ``nite``, and ``ccdnum`` for the history of one or more CCDs; see
        `goodpix.query.filters.Filters`.

    Returns
    -------
    DataFrame
        ``nite`` and ``band``, for exposures also ``expnum`` and ``mjd_obs``; ``n_ccd_images`` used; their ``value``
        (see `goodpix.query.summary.statistic.Statistic`), null without data. Rows are in order of time, undated ones
        last.

    Raises
    ------
    UnknownNameError
        If a filter, column or statistic does not exist.
    UsageError
        If `by` is neither night nor exposure.

    Examples
    --------
    >>> over_time(cat, band="i").value.round(2).tolist()
    [0.84, 0.87, 0.86, 0.84, 0.42]
    """
    if by not in ("night", "exposure"):
        raise UsageError(f"by is {by!r}: expected night or exposure")
    wanted = Filters.of(**filters)
    of_nights = by == "night"
    table = _source(cat, statistic, wanted, of_nights)
    value = Statistic.of(statistic, table).value
    images = next((table.c[name] for name in ("n_ccds", "n_ccd_images") if name in table.c), None)
    n_images = sa.func.count() if images is None else total(images)
    nite = table.c.nite if of_nights else sa.func.min(table.c.nite).label("nite")
    key = [nite, table.c.band] if of_nights else [table.c.expnum, table.c.band]
    start = [] if of_nights else [table.c.expnum, sa.func.min(table.c.mjd_obs).label("mjd_obs")]
    query = (
        sa.select(nite, table.c.band, *start, n_images.label("n_ccd_images"), value)
        .where(*wanted.conditions(table))
        .group_by(*key)
        .order_by(nite.is_(None), nite, *start[1:], *start[:1], table.c.band)
    )
    return described(read_frame(cat.database.engine, query), cat.database.identity)


def _source(cat: Listings, statistic: str, wanted: Filters, of_nights: bool) -> sa.TableClause:
    """Return the smallest table or view that has the statistic."""
    if wanted.ccdnum is None:
        return VIEWS["exposure_quality"].table
    if of_nights and wanted.expnum is None and statistic in statistics_of(ccd_night):
        check_tables(cat, ccd_night)
        return ccd_night
    return VIEWS["ccd_quality"].table
