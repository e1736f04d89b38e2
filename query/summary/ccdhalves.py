"""Statistics of the amplifier halves of every CCD."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import sqlalchemy as sa

from ...schema.errors import UsageError
from ...schema.sql.aggregates import total
from ...schema.tables import ccd_bit_night, ccd_night
from ..dataframes import read_frame
from ..filters import FilterKeywords, Filters
from ..focalplane import HALVES
from ..listings import Listings
from ..provenance import described
from .layout import focal_plane
from .statistic import RATIOS, Statistic, check_tables, outliers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ccd_halves"]


def ccd_halves(
    cat: Listings,
    statistic: str = "fraction_good_se",
    *,
    nights: sa.TableClause = ccd_night,
    bit_nights: sa.TableClause = ccd_bit_night,
    **filters: Unpack[FilterKeywords],
) -> "pd.DataFrame":
    """Return one row per amplifier half of each DECam CCD, or per CCD of another camera, with a statistic.

    Parameters
    ----------
    cat : Catalogue
        The catalogue.
    statistic : str
        A statistic of ``ccd_night``: ``fraction_good_se``, counted by amplifier; ``fraction_se_seg``,
        ``fraction_se_weight``, ``fraction_se_bmask`` or a column, counted by CCD; or the fraction of pixels with a
        bit of the SE mask set, such as ``"SE:STAR"`` or ``"SE:32"``.
    nights, bit_nights : Table
        Tables like ``ccd_night`` and ``ccd_bit_night`` to read instead, such as those of selected CCD images.
    **filters
        ``band``, ``ccdnum`` and ``nite``, such as ``"20150101:20151231"``; see `goodpix.query.filters.Filters`,
        applied to ``ccd_night``.

    Returns
    -------
    DataFrame
        ``ccdnum``, ``detpos`` and ``half`` (a or b; empty for a whole CCD) of all CCDs of
        `goodpix.query.summary.layout.focal_plane`; ``n_ccd_images`` and ``n_nights`` that match;
        ``value``, the median over nights of the statistic of each night's CCD images, or the sum of a count, null
        without data; ``outlier``, whether the value is far from the others, see
        `goodpix.query.summary.statistic.outliers`.

    Raises
    ------
    UnknownNameError
        If a filter, column, bit or statistic does not exist.
    UsageError
        If the statistic is no text.
    CatalogueVersionError
        If the catalogue predates the summary table.

    Examples
    --------
    >>> ccd_halves(cat, band="i").columns.tolist()
    ['ccdnum', 'detpos', 'half', 'n_ccd_images', 'n_nights', 'value', 'outlier']
    """
    import pandas as pd  # slow to import

    if not isinstance(statistic, str):
        raise UsageError(f"statistic is {statistic!r}: expected a name, such as fraction_good_se")
    names = [f"{statistic}_amp_{half}" for half in HALVES]
    by_half = {half: name if name in RATIOS else statistic for half, name in zip(HALVES, names, strict=True)}
    by_half[""] = statistic
    query = (
        _of_bit(cat, nights, bit_nights, statistic, filters)
        if ":" in statistic
        else _of_nights(cat, nights, by_half.values(), filters)
    )
    of_ccds = read_frame(cat.database.engine, query).groupby("ccdnum")
    over_nights = "sum" if statistic.startswith("n_") else "median"
    values = {name: getattr(of_ccds[name], over_nights)() for name in dict.fromkeys(by_half.values())}
    n_images_of, n_nights_of = of_ccds.n_ccd_images.sum(), of_ccds.size()
    halves = [(ccd, half) for ccd in focal_plane(cat).values() for half in ccd.halves]
    value = np.array([float(values[by_half[half]].get(ccd.ccdnum, np.nan)) for ccd, half in halves])
    found = pd.DataFrame(
        {
            "ccdnum": [ccd.ccdnum for ccd, _ in halves],
            "detpos": [ccd.detpos for ccd, _ in halves],
            "half": [half for _, half in halves],
            "n_ccd_images": [int(n_images_of.get(ccd.ccdnum, 0)) for ccd, _ in halves],
            "n_nights": [int(n_nights_of.get(ccd.ccdnum, 0)) for ccd, _ in halves],
            "value": value,
            "outlier": outliers(value),
        }
    )
    return described(found, cat.database.identity)


def _of_nights(
    cat: Listings, nights: sa.TableClause, names: Iterable[str], filters: Mapping[str, Any]
) -> "sa.Select[Any]":
    """Return a query for statistics by CCD and night."""
    check_tables(cat, ccd_night)
    wanted = {name: Statistic.of(name, nights).value.label(name) for name in names}
    return (
        sa.select(nights.c.ccdnum, total(nights.c.n_ccd_images, "n_ccd_images"), *wanted.values())
        .where(*Filters.of(**filters).conditions(nights))
        .group_by(nights.c.ccdnum, nights.c.nite)
    )


def _of_bit(
    cat: Listings, nights: sa.TableClause, bit_nights: sa.TableClause, statistic: str, filters: Mapping[str, Any]
) -> "sa.Select[Any]":
    """Return a query for the fraction of pixels with a mask bit set, by CCD and night."""
    check_tables(cat, ccd_night, ccd_bit_night)
    plane, _, name = (part.strip() for part in statistic.partition(":"))
    if plane.upper() != "SE":
        raise UsageError(f"statistic {statistic!r}: expected a bit of the SE mask, such as SE:STAR")
    bit = cat.database.identity.bit_names.bit("SE", int(name) if name.isdecimal() else name)
    wanted = Filters.of(**filters)
    if wanted.min or wanted.max or wanted.where is not None:
        raise UsageError(
            f"statistic {statistic!r} cannot be filtered by min, max or where: expected band, ccdnum and nite"
        )
    night, of_bit = nights.c, bit_nights.c
    none = sa.literal(0, sa.BigInteger)
    # a night without a row for the bit has no such pixels
    both = sa.union_all(
        sa.select(night.ccdnum, night.nite, night.n_ccd_images, night.n_pixels, none.label("n_set")).where(
            *wanted.conditions(nights)
        ),
        sa.select(of_bit.ccdnum, of_bit.nite, none, none, of_bit.n_pixels).where(
            of_bit.bit == bit, *wanted.conditions(bit_nights)
        ),
    ).subquery()
    share = sa.cast(total(both.c.n_set), sa.Double) / total(both.c.n_pixels)
    return sa.select(both.c.ccdnum, total(both.c.n_ccd_images, "n_ccd_images"), share.label(statistic)).group_by(
        both.c.ccdnum, both.c.nite
    )
