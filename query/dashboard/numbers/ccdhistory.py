"""History of CCDs by night and of amplifiers by month."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ....schema.sql.aggregates import total
from ...filters import Filters
from ...focalplane import FOCAL_PLANE, HALVES

__all__ = ["AmplifierMonths", "CcdHistory", "amplifier_months", "ccd_history"]

Floats = npt.NDArray[np.float64]
_MONTH = 100  # a night is YYYYMMDD


@dataclass(frozen=True, slots=True, eq=False)
class CcdHistory:
    """History of a CCD by night and band; all arrays have shape (n,).

    Parameters
    ----------
    nite : ndarray of int64
        Nights.
    band : list of str
        Bands.
    n_ccd_images : ndarray of int64
        Number of CCD images of the night and band.
    fraction : mapping of str to ndarray of float64
        ``n_good_se`` over all pixels of amplifier halves ``"a"`` and ``"b"`` and of the whole CCD, ``""``; a ratio of
        sums, NaN where the amplifiers are unknown.
    n_undated : int
        Number of CCD images without a night, which are not among these.
    """

    nite: npt.NDArray[np.int64]
    band: list[str]
    n_ccd_images: npt.NDArray[np.int64]
    fraction: dict[str, Floats]
    n_undated: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class AmplifierMonths:
    """Fraction of good pixels of every amplifier half by month, and its difference from the expected value.

    Parameters
    ----------
    months : list of int
        Months with any CCD image, YYYYMM.
    halves : list of str
        Amplifier halves such as ``31a``, sorted.
    fraction, difference : ndarray of float64, shape (n_halves, n_months)
        Fraction of good pixels, a ratio of sums; and that minus the half's own fraction over all months, minus the
        month's median of this difference over all halves, which removes the weather. NaN without images.
    """

    months: list[int]
    halves: list[str]
    fraction: Floats
    difference: Floats


def ccd_history(connection: sa.Connection, nights: sa.TableClause, ccdnum: int, **filters: Any) -> CcdHistory:
    """Return the history of a CCD by night and band.

    Parameters
    ----------
    connection : Connection
        Connection to the catalogue.
    nights : Table
        The table ``ccd_night``, or a subquery with its columns.
    ccdnum : int
        CCD number.
    **filters
        ``band`` and ``nite``; see `goodpix.query.filters.Filters`.
    """
    key = [nights.c.nite, nights.c.band]
    conditions = Filters.of(ccdnum=ccdnum, **filters).conditions(nights)
    whole = [total(nights.c[name], name) for name in ("n_good_se", "n_pixels")]
    query = (
        sa.select(*key, total(nights.c.n_ccd_images, "n_ccd_images"), *_sums(nights), *whole)
        .where(*conditions)
        .group_by(*key)
        .order_by(*key)
    )
    found = connection.execute(query).all()
    rows = [row for row in found if row.nite is not None]
    n_undated = sum(row.n_ccd_images for row in found if row.nite is None)
    numbers = np.array([row[2:] for row in rows], np.float64).reshape(-1, 7).T
    with np.errstate(invalid="ignore", divide="ignore"):
        fraction = {half: numbers[1 + 2 * k] / numbers[2 + 2 * k] for k, half in enumerate((*HALVES, ""))}
    nites = np.array([row.nite for row in rows], np.int64)
    return CcdHistory(nites, [row.band for row in rows], numbers[0].astype(np.int64), fraction, n_undated)


def amplifier_months(
    connection: sa.Connection, nights: sa.TableClause, ccdnum: int | None = None, **filters: Any
) -> AmplifierMonths:
    """Return the history of amplifier halves by month, of all CCDs or one; `filters` are ``band`` and ``nite``.

    There are no halves if all images are of cameras whose amplifiers are unknown.
    """
    month = (nights.c.nite // _MONTH).label("month")
    conditions = Filters.of(**filters).conditions(nights)
    query = sa.select(nights.c.ccdnum, month, *_sums(nights)).where(*conditions, nights.c.nite.is_not(None))
    rows = connection.execute(query.group_by(nights.c.ccdnum, month)).all()
    months = sorted({int(row.month) for row in rows})
    unknown = bool(rows) and not any(n for row in rows for n in row[2:])
    row_of = {} if unknown else {ccd: k for k, ccd in enumerate(sorted(FOCAL_PLANE))}
    column_of = {each: k for k, each in enumerate(months)}
    good, whole = np.zeros((2, len(row_of), len(HALVES), len(months)))
    for ccd, month_of_row, *sums in rows:
        if ccd in row_of:
            at = row_of[ccd], slice(None), column_of[int(month_of_row)]
            good[at], whole[at] = [n or 0 for n in sums[::2]], [n or 0 for n in sums[1::2]]
    with np.errstate(invalid="ignore", divide="ignore"):
        fraction = good / whole
        difference = fraction - (good.sum(axis=2) / whole.sum(axis=2))[..., np.newaxis]
    shape = (len(row_of) * len(HALVES), len(months))
    fraction, difference = fraction.reshape(shape), difference.reshape(shape)
    for k in range(len(months)):
        known = np.isfinite(difference[:, k])
        difference[:, k] -= np.median(difference[known, k]) if known.any() else 0.0
    halves = [f"{ccd}{half}" for ccd in row_of if ccdnum in (None, ccd) for half in HALVES]
    wanted = [ccdnum in (None, ccd) for ccd in row_of for _ in HALVES]
    return AmplifierMonths(months, halves, fraction[wanted], difference[wanted])


def _sums(nights: sa.TableClause) -> "list[sa.Label[Any]]":
    names = [f"{what}_amp_{half}" for half in HALVES for what in ("n_good_se", "n_pixels")]
    return [total(nights.c[name], name) for name in names]
