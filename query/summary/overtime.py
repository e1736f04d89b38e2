"""One number by exposure or by night."""

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ...schema.errors import UsageError
from ...schema.views import VIEWS
from ..filters import Filters
from ..frames import read_frame
from ..listings import Listings
from .statistic import Statistic

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["over_time"]


def over_time(
    cat: Listings, statistic: str = "fraction_good_se", *, by: str = "night", **filters: Any
) -> "pd.DataFrame":
    """Return a number of each exposure, or of each night and band.

    Parameters
    ----------
    cat : Catalogue
        Where from.
    statistic : str
        ``fraction_good_se``, ``sky_rate``, ``fraction_se_seg`` and others of
        `goodpix.query.summary.statistic.RATIOS`, or a numeric column of ``exposure_quality`` (of ``ccd_quality``
        where `filters` has ``ccdnum``).
    by : str
        ``"night"`` or ``"exposure"``.
    **filters
        ``band``, ``expnum``, ``nite``, and ``ccdnum`` for the history of one CCD or some: see
        `goodpix.query.filters.Filters`.

    Returns
    -------
    DataFrame
        ``nite``, ``band``, with exposures ``expnum``; ``mjd_obs``, of nights that of the first exposure;
        ``n_exposures`` and ``n_ccd_images``; ``value`` of all of them (see
        `goodpix.query.summary.statistic.Statistic`), null where there is none; in order of time. What the headers do
        not date comes last.

    Raises
    ------
    UnknownNameError
        If a filter, column or statistic does not exist.
    """
    if by not in ("night", "exposure"):
        raise UsageError(f"by is {by!r}: expected night or exposure")
    wanted = Filters.of(**filters)
    of_ccds = wanted.ccdnum is not None
    table: sa.TableClause = VIEWS["ccd_quality" if of_ccds else "exposure_quality"].table
    of_each = Statistic.of(statistic, table)
    key = [table.c.nite, table.c.band, *([table.c.expnum] if by == "exposure" else [])]
    n_images = sa.func.count() if of_ccds else sa.cast(sa.func.sum(table.c.n_ccds), sa.BigInteger)
    first = sa.func.min(table.c.mjd_obs)
    query = (
        sa.select(
            *key,
            first.label("mjd_obs"),
            sa.func.count(sa.distinct(table.c.expnum)).label("n_exposures"),
            n_images.label("n_ccd_images"),
            of_each.value,
        )
        .where(*wanted.conditions(table))
        .group_by(*key)
        .order_by(table.c.nite.is_(None), table.c.nite, first, *key[1:])
    )
    return read_frame(cat.database.engine, query)
