"""Statistics of tiles on the sky."""

from typing import TYPE_CHECKING, Unpack

import numpy as np
import sqlalchemy as sa

from ...schema.tables import epoch
from ...schema.views import VIEWS
from ..dataframes import read_frame
from ..filters import FilterKeywords, Filters
from ..listings import Listings
from ..provenance import described
from .statistic import Statistic

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MARKER_PX", "MOST_MARKED", "sky_tiles"]

MOST_MARKED = 500
"""Maximum number of tiles that maps mark, so that they are seen however small; more would hide each other."""

MARKER_PX = 9
"""Side of such a mark in pixels of the screen."""

_COORDINATES = ["ra_cent", "dec_cent", *(f"{what}c{corner}" for corner in (1, 2, 3, 4) for what in ("ra", "dec"))]


def sky_tiles(
    cat: Listings, statistic: str = "fraction_good_on_coadd", **filters: Unpack[FilterKeywords]
) -> "pd.DataFrame":
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
        ``decc1`` to ``rac4``, ``decc4`` in one of these bands, degrees, or those of the box in right ascension and
        declination about the CCD images of an exposure without a coadd; ``value`` over all of them (see
        `goodpix.query.summary.statistic.Statistic`), null without data.

    Raises
    ------
    UnknownNameError
        If a filter, column or statistic does not exist.

    Examples
    --------
    >>> sky_tiles(cat, band="i").tilename.tolist()
    ['DES0131-3206']
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
    tiles = read_frame(cat.database.engine, query)
    if tiles.rac1.isna().any():
        boxes = _boxes(cat).reindex(tiles.tilename).set_axis(tiles.index)
        tiles[_COORDINATES] = tiles[_COORDINATES].astype(np.float64).fillna(boxes)
    return described(tiles, cat.database.identity)


def _boxes(cat: Listings) -> "pd.DataFrame":
    """Return the box about the CCD images of each tile, as the centre and corners of a coadd, by tile name."""
    import pandas as pd  # takes a while to import

    corners = {what: [epoch.c[f"{what}c{k}"] for k in (1, 2, 3, 4)] for what in ("ra", "dec")}
    # from 180 to 540, where images about right ascension 0 are in one piece
    turned = [sa.case((ra < 180, ra + 360), else_=ra) for ra in corners["ra"]]
    ends = [
        extreme(each).label(f"{end}_{what}_{k}")
        for what, of_images in (corners | {"turned": turned}).items()
        for k, each in enumerate(of_images)
        for end, extreme in (("low", sa.func.min), ("high", sa.func.max))
    ]
    query = sa.select(epoch.c.tilename, *ends).group_by(epoch.c.tilename)
    found = read_frame(cat.database.engine, query).set_index("tilename").astype(np.float64)
    low, high = (
        {what: found.filter(like=f"{end}_{what}_").agg(end_of, axis=1) for what in ("ra", "turned", "dec")}
        for end, end_of in (("low", "min"), ("high", "max"))
    )
    is_turned = high["turned"] - low["turned"] < high["ra"] - low["ra"]
    west, east = (end["ra"].where(~is_turned, end["turned"]) for end in (low, high))
    south, north = low["dec"], high["dec"]
    box = {"ra_cent": (west + east) / 2 % 360, "dec_cent": (south + north) / 2}
    for k, (ra, dec) in enumerate(((east, south), (west, south), (west, north), (east, north)), start=1):
        box |= {f"rac{k}": ra % 360, f"decc{k}": dec}
    return pd.DataFrame(box)
