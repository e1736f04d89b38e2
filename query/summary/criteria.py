"""Cost of each criterion, in total and alone."""

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ...schema.bits import COADD_CRITERIA, Criterion
from ...schema.dialects import total
from ...schema.views import VIEWS
from ..filters import Filters
from ..listings import Listings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["criteria_costs"]


def criteria_costs(cat: Listings, **filters: Any) -> "pd.DataFrame":
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
    return out.assign(
        fraction_fail=out.n_fail.astype("float64") / whole, fraction_only=out.n_only.astype("float64") / whole
    )
