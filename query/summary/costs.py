"""Costs of criteria and mask bits: the pixels that each makes bad."""

from typing import TYPE_CHECKING, Unpack

import sqlalchemy as sa

from ...schema.bits import COADD_CRITERIA, Criterion, Plane
from ...schema.errors import UsageError
from ...schema.sql.aggregates import total
from ...schema.tables import bit_count, ccd_bit_night, ccd_night, coadd
from ...schema.views import VIEWS
from ..dataframes import read_frame
from ..filters import FilterKeywords, Filters
from ..listings import Listings
from ..provenance import described
from .statistic import check_tables

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["bit_costs", "criteria_costs"]


def criteria_costs(cat: Listings, **filters: Unpack[FilterKeywords]) -> "pd.DataFrame":
    """Return the number of pixels that fail each criterion, in total and alone, summed over epochs by band.

    Parameters
    ----------
    cat : Catalogue
        The catalogue.
    **filters
        Tiles and bands; see `goodpix.query.filters.Filters`, applied to ``tile_quality``.

    Returns
    -------
    DataFrame
        ``band`` and ``criterion``, seven rows per band; ``n_fail`` pixels that fail the criterion and ``n_only``
        that fail it alone; ``n_pixels`` of the epochs, for coadd criteria those on the coadd; ``fraction_fail`` and
        ``fraction_only`` of ``n_pixels``. Null if no epoch is used.

    Raises
    ------
    UnknownNameError
        If a filter or column does not exist.

    Examples
    --------
    >>> criteria_costs(cat, band="i").columns.tolist()
    ['band', 'criterion', 'n_fail', 'n_only', 'n_pixels', 'fraction_fail', 'fraction_only']
    """
    import pandas as pd  # slow to import

    view = VIEWS["tile_quality"].table
    names = [f"{prefix}_{str(each.name).lower()}" for each in Criterion for prefix in ("n", "only")]
    sums = [total(view.c[name], name) for name in ("n_pixels", "n_on_coadd", *names)]
    query = (
        sa.select(view.c.band, *sums)
        .where(*Filters.of(**filters).conditions(view))
        .group_by(view.c.band)
        .order_by(view.c.band)
    )
    with cat.database.engine.connect() as connection:
        bands = connection.execute(query).mappings().all()
    rows = [
        {
            "band": of_band["band"],
            "criterion": criterion.name,
            "n_fail": of_band[f"n_{str(criterion.name).lower()}"],
            "n_only": of_band[f"only_{str(criterion.name).lower()}"],
            "n_pixels": of_band["n_on_coadd" if criterion in COADD_CRITERIA else "n_pixels"],
        }
        for of_band in bands
        for criterion in Criterion
    ]
    kinds = {"band": "str", "criterion": "str", "n_fail": "Int64", "n_only": "Int64", "n_pixels": "Int64"}
    out = pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=kind) for name, kind in kinds.items()})
    whole = out.n_pixels.astype("float64").where(out.n_pixels > 0)
    shares = {f"fraction_{each}": out[f"n_{each}"].astype("float64") / whole for each in ("fail", "only")}
    return described(out.assign(**shares), cat.database.identity)


def bit_costs(
    cat: Listings,
    plane: Plane = "se",
    *,
    nights: sa.TableClause = ccd_night,
    bit_nights: sa.TableClause = ccd_bit_night,
    **filters: Unpack[FilterKeywords],
) -> "pd.DataFrame":
    """Return the number of pixels with each mask bit set, by band.

    Parameters
    ----------
    cat : Catalogue
        The catalogue.
    plane : str
        ``"se"`` for the masks of CCD images, each counted once; ``"coadd"`` for the coadds' own masks. In upper or
        lower case.
    nights, bit_nights : Table
        Tables like ``ccd_night`` and ``ccd_bit_night`` to read instead, such as those of selected CCD images.
    **filters
        ``band``, ``ccdnum`` and ``nite`` of CCD images, or ``band`` and ``tilename`` of coadds; see
        `goodpix.query.filters.Filters`.

    Returns
    -------
    DataFrame
        ``band``, ``plane``, ``bit``, ``name``; ``n_set``, the pixels with the bit set, out of ``n_pixels``, and
        their ``fraction``; by band, the costliest bit first. A bit that is set nowhere has no row.

    Raises
    ------
    UnknownNameError
        If a filter does not exist.
    UsageError
        If there is no such plane, or the filters include bounds or a condition.
    CatalogueVersionError
        If the catalogue predates the table of bits.

    Examples
    --------
    >>> bit_costs(cat, band="i").columns.tolist()
    ['band', 'plane', 'bit', 'name', 'n_set', 'n_pixels', 'fraction']
    """
    if str(plane).lower() not in ("se", "coadd"):
        raise UsageError(f"plane is {plane!r}: expected se or coadd")
    plane = plane.lower()  # type: ignore[assignment]  # one of these
    wanted = Filters.of(**filters)
    if wanted.min or wanted.max or wanted.where is not None:
        raise UsageError("bits cannot be filtered by min, max or where: expected band, ccdnum, nite or tilename")
    if plane == "se":
        check_tables(cat, ccd_bit_night)
        counted = sa.select(bit_nights).where(*wanted.conditions(bit_nights)).subquery()
        every, of_every = nights, wanted.conditions(nights)
    else:
        conditions = of_every = wanted.conditions(coadd)
        rows = sa.select(coadd.c.band, bit_count.c.bit, bit_count.c.name, bit_count.c.n_pixels)
        counted = rows.join(bit_count, bit_count.c.coadd_id == coadd.c.coadd_id).where(*conditions).subquery()
        every = coadd
    n_pixels = total(every.c.n_pixels, "n_pixels")
    of_bands = sa.select(every.c.band, n_pixels).where(*of_every).group_by(every.c.band).subquery()
    key = [counted.c.band, counted.c.bit, counted.c.name]
    of_bits = sa.select(*key, total(counted.c.n_pixels, "n_set")).group_by(*key).subquery()
    query = (
        sa.select(
            of_bits.c.band,
            sa.literal(plane).label("plane"),
            of_bits.c.bit,
            of_bits.c.name,
            of_bits.c.n_set,
            of_bands.c.n_pixels,
            (sa.cast(of_bits.c.n_set, sa.Double) / of_bands.c.n_pixels).label("fraction"),
        )
        .join(of_bands, of_bands.c.band == of_bits.c.band)
        .order_by(of_bits.c.band, of_bits.c.n_set.desc(), of_bits.c.bit)
    )
    return described(read_frame(cat.database.engine, query), cat.database.identity)
