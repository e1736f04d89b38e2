"""Maintenance of the medians of CCDs."""

import bisect
import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from ...schema.tables import ccd_image, ccd_median
from .bulk import insert_rows
from .ccdimages import ImageChange
from .givenrows import matching

__all__ = ["count_medians", "fill_medians", "move_medians"]


@dataclass(slots=True)
class _Change:
    """Fractions that a CCD has lost and gained."""

    lost: list[float] = field(default_factory=list)
    gained: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Median:
    """Median of a number of fractions."""

    n: int
    fraction: float


Ccd = tuple[str, int]
"""Band and number of a CCD."""


def fill_medians(connection: sa.Connection) -> None:
    """Compute every median from all fractions."""
    connection.execute(ccd_median.delete())
    ccds = connection.execute(sa.select(ccd_image.c.band, ccd_image.c.ccdnum).distinct()).all()
    for band in sorted({each.band for each in ccds}):
        count_medians(connection, band, {each.ccdnum for each in ccds if each.band == band})


def count_medians(connection: sa.Connection, band: str, ccdnums: Collection[int]) -> None:
    """Compute the medians of some CCDs from all of their fractions; SQLite and Postgres share no SQL median."""
    _replace(connection, band, {ccdnum: _counted(connection, (band, ccdnum)) for ccdnum in ccdnums})


def move_medians(connection: sa.Connection, band: str, changes: Iterable[ImageChange]) -> None:
    """Update the medians of the CCDs whose images have changed.

    A median is found from the last one, which is exact: reading half the fractions of each CCD would take longer than
    everything else that a receipt changes.
    """
    of_ccds: dict[int, _Change] = defaultdict(_Change)
    for each in changes:
        before, after = ((row["fraction_good_se"] if row else None) for row in (each.before, each.after))
        if before != after:
            ccd = of_ccds[each.key[1]]
            ccd.lost += [] if before is None else [before]
            ccd.gained += [] if after is None else [after]
    if not of_ccds:
        return
    query = sa.select(ccd_median).where(_of_ccds(connection, band, of_ccds))
    known = {row.ccdnum: _Median(row.n_ccd_images, row.fraction_good_se) for row in connection.execute(query)}
    medians = {}
    for ccdnum, changed in of_ccds.items():
        old = known.get(ccdnum)
        moved = _moved(connection, (band, ccdnum), old, changed) if old else None
        medians[ccdnum] = moved or _counted(connection, (band, ccdnum))
    _replace(connection, band, medians)


def _replace(connection: sa.Connection, band: str, medians: Mapping[int, _Median]) -> None:
    connection.execute(ccd_median.delete().where(_of_ccds(connection, band, medians)))
    rows = [
        {"band": band, "ccdnum": ccdnum, "n_ccd_images": median.n, "fraction_good_se": median.fraction}
        for ccdnum, median in sorted(medians.items())
        if median.n
    ]
    insert_rows(connection, ccd_median, rows)


def _of_ccds(connection: sa.Connection, band: str, ccdnums: Iterable[int]) -> "sa.ColumnElement[bool]":
    ccds = matching(connection, [ccd_median.c.ccdnum], [(ccdnum,) for ccdnum in ccdnums])
    return sa.and_(ccd_median.c.band == band, ccds)


def _moved(connection: sa.Connection, ccd: Ccd, old: _Median, change: _Change) -> _Median | None:
    """Return the median after a change, found a few fractions from the old one; None if that does not tell."""
    n_old, median = old.n, old.fraction
    n_lost, n_gained = len(change.lost), len(change.gained)
    near = _near(connection, ccd, median, n_lost + n_gained + 2)
    first, last = bisect.bisect_left(near, median), bisect.bisect_right(near, median)
    # how many fractions were equal to the old median when it was the median
    n_equal = last - first - change.gained.count(median) + change.lost.count(median)
    if n_equal != n_old % 2:
        return None  # of several equal fractions, any may have been the middle one
    n_below = n_old // 2 + sum(f < median for f in change.gained) - sum(f < median for f in change.lost)
    n = n_old + n_gained - n_lost
    middle = [k - n_below + first for k in ((n - 1) // 2, n // 2)]
    if not n or middle[0] < 0 or middle[1] >= len(near):
        return None
    return _Median(n, statistics.median(near[k] for k in middle))


def _near(connection: sa.Connection, ccd: Ccd, value: float, reach: int) -> list[float]:
    """Return the fractions of a CCD nearest to a value, in ascending order, up to a number on either side."""
    given = {"band": ccd[0], "ccdnum": ccd[1], "value": value, "reach": reach}
    return sorted(connection.execute(_NEAREST, given).scalars())


def _nearest() -> "sa.CompoundSelect[float]":
    image, fraction = ccd_image.c, ccd_image.c.fraction_good_se
    value = sa.bindparam("value", type_=sa.Double)
    of_ccd = (image.band == sa.bindparam("band"), image.ccdnum == sa.bindparam("ccdnum"))
    query = sa.select(fraction).where(*of_ccd).limit(sa.bindparam("reach", type_=sa.Integer))
    below = query.where(fraction < value).order_by(fraction.desc()).subquery()
    above = query.where(fraction >= value).order_by(fraction).subquery()
    return sa.select(below).union_all(sa.select(above))


# made once, which takes longer than to execute it
_NEAREST = _nearest()


def _counted(connection: sa.Connection, ccd: Ccd) -> _Median:
    """Return the median of the fractions of a CCD, read in order from an index."""
    fraction = ccd_image.c.fraction_good_se
    query = sa.select(fraction).where(ccd_image.c.band == ccd[0], ccd_image.c.ccdnum == ccd[1])
    n = connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one()
    middle = query.order_by(fraction).limit(2 - n % 2).offset(max(n - 1, 0) // 2)
    return _Median(n, statistics.median(connection.execute(middle).scalars().all() or [0.0]))
