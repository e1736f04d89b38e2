"""Tiles on the sky, each with one number."""

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ...schema.views import VIEWS
from ..filters import Filters
from ..frames import read_frame
from ..listings import Listings
from .statistic import Statistic

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["sky_tiles"]

_PLACE = ["ra_cent", "dec_cent", *(f"{what}c{corner}" for corner in (1, 2, 3, 4) for what in ("ra", "dec"))]


def sky_tiles(cat: Listings, statistic: str = "fraction_good_on_coadd", **filters: Any) -> "pd.DataFrame":
    """Return one row per tile, with its corners and a number.

    Parameters
    ----------
    cat : Catalogue
        Where from.
    statistic : str
        Any numeric column of ``tile_quality``, or a name of `goodpix.query.summary.statistic.RATIOS`.
    **filters
        Which tiles and bands: see `goodpix.query.filters.Filters`, over ``tile_quality``.

    Returns
    -------
    DataFrame
        ``tilename``; ``n_bands`` that match; ``ra_cent``, ``dec_cent`` and the corners ``rac1``, ``decc1`` to
        ``rac4``, ``decc4``, degrees, those of the tile's coadd in one of them; ``value`` over all of them (see
        `goodpix.query.summary.statistic.Statistic`), null where there is none.

    Raises
    ------
    UnknownNameError
        If a filter, column or statistic does not exist.
    """
    view = VIEWS["tile_quality"].table
    of_tile = Statistic.of(statistic, view)
    # the coadds of a tile in all bands have the same pixels
    place = [sa.func.min(view.c[name]).label(name) for name in _PLACE]
    query = (
        sa.select(view.c.tilename, sa.func.count().label("n_bands"), *place, of_tile.value)
        .where(*Filters.of(**filters).conditions(view))
        .group_by(view.c.tilename)
        .order_by(view.c.tilename)
    )
    return read_frame(cat.database.engine, query)
