"""How many pixels each mask bit costs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ....schema.dialects import total
from ....schema.errors import CatalogueVersionError
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
    """One mask bit of one plane.

    Parameters
    ----------
    plane, name : str
        ``"se"`` or ``"coadd"``, and the survey's name.
    fraction : float
        Pixels with the bit set over all pixels (for the coadd's bits: over those on the coadd), of the sums.
    error : float
        Standard error of the fraction by sampling; 0 where every epoch was counted.
    """

    plane: str
    name: str
    fraction: float
    error: float


@dataclass(frozen=True, slots=True)
class BitCosts:
    """The mask bits that occur, costliest first.

    Parameters
    ----------
    bits : sequence of BitCost
        By plane and fraction.
    words : str
        Over what they were counted.
    """

    bits: Sequence[BitCost]
    words: str


def bits_of(
    listings: Listings, connection: sa.Connection, scope: TileScope, nite: Span | None, ccdnum: int | None
) -> BitCosts:
    """Return what each mask bit costs.

    Over the whole survey summary tables say it. Of some tiles, and of a catalogue that has no such tables yet, every
    epoch is counted where they are few, else a sample spread evenly over them.

    Parameters
    ----------
    listings : Listings
        Where from.
    connection : Connection
        To it.
    scope : TileScope
        Which tiles and bands.
    nite : Span, optional
        Nights, of SE bits over the whole survey.
    ccdnum : int, optional
        CCD, the same.
    """
    if scope.names is None:
        try:
            return _summed(listings, connection, scope.band, nite, ccdnum)
        except CatalogueVersionError:
            pass  # an earlier version made it: its bits have to be looked for
    return sampled_bits(connection, scope)


def _summed(
    listings: Listings, connection: sa.Connection, band: str, nite: Span | None, ccdnum: int | None
) -> BitCosts:
    """Return the bits of the whole survey, from sums."""
    of_band = {"band": band or None}
    of_images = of_band | {"nite": None if nite is None else str(nite), "ccdnum": ccdnum}
    bits: list[BitCost] = []
    for plane, table, filters in (("se", ccd_night, of_images), ("coadd", coadd, of_band)):
        found = bit_costs(listings, plane, **filters)
        query = sa.select(total(table.c.n_pixels)).where(*Filters.of(**filters).conditions(table))
        n_pixels = connection.execute(query).scalar()
        for name, n_set in found.groupby("name").n_set.sum().sort_values(ascending=False).items():
            bits.append(BitCost(plane, str(name), int(n_set) / (n_pixels or 0), 0.0))
    return BitCosts(bits, "SE bits of all CCD images, each once; coadd bits of the coadds' own masks.")


def sampled_bits(connection: sa.Connection, scope: TileScope) -> BitCosts:
    """Return what each mask bit costs: of all epochs where they are few, else of a sample spread evenly over them."""
    ids, n_epochs = sampled_epochs(connection, scope, _SAMPLE)
    wholes, parts = _counted(connection, ids)
    unseen = 1.0 - len(ids) / n_epochs if n_epochs else 0.0
    bits = [BitCost(plane, name, *_ratio(of, wholes[plane], unseen)) for (plane, _, name), of in parts.items()]
    bits.sort(key=lambda each: (each.plane != "se", -each.fraction, each.name))
    words = "SE bits of all pixels, coadd bits of those on the coadd, over " + (
        f"{count(n_epochs)} epochs."
        if len(ids) == n_epochs
        else f"{count(len(ids))} of {count(n_epochs)} epochs, evenly spread; lines are the standard error of that."
    )
    return BitCosts(bits, words)


def _counted(
    connection: sa.Connection, ids: Sequence[int]
) -> tuple[dict[str, Floats], dict[tuple[str, int, str], Floats]]:
    """Return the pixels of some epochs by plane, and those of each bit; arrays of shape (n,)."""
    wholes = {"se": np.zeros(len(ids)), "coadd": np.zeros(len(ids))}
    parts: dict[tuple[str, int, str], Floats] = {}
    place = {each: k for k, each in enumerate(ids)}
    for start in range(0, len(ids), _AT_A_TIME):
        some = ids[start : start + _AT_A_TIME]
        sizes = sa.select(epoch.c.epoch_id, epoch.c.n_pixels, epoch.c.n_on_coadd).where(epoch.c.epoch_id.in_(some))
        for epoch_id, n_pixels, n_on_coadd in connection.execute(sizes):
            wholes["se"][place[epoch_id]], wholes["coadd"][place[epoch_id]] = n_pixels, n_on_coadd
        columns = [bit_count.c[name] for name in ("epoch_id", "plane", "bit", "name", "n_pixels")]
        for epoch_id, plane, bit, name, n_pixels in connection.execute(
            sa.select(*columns).where(bit_count.c.epoch_id.in_(some))
        ):
            parts.setdefault((plane, bit, name), np.zeros(len(ids)))[place[epoch_id]] = n_pixels
    return wholes, parts


def _ratio(part: Floats, whole: Floats, unseen: float) -> tuple[float, float]:
    """Return a ratio of sums over a sample, and its standard error; `unseen` is the share that was not sampled.

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
