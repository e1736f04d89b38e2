"""How single CCDs and their amplifiers changed from night to night and from month to month."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ....schema.dialects import total
from ...filters import Filters
from ...focalplane import FOCAL_PLANE, HALVES

__all__ = ["AmplifierMonths", "CcdHistory", "amplifier_months", "ccd_history"]

Floats = npt.NDArray[np.float64]
_MONTH = 100  # a night is YYYYMMDD


@dataclass(frozen=True, slots=True, eq=False)
class CcdHistory:
    """A CCD night by night; all arrays of shape (n,).

    Parameters
    ----------
    nite : ndarray of int64
        Nights.
    band : list of str
        Bands.
    n_ccd_images : ndarray of int64
        CCD images of the night and band.
    fraction : mapping of str to ndarray of float64
        ``n_good_se`` over all pixels of the half of each amplifier, ``"a"`` and ``"b"``; sums over sums.
    """

    nite: npt.NDArray[np.int64]
    band: list[str]
    n_ccd_images: npt.NDArray[np.int64]
    fraction: dict[str, Floats]


@dataclass(frozen=True, slots=True, eq=False)
class AmplifierMonths:
    """Every amplifier half month by month, as it differs from what was to be expected.

    Parameters
    ----------
    months : list of int
        YYYYMM, those with any CCD image.
    halves : list of str
        Such as ``31a``; in order.
    fraction, difference : ndarray of float64, shape (n_halves, n_months)
        Share of good pixels, sums over sums; and that less the half's own over all months, less the median of that
        over all halves of the month, which is the weather's. NaN where there is no image.
    """

    months: list[int]
    halves: list[str]
    fraction: Floats
    difference: Floats


def ccd_history(connection: sa.Connection, nights: sa.TableClause, ccdnum: int, **filters: Any) -> CcdHistory:
    """Return a CCD night by night.

    Parameters
    ----------
    connection : Connection
        To the catalogue.
    nights : Table
        The table ``ccd_night``, or one that is like it.
    ccdnum : int
        Which.
    **filters
        ``band`` and ``nite``; see `goodpix.query.filters.Filters`.
    """
    key = [nights.c.nite, nights.c.band]
    conditions = Filters.of(ccdnum=ccdnum, **filters).conditions(nights)
    query = (
        sa.select(*key, total(nights.c.n_ccd_images, "n_ccd_images"), *_sums(nights))
        .where(*conditions, nights.c.nite.is_not(None))
        .group_by(*key)
        .order_by(*key)
    )
    rows = connection.execute(query).all()
    numbers = np.array([row[2:] for row in rows], np.float64).reshape(-1, 5).T
    with np.errstate(invalid="ignore", divide="ignore"):
        fraction = {half: numbers[1 + 2 * k] / numbers[2 + 2 * k] for k, half in enumerate(HALVES)}
    nites = np.array([row.nite for row in rows], np.int64)
    return CcdHistory(nites, [row.band for row in rows], numbers[0].astype(np.int64), fraction)


def amplifier_months(
    connection: sa.Connection, nights: sa.TableClause, ccdnum: int | None = None, **filters: Any
) -> AmplifierMonths:
    """Return every amplifier half month by month, or those of one CCD; `filters` are ``band`` and ``nite``."""
    month = (nights.c.nite // _MONTH).label("month")
    conditions = Filters.of(**filters).conditions(nights)
    query = sa.select(nights.c.ccdnum, month, *_sums(nights)).where(*conditions, nights.c.nite.is_not(None))
    rows = connection.execute(query.group_by(nights.c.ccdnum, month)).all()
    months = sorted({int(row.month) for row in rows})
    places = {each: k for k, each in enumerate(sorted(FOCAL_PLANE))}
    columns = {each: k for k, each in enumerate(months)}
    good, whole = np.zeros((2, len(places), len(HALVES), len(months)))
    for of_ccd, of_month, *sums in rows:
        if of_ccd in places:
            at = places[of_ccd], slice(None), columns[int(of_month)]
            good[at], whole[at] = [each or 0 for each in sums[::2]], [each or 0 for each in sums[1::2]]
    with np.errstate(invalid="ignore", divide="ignore"):
        fraction = good / whole
        difference = fraction - (good.sum(axis=2) / whole.sum(axis=2))[..., np.newaxis]
    shape = (len(places) * len(HALVES), len(months))
    fraction, difference = fraction.reshape(shape), difference.reshape(shape)
    for k in range(len(months)):
        known = np.isfinite(difference[:, k])
        difference[:, k] -= np.median(difference[known, k]) if known.any() else 0.0
    halves = [f"{each}{half}" for each in places for half in HALVES]
    wanted = [ccdnum in (None, each) for each in places for _ in HALVES]
    return AmplifierMonths(
        months, [half for half, of in zip(halves, wanted, strict=True) if of], fraction[wanted], difference[wanted]
    )


def _sums(nights: sa.TableClause) -> "list[sa.Label[Any]]":
    names = [f"{what}_amp_{half}" for half in HALVES for what in ("n_good_se", "n_pixels")]
    return [total(nights.c[name], name) for name in names]
