"""Consistency checks among database rows, without their masks."""

import itertools
import statistics
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ...schema import tables
from ...schema.counts import SE_COUNTS
from ...schema.summaries import SUMMARIES, Summary
from ..report import counted
from .report import Problem

__all__ = ["check_ccd_images", "check_orphans", "check_summaries", "delete_orphans"]

# Relative: sums of doubles depend on the order of summation.
_TOLERANCE = 1e-9

# Maximum number of rows of one table reported individually.
_SHOWN = 20

# Keys per statement; each is two of the 32,766 values that SQLite accepts.
_AT_A_TIME = 1000

Keys = Mapping[str, Collection[tuple[Any, ...]]]
"""Keys by band."""


def check_ccd_images(connection: sa.Connection, chosen: Keys | None = None) -> list[Problem]:
    """Return the CCD images whose SE counts differ between tiles.

    Parameters
    ----------
    connection : Connection
        Connection to the database.
    chosen : mapping, optional
        Images to check, (expnum, ccdnum) by band; by default all.
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
    for batch in _restricted(query.where, tables.epoch, ("expnum", "ccdnum"), chosen):
        for row in connection.execute(batch).mappings():
            counts = [
                f"{name} {row[f'min_{name}']} to {row[f'max_{name}']}"
                for name in SE_COUNTS
                if row[f"min_{name}"] != row[f"max_{name}"]
            ]
            where = f"CCD image {row['expnum']}/{row['ccdnum']} (band {row['band']})"
            message = f"SE counts differ between its {row['n_tiles']} tiles: {', '.join(counts)}"
            problems.append(Problem("tiles disagree", where, message))
    return problems


def check_orphans(connection: sa.Connection) -> list[Problem]:
    """Return the tables with rows of epochs or coadds that do not exist, possible in SQLite without foreign keys."""
    problems = []
    for table, owner, orphaned in _orphans():
        n = connection.execute(sa.select(sa.func.count()).select_from(table).where(orphaned)).scalar_one()
        if n:
            what = "footprint" if table is tables.footprint else "bit counts"
            message = f"{counted(n, 'row')} without an existing {owner.name}"
            problems.append(Problem(what, f"table {table.name}", message))
    return problems


def delete_orphans(connection: sa.Connection) -> None:
    """Delete the rows of epochs and coadds that do not exist."""
    for table, _, orphaned in _orphans():
        connection.execute(table.delete().where(orphaned))


def _orphans() -> Iterator[tuple[sa.Table, sa.Table, "sa.ColumnElement[bool]"]]:
    """Yield tables, the table that owns their rows, and the condition that the owner of a row does not exist."""
    for table in (tables.bit_count, tables.footprint):
        for owner in (tables.epoch, tables.coadd):
            number = f"{owner.name}_id"
            if number in table.c:
                has_owner = sa.exists().where(owner.c[number] == table.c[number])
                yield table, owner, sa.and_(table.c[number].is_not(None), ~has_owner)


def check_summaries(
    connection: sa.Connection, tiles: Keys | None = None, ccd_images: Keys | None = None
) -> list[Problem]:
    """Return the rows of summary tables that differ from the rows that they summarise.

    Parameters
    ----------
    connection : Connection
        Connection to the database.
    tiles, ccd_images : mapping, optional
        Rows to check, (tilename,) and (expnum, ccdnum) by band; by default all.
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
    """Compare a summary table, or its rows with some keys, with the result of its query."""
    table = summary.table
    # tables by CCD and night have no primary key, since the night may be null
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
        actual = rows.subquery()
        same = sa.and_(*(_same(connection, table.c[name], actual.c[name], expected.c[name]) for name in key))
        missing = actual.c.band.is_(None)
        others = [c.name for c in table.c if c.name not in key]
        differs = [_differ(actual.c[name], expected.c[name]) for name in others]
        wrong = sa.select(*(expected.c[name] for name in key), missing.label("missing"))
        wrong = wrong.select_from(expected.outerjoin(actual, same)).where(sa.or_(missing, *differs))
        for row in connection.execute(wrong).mappings():
            message = "is missing" if row["missing"] else "differs from the rows that it summarises"
            problems.append(Problem("summary", _where(table, key, row), message))
        surplus = sa.select(*(actual.c[n] for n in key)).except_(sa.select(*(expected.c[n] for n in key)))
        for row in connection.execute(surplus).mappings():
            problems.append(Problem("summary", _where(table, key, row), "has no rows to summarise"))
    return _first(table, problems)


def _same(
    connection: sa.Connection, column: "sa.Column[Any]", a: "sa.ColumnElement[Any]", b: "sa.ColumnElement[Any]"
) -> "sa.ColumnElement[bool]":
    """Return the condition that keys are equal, in a form that each engine looks up: not row by row with all rows."""
    if not column.nullable:
        return a == b
    if connection.dialect.name == "postgresql":  # hashes no IS NOT DISTINCT FROM; a night is no negative number
        return sa.func.coalesce(a, -1) == sa.func.coalesce(b, -1)
    return a.is_not_distinct_from(b)


def _check_medians(connection: sa.Connection) -> list[Problem]:
    """Compare the table of medians with the medians of the fractions, one CCD at a time."""
    table, image = tables.ccd_median, tables.ccd_image.c
    medians = {(row.band, row.ccdnum): row for row in connection.execute(sa.select(table))}
    query = sa.select(image.band, image.ccdnum, image.fraction_good_se).order_by(image.band, image.ccdnum)
    rows = connection.execute(query, execution_options={"yield_per": _AT_A_TIME})
    problems = []
    for (band, ccdnum), group in itertools.groupby(rows, key=lambda row: (row.band, row.ccdnum)):
        fractions = [row.fraction_good_se for row in group]
        actual = medians.pop((band, ccdnum), None)
        expected = (len(fractions), statistics.median(fractions))
        if actual is None or (actual.n_ccd_images, actual.fraction_good_se) != expected:
            where = _where(table, ["band", "ccdnum"], {"band": band, "ccdnum": ccdnum})
            problems.append(Problem("summary", where, "is not the median of its CCD images"))
    for band, ccdnum in medians:
        where = _where(table, ["band", "ccdnum"], {"band": band, "ccdnum": ccdnum})
        problems.append(Problem("summary", where, "has no CCD images"))
    return _first(table, problems)


def _differ(actual: "sa.ColumnElement[Any]", expected: "sa.ColumnElement[Any]") -> "sa.ColumnElement[bool]":
    if not isinstance(actual.type, sa.Double):
        return actual.is_distinct_from(expected)
    far = sa.func.abs(actual - expected) > _TOLERANCE * sa.func.abs(expected)
    return sa.or_(actual.is_(None) != expected.is_(None), far)


def _restricted(
    query: "Callable[..., sa.Select[Any]]", table: sa.Table, names: Sequence[str], chosen: Keys | None
) -> "Iterator[sa.Select[Any]]":
    """Yield the query without conditions or, if keys were chosen, a query for each batch of keys."""
    if chosen is None:
        yield query()
        return
    columns = [table.c[name] for name in names]
    for band, keys in sorted(chosen.items()):
        in_order = sorted(keys)
        for start in range(0, len(in_order), _AT_A_TIME):
            batch = in_order[start : start + _AT_A_TIME]
            yield query(table.c.band == band, sa.tuple_(*columns).in_(batch))


def _where(table: sa.Table, key: Sequence[str], row: Any) -> str:
    return f"table {table.name}, {', '.join(f'{name} {row[name]}' for name in key)}"


def _first(table: sa.Table, problems: list[Problem]) -> list[Problem]:
    """Return the first problems of a table and, if there are others, their number."""
    more = len(problems) - _SHOWN
    if more <= 0:
        return problems
    return [*problems[:_SHOWN], Problem("summary", f"table {table.name}", counted(more, "more problem"))]
