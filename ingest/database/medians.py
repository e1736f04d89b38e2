"""Maintenance of the medians of CCDs."""

import bisect
import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from ...schema.tables import ccd_image, ccd_median
from .bulk import given_rows, insert_rows, matching
from .ccdimages import ImageChange

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
    reach = max(len(each.lost) + len(each.gained) for each in of_ccds.values()) + 2
    near = _near(connection, band, known, reach)
    medians = {}
    for ccdnum, changed in of_ccds.items():
        moved = _moved(near[ccdnum], known[ccdnum], changed) if ccdnum in known else None
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


def _moved(near: list[float], old: _Median, change: _Change) -> _Median | None:
    """Return the median after a change, from the fractions near the old one; None if they do not tell."""
    median, n = old.fraction, old.n + len(change.gained) - len(change.lost)
    first, last = bisect.bisect_left(near, median), bisect.bisect_right(near, median)
    # how many fractions were equal to the old median when it was the median
    n_equal = last - first - change.gained.count(median) + change.lost.count(median)
    if n_equal != old.n % 2:
        return None  # of several equal fractions, any may have been the middle one
    n_below = old.n // 2 + sum(f < median for f in change.gained) - sum(f < median for f in change.lost)
    middle = [k - n_below + first for k in ((n - 1) // 2, n // 2)]
    if not n or middle[0] < 0 or middle[1] >= len(near):
        return None
    return _Median(n, statistics.median(near[k] for k in middle))


def _near(connection: sa.Connection, band: str, medians: Mapping[int, _Median], reach: int) -> dict[int, list[float]]:
    """Return the fractions of each CCD nearest to its median, in ascending order, up to a number on either side."""
    if connection.dialect.name == "sqlite":
        near = {}
        for ccdnum, median in medians.items():
            values = {"band": band, "ccdnum": ccdnum, "value": median.fraction, "reach": reach}
            near[ccdnum] = sorted(connection.execute(_NEAREST, values).scalars())
        return near
    # SQLite has no LATERAL; on Postgres each statement costs a journey to the server
    image, fraction = ccd_image.c, ccd_image.c.fraction_good_se
    columns = [ccd_median.c.ccdnum, ccd_median.c.fraction_good_se]
    given = given_rows(connection, columns, [(k, each.fraction) for k, each in medians.items()])
    query = sa.select(fraction).where(image.band == band, image.ccdnum == given.c.ccdnum).limit(reach)
    found: dict[int, list[float]] = {ccdnum: [] for ccdnum in medians}
    for side in (
        query.where(fraction < given.c.fraction_good_se).order_by(fraction.desc()),
        query.where(fraction >= given.c.fraction_good_se).order_by(fraction),
    ):
        some = side.lateral("near")
        for ccdnum, value in connection.execute(
            sa.select(given.c.ccdnum, some.c.fraction_good_se).join(some, sa.true())
        ):
            found[ccdnum].append(value)
    return {ccdnum: sorted(values) for ccdnum, values in found.items()}


def _nearest() -> "sa.CompoundSelect[float]":
    """Return the query for the fractions of one CCD nearest to a value."""
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
