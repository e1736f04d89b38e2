"""Named selections of a catalogue, and the exclusions of any that match nothing in it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from hpgeom import query_circle

from ..schema import tables
from ..schema.criteria import Exclusion, Selection
from ..schema.database import Database, recorded_revision
from ..schema.errors import DamagedValueError, UnknownNameError, UsageError, did_you_mean
from ..schema.wcs.footprint import NSIDE
from ..schema.wcs.solution import unit_vectors
from .shapes import Disc

__all__ = ["find_selection", "named_selections", "unmatched_exclusions"]

Floats = npt.NDArray[np.float64]

_CORNERS = [f"{name}c{k}" for k in range(1, 5) for name in ("ra", "dec")]

# HEALPix pixels of one query, and of a disc; one with more is taken to match.
_PIXELS, _MOST_PIXELS = 100, 10_000


def named_selections(database: Database, name: str | None = None) -> list[dict[str, Any]]:
    """Return the rows of the table selection, in order of their names.

    Parameters
    ----------
    database : Database
        Database of the catalogue.
    name : str, optional
        The only one wanted.
    """
    table = tables.selection
    query = sa.select(table).order_by(table.c.name)
    with database.engine.connect() as connection:
        if str(recorded_revision(connection)) < table.info["since"]:
            return []
        rows = connection.execute(query if name is None else query.where(table.c.name == name)).mappings().all()
    return [dict(row) for row in rows]


def find_selection(database: Database, name: str) -> Selection:
    """Return a named selection; see `goodpix.Catalogue.selection`."""
    rows = named_selections(database, str(name))
    if not rows:
        known = [str(row["name"]) for row in named_selections(database)]
        hint = did_you_mean(str(name), known) if known else ": the catalogue has none, goodpix selection add makes one"
        raise UnknownNameError(f"unknown selection {name!r}{hint}")
    try:
        found = Selection.parse(rows[0]["selection"])
    except UsageError as error:
        raise DamagedValueError(f"selection {name!r}: its text is damaged ({error}): run goodpix rebuild") from error
    if found.hash != rows[0]["hash"]:
        raise DamagedValueError(f"selection {name!r}: its hash is {found.hash}, expected {rows[0]['hash']}")
    return found.with_name(name)


def unmatched_exclusions(database: Database, selection: Selection) -> Iterator[str]:
    """Yield a line for each exclusion of a selection that matches nothing in the catalogue."""
    if not selection.exclude:
        return
    with database.engine.connect() as connection:
        for exclusion in selection.exclude:
            if not _matches(connection, exclusion):
                yield f"exclude {exclusion}: matches nothing in the catalogue"


def _matches(connection: sa.Connection, exclusion: Exclusion) -> bool:
    """Return whether an image of the catalogue has a pixel of an exclusion, nearly: outlines are great circles."""
    conditions = _conditions(tables.epoch, exclusion)
    if exclusion.expnum is not None and exclusion.band is None:
        # the index begins with the band
        conditions.append(tables.epoch.c.band.in_(sa.select(tables.coadd.c.band).distinct()))
    if exclusion.disc is not None:
        disc = Disc.many(*exclusion.disc)[0]
        return any(_touched(outlines, disc) for outlines in _outlines(connection, exclusion.disc, conditions))
    if connection.execute(sa.select(sa.literal(1)).select_from(tables.epoch).where(*conditions).limit(1)).first():
        return True
    of_images = (
        *(exclusion.expnum, exclusion.ccdnum, exclusion.nite, exclusion.image_flags),
        *(exclusion.amplifier, exclusion.box),
    )
    if any(each is not None for each in of_images):
        return False
    conditions = _conditions(tables.coadd, exclusion)
    query = sa.select(sa.literal(1)).select_from(tables.coadd).where(*conditions).limit(1)
    return connection.execute(query).first() is not None


def _conditions(table: sa.Table, exclusion: Exclusion) -> list[sa.ColumnElement[bool]]:
    out: list[sa.ColumnElement[bool]] = [
        table.c[name] == getattr(exclusion, name) for name in ("band", "tilename") if getattr(exclusion, name)
    ]
    for name in ("expnum", "ccdnum", "nite", "image_flags"):
        wanted = getattr(exclusion, name)
        if wanted is not None and name in table.c:
            column = table.c[name]
            # numbers are checked to be of 64 bits, more than the column of ccdnum has
            first, last = (
                None if end is None else sa.literal(end, sa.BigInteger) for end in (wanted.first, wanted.last)
            )
            out += [] if first is None else [column >= first]
            out += [] if last is None else [column <= last]
    if exclusion.box is not None:
        out += [table.c.nx > exclusion.box.x0, table.c.ny > exclusion.box.y0]
    return out


def _outlines(
    connection: sa.Connection, disc: tuple[float, float, float], conditions: list[sa.ColumnElement[bool]]
) -> Iterator[Floats | None]:
    """Yield the corners of the images near a disc as unit vectors, shape (3, n, 4); None for a disc with too many."""
    hpix = query_circle(NSIDE, *disc, inclusive=True, nest=True)
    if hpix.size > _MOST_PIXELS:
        yield None
        return
    epoch, footprint = tables.epoch, tables.footprint
    for start in range(0, hpix.size, _PIXELS):
        query = (
            sa.select(*(epoch.c[name] for name in _CORNERS))
            .join_from(footprint, epoch, footprint.c.epoch_id == epoch.c.epoch_id)
            .where(footprint.c.hpix.in_(hpix[start : start + _PIXELS].tolist()), *conditions)
        )
        corners = np.array(connection.execute(query).all(), np.float64).reshape(-1, 4, 2)
        yield unit_vectors(corners[..., 0].ravel(), corners[..., 1].ravel()).reshape(3, -1, 4)


def _touched(outlines: Floats | None, disc: Disc) -> bool:
    """Return whether a disc holds a part of any image, or reaches into it."""
    if outlines is None:
        return True
    centre = disc.centre[:, np.newaxis, np.newaxis]
    starts, ends = outlines, np.roll(outlines, -1, axis=-1)
    poles = np.cross(starts, ends, axis=0)
    poles /= np.sqrt((poles**2).sum(axis=0))
    heights = (poles * centre).sum(axis=0)
    # images are convex and small: inside, the centre is on one side of all edges
    same_side = (heights > 0).all(axis=-1) | (heights < 0).all(axis=-1)
    inside = same_side & ((outlines.mean(axis=-1) * disc.centre[:, np.newaxis]).sum(axis=0) > 0)
    feet = centre - heights * poles
    beside = ((np.cross(starts, feet, axis=0) * poles).sum(axis=0) >= 0) & (
        (np.cross(feet, ends, axis=0) * poles).sum(axis=0) >= 0
    )
    reached = beside & (np.degrees(np.arcsin(np.abs(heights).clip(0, 1))) <= disc.radius)
    return bool(inside.any() or reached.any() or disc.contains(outlines).any())
