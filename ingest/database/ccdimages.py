"""Maintenance of the table of CCD images."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ...schema.summaries import CCD_IMAGES
from ...schema.tables import ccd_image
from .bulk import insert_rows, matching

__all__ = ["ImageChange", "ImageKey", "refresh_ccd_images"]

ImageKey = tuple[int, int]
"""Exposure and CCD number of a CCD image."""

_KEY = ("expnum", "ccdnum")
# about the tiles that hold an image, not about the image
_OF_TILES = ("n_tiles", "tiles_disagree")
_COLUMNS: Sequence[str] = ccd_image.c.keys()


@dataclass(frozen=True, slots=True)
class ImageChange:
    """Change of a CCD image's row.

    Parameters
    ----------
    key : tuple of int
        The image.
    before, after : dict or None
        Its values by column; None where it had or has no row.
    """

    key: ImageKey
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @property
    def in_sums(self) -> bool:
        """True unless only the tiles that hold the image have changed, which no sum depends on."""
        if self.before is None or self.after is None:
            return self.before is not self.after
        return any(self.before[name] != self.after[name] for name in _COLUMNS if name not in _OF_TILES)


def refresh_ccd_images(connection: sa.Connection, band: str, keys: Collection[ImageKey]) -> list[ImageChange]:
    """Recompute the rows of CCD images from their epochs; return the changes, those of equal rows included.

    Parameters
    ----------
    connection : Connection
        In a transaction that keeps others from the band's CCD images.
    band : str
        The band.
    keys : collection of (expnum, ccdnum)
        The images.
    """
    table, source = CCD_IMAGES.table, CCD_IMAGES.source
    of_images = [sa.and_(t.c.band == band, matching(connection, [t.c[n] for n in _KEY], keys)) for t in (table, source)]
    before = _by_key(connection, sa.select(table).where(of_images[0]))
    after = _by_key(connection, CCD_IMAGES.query(of_images[1]))
    changes = [ImageChange(key, before.get(key), after.get(key)) for key in sorted(keys)]
    differing = [each for each in changes if each.before != each.after]
    old = [each.key for each in differing if each.before is not None]
    if old:
        columns = [table.c[name] for name in _KEY]
        connection.execute(table.delete().where(table.c.band == band, matching(connection, columns, old)))
    insert_rows(connection, table, [each.after for each in differing if each.after is not None])
    return changes


def _by_key(connection: sa.Connection, query: "sa.Select[Any]") -> dict[ImageKey, dict[str, Any]]:
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in connection.execute(query).all()]
    return {(row["expnum"], row["ccdnum"]): row for row in rows}
