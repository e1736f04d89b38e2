"""Cost of each mask bit."""

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ...schema.dialects import total
from ...schema.errors import UsageError
from ...schema.tables import bit_count, ccd_bit_night, ccd_night, coadd
from ..filters import Filters
from ..frames import read_frame
from ..listings import Listings
from .statistic import check_tables

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["bit_costs"]


def bit_costs(cat: Listings, plane: str = "se", **filters: Any) -> "pd.DataFrame":
    """Return the number of pixels with each mask bit set, by band.

    Parameters
    ----------
    cat : Catalogue
        The catalogue.
    plane : str
        ``"se"`` for the masks of CCD images, each counted once; ``"coadd"`` for the coadds' own masks.
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
    """
    if plane not in ("se", "coadd"):
        raise UsageError(f"plane is {plane!r}: expected se or coadd")
    wanted = Filters.of(**filters)
    if wanted.min or wanted.max or wanted.where is not None:
        raise UsageError("bits cannot be filtered by min, max or where: expected band, ccdnum, nite or tilename")
    if plane == "se":
        check_tables(cat, ccd_bit_night)
        conditions = wanted.conditions(ccd_bit_night)
        counted = sa.select(ccd_bit_night).where(*conditions).subquery()
        every, of_every = ccd_night, wanted.conditions(ccd_night)
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
    return read_frame(cat.database.engine, query)
