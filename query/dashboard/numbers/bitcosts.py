"""Fraction of pixels with each mask bit set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ....schema.errors import CatalogueVersionError
from ....schema.sql.aggregates import total
from ....schema.tables import bit_count, ccd_bit_night, ccd_night, coadd, epoch
from ...filters import Filters
from ...listings import Listings
from ...summary.costs import bit_costs
from ..look.format import count
from ..url import Span
from .scope import TileScope, sampled_images

__all__ = ["BitCosts", "bits_of", "sampled_bits"]

Floats = npt.NDArray[np.float64]

_SAMPLE = 400
_MOST_EXACT = 20_000
_AT_A_TIME = 500


@dataclass(frozen=True, slots=True)
class BitCost:
    """Fraction of pixels with one mask bit set.

    Parameters
    ----------
    plane, name : str
        ``"se"`` or ``"coadd"``, and the survey's name of the bit.
    fraction : float
        Pixels with the bit set over all pixels; a ratio of sums.
    error : float
        Sampling standard error of the fraction; 0 if every image was counted.
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

    SE bits are those of CCD images, each counted once, whatever the tiles that hold them; coadd bits those of the
    coadds' own masks. For more than `_MOST_EXACT` epochs of selected tiles, and for a catalogue without summary tables,
    SE bits come from an evenly spread sample.

    Parameters
    ----------
    listings : Listings
        Listings of the catalogue.
    connection : Connection
        Connection to the catalogue.
    scope : TileScope
        Tiles and bands.
    nite : Span, optional
        Nights of CCD images.
    ccdnum : int, optional
        CCD number of CCD images.
    """
    coadds = _summed(listings, connection, "coadd", coadd, scope.filters)
    of_images = {"band": scope.band or None, "nite": None if nite is None else str(nite), "ccdnum": ccdnum}
    words = "SE bits: over all CCD images, each counted once."
    if scope.names is None or scope.n_epochs(connection) <= _MOST_EXACT:
        nights = scope.nights()
        try:
            images = _summed(
                listings, connection, "se", nights, of_images, nights=nights, bit_nights=scope.bit_nights()
            )
        except CatalogueVersionError:
            images, words = sampled_bits(connection, scope, of_images)
    else:
        images, words = sampled_bits(connection, scope, of_images)
    return BitCosts([*images, *coadds], f"{words} Coadd bits: over the coadds' own masks.")


def _summed(
    listings: Listings,
    connection: sa.Connection,
    plane: Literal["se", "coadd"],
    table: sa.TableClause,
    filters: dict[str, Any],
    *,
    nights: sa.TableClause = ccd_night,
    bit_nights: sa.TableClause = ccd_bit_night,
) -> list[BitCost]:
    """Return the bits of a plane, out of the pixels of a table, the most frequent first."""
    costs = bit_costs(listings, plane, nights=nights, bit_nights=bit_nights, **filters)
    query = sa.select(total(table.c.n_pixels)).where(*Filters.of(**filters).conditions(table))
    n_pixels = connection.execute(query).scalar()
    sums = costs.groupby("name").n_set.sum().sort_values(ascending=False)
    return [BitCost(plane, str(name), int(n_set) / (n_pixels or 0), 0.0) for name, n_set in sums.items()]


def sampled_bits(connection: sa.Connection, scope: TileScope, filters: Mapping[str, Any]) -> tuple[list[BitCost], str]:
    """Return the SE bits of a sample of CCD images, and a description of it."""
    sample = sampled_images(connection, scope, _SAMPLE, filters)
    ids, n = sample.ids, sample.n
    whole, parts = _counted(connection, ids)
    unseen = 1.0 - len(ids) / n if n else 0.0
    bits = [BitCost("se", name, *_ratio(of, whole, unseen)) for (_, name), of in parts.items()]
    bits.sort(key=lambda bit: (-bit.fraction, bit.name))
    of_all = "" if sample.of == "CCD images" else " The night and CCD filters do not apply to so many."
    if len(ids) == n:
        return bits, f"SE bits: over {count(n)} {sample.of}.{of_all}"
    error = "evenly spread; lines show the sampling error (1 sigma)."
    return bits, f"SE bits: over {count(len(ids))} of {count(n)} {sample.of}, {error}{of_all}"


def _counted(connection: sa.Connection, ids: Sequence[int]) -> tuple[Floats, dict[tuple[int, str], Floats]]:
    """Return the pixels of epochs, and those with each SE bit set; arrays of shape (n,)."""
    whole = np.zeros(len(ids))
    parts: dict[tuple[int, str], Floats] = {}
    index = {epoch_id: k for k, epoch_id in enumerate(ids)}
    for start in range(0, len(ids), _AT_A_TIME):
        batch = ids[start : start + _AT_A_TIME]
        sizes = sa.select(epoch.c.epoch_id, epoch.c.n_pixels).where(epoch.c.epoch_id.in_(batch))
        for epoch_id, n_pixels in connection.execute(sizes):
            whole[index[epoch_id]] = n_pixels
        columns = [bit_count.c[name] for name in ("epoch_id", "bit", "name", "n_pixels")]
        query = sa.select(*columns).where(bit_count.c.epoch_id.in_(batch), bit_count.c.plane == "se")
        for epoch_id, bit, name, n_pixels in connection.execute(query):
            parts.setdefault((bit, name), np.zeros(len(ids)))[index[epoch_id]] = n_pixels
    return whole, parts


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
