"""What can be wrong between the rows of a database, whatever their masks say."""

import itertools
import statistics
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ...schema import tables
from ...schema.counts import SE_COUNTS
from ...schema.summaries import SUMMARIES, Summary
from .report import Problem

__all__ = ["check_ccd_images", "check_orphans", "check_summaries", "delete_orphans"]

# Sums of doubles depend on the order in which they are taken.
_TOLERANCE = 1e-9

# Rows of one table that are told one by one.
_SHOWN = 20

# Keys in one statement; each is two of SQLite's 32,766 values.
_AT_A_TIME = 1000

Keys = Mapping[str, Collection[tuple[Any, ...]]]
"""Keys by band."""


def check_ccd_images(connection: sa.Connection, chosen: Keys | None = None) -> list[Problem]:
    """Return the CCD images whose SE counts differ between tiles.

    Parameters
    ----------
    connection : Connection
        To the database.
    chosen : mapping, optional
        Those to look at, expnum and ccdnum by band; by default all of them.
    """
    epoch = tables.epoch.c
    key = [epoch.band, epoch.expnum, epoch.ccdnum]
    ends = [
        label
        for name in SE_COUNTS
        for label in (sa.func.min(epoch[name]).label(f"min_{name}"), sa.func.max(epoch[name]).label(f"max_{name}"))
    ]
    differ = [sa.func.min(epoch[name]) != sa.func.max(epoch[name]) for name in SE_COUNTS]
    query = (
        sa.select(*key, sa.func.count().label("n_tiles"), *ends)
        .where(epoch.se_seg_used)
        .group_by(*key)
        .having(sa.or_(*differ))
        .order_by(*key)
    )
    problems = []
    for part in _restricted(query.where, tables.epoch, ("expnum", "ccdnum"), chosen):
        for row in connection.execute(part).mappings():
            counts = [
                f"{name} {row[f'min_{name}']} to {row[f'max_{name}']}"
                for name in SE_COUNTS
                if row[f"min_{name}"] != row[f"max_{name}"]
            ]
            where = f"CCD image {row['expnum']}/{row['ccdnum']} (band {row['band']})"
            message = f"its {row['n_tiles']} tiles differ in SE counts: {', '.join(counts)}"
            problems.append(Problem("tiles disagree", where, message))
    return problems


def check_orphans(connection: sa.Connection) -> list[Problem]:
    """Return how many rows hang on rows that are not there, which SQLite without its foreign keys allows."""
    problems = []
    for table, owner, lost in _orphans():
        n = connection.execute(sa.select(sa.func.count()).select_from(table).where(lost)).scalar_one()
        if n:
            what = "footprint" if table is tables.footprint else "bit counts"
            message = f"{n} of its rows belong to no {owner.name} that there is"
            problems.append(Problem(what, f"table {table.name}", message))
    return problems


def delete_orphans(connection: sa.Connection) -> None:
    """Delete the rows that hang on rows that are not there."""
    for table, _, lost in _orphans():
        connection.execute(table.delete().where(lost))


def _orphans() -> Iterator[tuple[sa.Table, sa.Table, "sa.ColumnElement[bool]"]]:
    """Yield tables whose rows hang on those of another, and the condition that one hangs on none."""
    for table in (tables.bit_count, tables.footprint):
        for owner in (tables.epoch, tables.coadd):
            number = f"{owner.name}_id"
            if number in table.c:
                has_owner = sa.exists().where(owner.c[number] == table.c[number])
                yield table, owner, sa.and_(table.c[number].is_not(None), ~has_owner)


def check_summaries(
    connection: sa.Connection, tiles: Keys | None = None, ccd_images: Keys | None = None
) -> list[Problem]:
    """Return the rows of summary tables that are not what they sum.

    Parameters
    ----------
    connection : Connection
        To the database.
    tiles, ccd_images : mapping, optional
        What to look at, by band: tilenames, and expnum and ccdnum; by default everything.
    """
    problems: list[Problem] = []
    for summary in SUMMARIES:
        if tiles is None or ccd_images is None:
            problems += _check(connection, summary)
        elif "tilename" in summary.table.c:
            problems += _check(connection, summary, ("tilename",), tiles)
        elif summary.table is tables.ccd_image:
            problems += _check(connection, summary, ("expnum", "ccdnum"), ccd_images)
        else:
            which = 0 if "expnum" in summary.table.c else 1
            names = (("expnum", "ccdnum")[which],)
            keys = {band: {(key[which],) for key in of_band} for band, of_band in ccd_images.items()}
            problems += _check(connection, summary, names, keys)
    return problems if tiles is not None else problems + _check_medians(connection)


def _check(
    connection: sa.Connection, summary: Summary, names: Sequence[str] = (), chosen: Keys | None = None
) -> list[Problem]:
    """Compare a summary table, or its rows of some keys, with the query that it holds the answer of."""
    table = summary.table
    # the nights of a CCD have no primary key, for one may be null
    key = [c.name for c in table.primary_key] or [n for n in ("band", "ccdnum", "nite", "bit") if n in table.c]
    problems: list[Problem] = []
    sides = zip(
        _restricted(summary.query, summary.source, names, chosen),
        _restricted(sa.select(table).where, table, names, chosen),
        strict=True,
    )
    for query, rows in sides:
        answer = query.subquery()
        expected = sa.select(*(c.label(name) for name, c in zip(table.c.keys(), answer.c, strict=True))).subquery()
        found = rows.subquery()
        same = sa.and_(*(found.c[name].is_not_distinct_from(expected.c[name]) for name in key))
        missing = found.c.band.is_(None)
        others = [c.name for c in table.c if c.name not in key]
        differs = [_differ(found.c[name], expected.c[name]) for name in others]
        wrong = sa.select(*(expected.c[name] for name in key), missing.label("missing"))
        wrong = wrong.select_from(expected.outerjoin(found, same)).where(sa.or_(missing, *differs))
        for row in connection.execute(wrong).mappings():
            message = "it is missing" if row["missing"] else "it is not what its rows come to"
            problems.append(Problem("summary", _where(table, key, row), message))
        more = sa.select(*(found.c[n] for n in key)).except_(sa.select(*(expected.c[n] for n in key)))
        for row in connection.execute(more).mappings():
            problems.append(Problem("summary", _where(table, key, row), "there is nothing that it sums"))
    return _first(table, problems)


def _check_medians(connection: sa.Connection) -> list[Problem]:
    """Compare the table of medians with the fractions that they are of, a CCD at a time."""
    table, image = tables.ccd_median, tables.ccd_image.c
    told = {(row.band, row.ccdnum): row for row in connection.execute(sa.select(table))}
    query = sa.select(image.band, image.ccdnum, image.fraction_good_se).order_by(image.band, image.ccdnum)
    rows = connection.execute(query, execution_options={"yield_per": _AT_A_TIME})
    problems = []
    for (band, ccdnum), group in itertools.groupby(rows, key=lambda row: (row.band, row.ccdnum)):
        fractions = [row.fraction_good_se for row in group]
        found = told.pop((band, ccdnum), None)
        expected = (len(fractions), statistics.median(fractions))
        if found is None or (found.n_ccd_images, found.fraction_good_se) != expected:
            where = _where(table, ["band", "ccdnum"], {"band": band, "ccdnum": ccdnum})
            problems.append(Problem("summary", where, "it is not the median of its CCD images"))
    for band, ccdnum in told:
        where = _where(table, ["band", "ccdnum"], {"band": band, "ccdnum": ccdnum})
        problems.append(Problem("summary", where, "there is no CCD image that it is of"))
    return _first(table, problems)


def _differ(found: "sa.ColumnElement[Any]", expected: "sa.ColumnElement[Any]") -> "sa.ColumnElement[bool]":
    if not isinstance(found.type, sa.Double):
        return found.is_distinct_from(expected)
    far = sa.func.abs(found - expected) > _TOLERANCE * sa.func.abs(expected)
    return sa.or_(found.is_(None) != expected.is_(None), far)


def _restricted(
    query: "Callable[..., sa.Select[Any]]", table: sa.Table, names: Sequence[str], chosen: Keys | None
) -> "Iterator[sa.Select[Any]]":
    """Yield the query of no conditions, or those of the keys that were chosen, some at a time."""
    if chosen is None:
        yield query()
        return
    columns = [table.c[name] for name in names]
    for band, keys in sorted(chosen.items()):
        every = sorted(keys)
        for start in range(0, len(every), _AT_A_TIME):
            some = every[start : start + _AT_A_TIME]
            yield query(table.c.band == band, sa.tuple_(*columns).in_(some))


def _where(table: sa.Table, key: Sequence[str], row: Any) -> str:
    return f"table {table.name}, {', '.join(f'{name} {row[name]}' for name in key)}"


def _first(table: sa.Table, problems: list[Problem]) -> list[Problem]:
    """Return some problems of a table, and how many more there are."""
    more = len(problems) - _SHOWN
    if more <= 0:
        return problems
    return [*problems[:_SHOWN], Problem("summary", f"table {table.name}", f"{more} rows more are wrong")]
