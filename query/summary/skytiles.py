"""Statistics of tiles on the sky."""

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ...schema.views import VIEWS
from ..dataframes import read_frame
from ..filters import Filters
from ..listings import Listings
from .statistic import Statistic

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["sky_tiles"]

_COORDINATES = ["ra_cent", "dec_cent", *(f"{what}c{corner}" for corner in (1, 2, 3, 4) for what in ("ra", "dec"))]


def sky_tiles(cat: Listings, statistic: str = "fraction_good_on_coadd", **filters: Any) -> "pd.DataFrame":
    """Return one row per tile, with its corners and a statistic.

    Parameters
    ----------
    cat : Catalogue
        The catalogue.
    statistic : str
        A numeric column of ``tile_quality``, or a name from `goodpix.query.summary.statistic.RATIOS`.
    **filters
        Tiles and bands; see `goodpix.query.filters.Filters`, applied to ``tile_quality``.

    Returns
    -------
    DataFrame
        ``tilename``; ``n_bands`` that match; the coadd's centre ``ra_cent``, ``dec_cent`` and corners ``rac1``,
        ``decc1`` to ``rac4``, ``decc4`` in one of these bands, degrees; ``value`` over all of them (see
        `goodpix.query.summary.statistic.Statistic`), null without data.

    Raises
    ------
    UnknownNameError
        If a filter, column or statistic does not exist.
    """
    view = VIEWS["tile_quality"].table
    of_tile = Statistic.of(statistic, view)
    # a tile's coadds have the same pixels in all bands
    coordinates = [sa.func.min(view.c[name]).label(name) for name in _COORDINATES]
    query = (
        sa.select(view.c.tilename, sa.func.count().label("n_bands"), *coordinates, of_tile.value)
        .where(*Filters.of(**filters).conditions(view))
        .group_by(view.c.tilename)
        .order_by(view.c.tilename)
    )
    return read_frame(cat.database.engine, query)
