"""Fraction of pixels with each mask bit set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ....schema.errors import CatalogueVersionError
from ....schema.sql.aggregates import total
from ....schema.tables import bit_count, ccd_night, coadd, epoch
from ...filters import Filters
from ...listings import Listings
from ...summary.costs import bit_costs
from ..look.format import count
from ..url import Span
from .scope import TileScope, sampled_epochs

__all__ = ["BitCosts", "bits_of", "sampled_bits"]

Floats = npt.NDArray[np.float64]

_SAMPLE = 400
_AT_A_TIME = 500


@dataclass(frozen=True, slots=True)
class BitCost:
    """Fraction of pixels with one mask bit set.

    Parameters
    ----------
    plane, name : str
        ``"se"`` or ``"coadd"``, and the survey's name of the bit.
    fraction : float
        Pixels with the bit set over all pixels, or over the pixels on the coadd for coadd bits; a ratio of sums.
    error : float
        Sampling standard error of the fraction; 0 if every epoch was counted.
    """

    plane: str
    name: str
    fraction: float
    error: float


@dataclass(frozen=True, slots=True)
class BitCosts:
    """Mask bits that occur, most frequent first.

    Parameters
    ----------
    bits : sequence of BitCost
        Sorted by plane and fraction.
    words : str
        Description of the pixels over which the fractions were counted.
    """

    bits: Sequence[BitCost]
    words: str


def bits_of(
    listings: Listings, connection: sa.Connection, scope: TileScope, nite: Span | None, ccdnum: int | None
) -> BitCosts:
    """Return the fraction of pixels with each mask bit set.

    Fractions for the whole survey come from summary tables. Fractions for selected tiles, or for a catalogue without
    the summary tables, come from the epochs: from all if there are few, else from an evenly spread sample.

    Parameters
    ----------
    listings : Listings
        Listings of the catalogue.
    connection : Connection
        Connection to the catalogue.
    scope : TileScope
        Tiles and bands.
    nite : Span, optional
        Nights; applies to SE bits of the whole survey.
    ccdnum : int, optional
        CCD number; applies to SE bits of the whole survey.
    """
    if scope.names is None:
        try:
            return _summed(listings, connection, scope.band, nite, ccdnum)
        except CatalogueVersionError:
            pass  # a catalogue of an earlier version has no bit sums
    return sampled_bits(connection, scope)


def _summed(
    listings: Listings, connection: sa.Connection, band: str, nite: Span | None, ccdnum: int | None
) -> BitCosts:
    """Return the bits of the whole survey from summary tables."""
    of_band = {"band": band or None}
    of_images = of_band | {"nite": None if nite is None else str(nite), "ccdnum": ccdnum}
    bits: list[BitCost] = []
    planes: tuple[tuple[Literal["se", "coadd"], sa.Table, dict[str, Any]], ...]
    planes = (("se", ccd_night, of_images), ("coadd", coadd, of_band))
    for plane, table, filters in planes:
        costs = bit_costs(listings, plane, **filters)
        query = sa.select(total(table.c.n_pixels)).where(*Filters.of(**filters).conditions(table))
        n_pixels = connection.execute(query).scalar()
        for name, n_set in costs.groupby("name").n_set.sum().sort_values(ascending=False).items():
            bits.append(BitCost(plane, str(name), int(n_set) / (n_pixels or 0), 0.0))
    return BitCosts(bits, "SE bits: over all CCD images, each counted once. Coadd bits: over the coadds' own masks.")


def sampled_bits(connection: sa.Connection, scope: TileScope) -> BitCosts:
    """Return the fraction of pixels with each mask bit set, from all epochs or an evenly spread sample of many."""
    ids, n_epochs = sampled_epochs(connection, scope, _SAMPLE)
    wholes, parts = _counted(connection, ids)
    unseen = 1.0 - len(ids) / n_epochs if n_epochs else 0.0
    bits = [BitCost(plane, name, *_ratio(of, wholes[plane], unseen)) for (plane, _, name), of in parts.items()]
    bits.sort(key=lambda bit: (bit.plane != "se", -bit.fraction, bit.name))
    words = "SE bits: of all pixels; coadd bits: of the pixels on the coadd. Counted over " + (
        f"{count(n_epochs)} epochs."
        if len(ids) == n_epochs
        else f"{count(len(ids))} of {count(n_epochs)} epochs, evenly spread; lines show the sampling error (1 sigma)."
    )
    return BitCosts(bits, words)


def _counted(
    connection: sa.Connection, ids: Sequence[int]
) -> tuple[dict[str, Floats], dict[tuple[str, int, str], Floats]]:
    """Return the pixel counts of epochs by plane, and by bit; arrays of shape (n,)."""
    wholes = {"se": np.zeros(len(ids)), "coadd": np.zeros(len(ids))}
    parts: dict[tuple[str, int, str], Floats] = {}
    index = {epoch_id: k for k, epoch_id in enumerate(ids)}
    for start in range(0, len(ids), _AT_A_TIME):
        batch = ids[start : start + _AT_A_TIME]
        sizes = sa.select(epoch.c.epoch_id, epoch.c.n_pixels, epoch.c.n_on_coadd).where(epoch.c.epoch_id.in_(batch))
        for epoch_id, n_pixels, n_on_coadd in connection.execute(sizes):
            wholes["se"][index[epoch_id]], wholes["coadd"][index[epoch_id]] = n_pixels, n_on_coadd
        columns = [bit_count.c[name] for name in ("epoch_id", "plane", "bit", "name", "n_pixels")]
        for epoch_id, plane, bit, name, n_pixels in connection.execute(
            sa.select(*columns).where(bit_count.c.epoch_id.in_(batch))
        ):
            parts.setdefault((plane, bit, name), np.zeros(len(ids)))[index[epoch_id]] = n_pixels
    return wholes, parts


def _ratio(part: Floats, whole: Floats, unseen: float) -> tuple[float, float]:
    """Return a ratio of sums over a sample, and its standard error; `unseen` is the fraction not sampled.

    Notes
    -----
    Cochran (1977), Sampling Techniques, equation 6.9.
    """
    total = whole.sum()
    if total == 0 or part.size < 2:
        return (float(part.sum() / total) if total else np.nan), 0.0
    ratio = part.sum() / total
    residuals = part - ratio * whole
    variance = unseen * (residuals**2).sum() / (part.size - 1) / part.size / whole.mean() ** 2
    return float(ratio), float(np.sqrt(variance))
