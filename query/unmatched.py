"""Words of filters that match nothing, and what is nearest to them."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from ..schema import tables
from ..schema.database import Database, recorded_revision
from ..schema.views import VIEWS
from ..schema.wcs.solution import unit_vectors
from .derivedcolumns import derived_columns
from .filters import Filters, range_ends, words_of

__all__ = ["unmatched"]

_NAMES = ("tilename", "band")
_NUMBERS = ("expnum", "ccdnum", "nite")

# So many names are listed; of more, the nearest.
_FEW = 12
# So many values of one filter are looked at.
_MANY = 100


def unmatched(
    database: Database,
    view: str,
    filters: Mapping[str, Any],
    *,
    some: bool,
    position: tuple[float, float] | None = None,
) -> list[str]:
    """Explain what of a question matched nothing.

    Parameters
    ----------
    database : Database
        Database of the catalogue.
    view : str
        View or table that was asked, whose columns `min` and `max` bound.
    filters : mapping
        The filters; see `goodpix.query.filters.Filters`.
    some : bool
        Whether the answer has rows.
    position : tuple of float, optional
        Right ascension and declination that were asked for, degrees.

    Returns
    -------
    list of str
        A line for each word of the filters that matches nothing in the catalogue, with the nearest that does; if all
        match and there are no rows all the same, one line about that.
    """
    given = Filters.of(**filters)
    with database.engine.connect() as connection:
        lines = list(_words(connection, given, some=some))
        if lines or some:
            return lines
        lines = list(_bounds(connection, view, given))
        if lines or position is None:
            any_given = any(value for value in filters.values())
            return lines or ["nothing matches all of the filters together"] * any_given
        return [_nearest_tile(connection, *position)]


def _words(connection: sa.Connection, given: Filters, *, some: bool) -> Iterator[str]:
    """Yield a line for each word that matches nothing; `some` rows match all filters together."""
    for name in (*_NAMES, *_NUMBERS):
        wanted = getattr(given, name)
        words = [] if wanted is None else words_of(wanted)[:_MANY]
        if some and len(words) == 1:
            continue  # every row matches it
        for word in words:
            column = (tables.coadd if name in _NAMES else tables.epoch).c[name]
            if _exists(connection, column, word):
                continue
            yield f"{name} {_shown(word)} matches nothing: {_nearest(connection, column, word)}"


def _exists(connection: sa.Connection, column: "sa.Column[Any]", word: Any) -> bool:
    """Tell whether a word matches a row of the catalogue, or one of its failures."""
    one = Filters.of(**{column.name: [word]})
    for table in (column.table, tables.failure):
        if column.name not in table.c:
            continue
        conditions = one.conditions(table)
        if column.name == "expnum" and table is tables.epoch:
            # the index begins with the band
            conditions.append(table.c.band.in_(_bands(connection)))
        query = sa.select(sa.literal(1)).select_from(table).where(*conditions).limit(1)
        if connection.execute(query).first() is not None:
            return True
    return False


def _bands(connection: sa.Connection) -> Sequence[str]:
    return connection.scalars(sa.select(tables.coadd.c.band).distinct().order_by(tables.coadd.c.band)).all()


def _shown(word: Any) -> str:
    if isinstance(word, slice):
        return ":".join("" if end is None else str(end) for end in (word.start, word.stop))
    return str(word) if str(word).strip() else repr(word)


def _nearest(connection: sa.Connection, column: "sa.Column[Any]", word: Any) -> str:
    if column.name in _NAMES:
        known = connection.scalars(sa.select(column).distinct().order_by(column)).all()
        if not known:
            return "the catalogue is empty"
        if len(known) <= _FEW:
            return f"the catalogue has {', '.join(known)}"
        return f"the nearest is {difflib.get_close_matches(str(word), known, n=1, cutoff=0)[0]}"
    first, last = range_ends(word) if isinstance(word, slice) or ":" in str(word) else (word, word)
    if first is not None and last is not None and int(first) > int(last):
        return "the range is empty, expected A:B with A not greater than B"
    below = _extreme(connection, sa.func.max(column), column < int(first)) if first is not None else None
    above = _extreme(connection, sa.func.min(column), column > int(last)) if last is not None else None
    near = [str(each) for each in (below, above) if each is not None]
    return f"the nearest {'are' if len(near) > 1 else 'is'} {' and '.join(near)}" if near else "the catalogue has none"


def _extreme(connection: sa.Connection, extreme: "sa.ColumnElement[Any]", side: "sa.ColumnElement[bool]") -> Any:
    """Return the largest or smallest number on a side; band by band, as the index is."""
    epoch = tables.epoch.c
    by_band = [
        connection.execute(sa.select(extreme).where(side, epoch.band == band)).scalar() for band in _bands(connection)
    ]
    found = [number for number in by_band if number is not None]
    if not found:
        return None
    return max(found) if extreme.name == "max" else min(found)


def _bounds(connection: sa.Connection, view: str, given: Filters) -> Iterator[str]:
    """Yield a line for each bound that nothing reaches."""
    table = VIEWS[view].table if view in VIEWS else tables.metadata.tables[view]
    columns = {**derived_columns(table, str(recorded_revision(connection))), **dict(table.c.items())}
    for bounds, extreme, sign, which in (
        (given.min, sa.func.max, ">=", "largest"),
        (given.max, sa.func.min, "<=", "smallest"),
    ):
        for name, value in bounds.items():
            if name not in columns:
                continue
            reached = connection.execute(sa.select(extreme(columns[name]))).scalar()
            outside = reached is None or (reached < float(value) if sign == ">=" else reached > float(value))
            if outside:
                has = "all are null" if reached is None else f"the {which} is {reached}"
                yield f"{name} {sign} {value} matches nothing: {has}"


def _nearest_tile(connection: sa.Connection, ra: float, dec: float) -> str:
    """Return a line about a position that nothing covers."""
    coadd = tables.coadd.c
    query = sa.select(coadd.tilename, coadd.ra_cent, coadd.dec_cent).order_by(coadd.tilename)
    found = connection.execute(query).all()
    where = f"nothing that matches covers ra {ra:.6g}, dec {dec:.6g}"
    if not found:
        return f"{where}: the catalogue is empty"
    centres = unit_vectors(np.array([row.ra_cent for row in found]), np.array([row.dec_cent for row in found]))
    here = unit_vectors(np.array([ra % 360]), np.array([dec]))
    chords = np.sqrt(((centres - here) ** 2).sum(axis=0))
    nearest = int(chords.argmin())
    away = float(np.degrees(2 * np.arcsin(min(1.0, chords[nearest] / 2))))
    return f"{where}: the nearest tile is {found[nearest].tilename}, its centre {away:.3g} degrees away"
