"""Pixels of a coadd, the grid of its maps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ...schema.database import Database
from ...schema.rows import MaskKey
from ...schema.tables import coadd
from ...schema.wcs.footprint import UniqueRegion
from ...schema.wcs.pixelgrid import PixelGrid
from ...schema.wcs.solution import Wcs
from ..masks.reader import find_mask

__all__ = ["CoaddGrid", "find_grid", "find_region", "has_coadd"]

_LIMITS = ("uramin", "uramax", "udecmin", "udecmax")


@dataclass(frozen=True, kw_only=True)
class CoaddGrid(PixelGrid):
    """Pixels of one coadd.

    Parameters
    ----------
    tilename, band : str
        The coadd.
    region : UniqueRegion or None
        The tile's unique region; None if the info file has none.
    """

    tilename: str
    band: str
    region: UniqueRegion | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "CoaddGrid":
        """Return the grid described by a row of the table ``coadd``."""
        limits = [row[name] for name in _LIMITS]
        return cls(
            tilename=row["tilename"],
            band=row["band"],
            wcs=Wcs.from_json(row["wcs"]),
            shape=(row["ny"], row["nx"]),
            offset=float(row["position_offset"]),
            region=None if None in limits else UniqueRegion(*limits),
        )

    def same_sky(self, other: "CoaddGrid") -> bool:
        """Return whether another coadd has the same pixels and unique region on the sky."""
        own, others = ((each.shape, each.offset, each.region, dict(each.wcs.keywords)) for each in (self, other))
        return own == others

    def unique_rows(self, rows: slice) -> npt.NDArray[np.bool_]:
        """Return which pixels in a range of rows have their centre in the unique region; all if there is none."""
        if self.region is None:
            return np.ones((rows.stop - rows.start, self.shape[1]), np.bool_)
        return self.region.contains_rows(self, rows)


def has_coadd(database: Database, tilename: str, band: str) -> bool:
    """Return whether a tile and band has a coadd; true if the catalogue does not have the tile at all."""
    query = sa.select(coadd.c.wcs).where(coadd.c.tilename == tilename, coadd.c.band == band)
    with database.engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return row is None or row.wcs is not None


def find_region(database: Database, tilename: str, band: str) -> UniqueRegion | None:
    """Return the unique region of a tile; None if it has none, as where there is no coadd."""
    query = sa.select(*(coadd.c[name] for name in _LIMITS)).where(coadd.c.tilename == tilename, coadd.c.band == band)
    with database.engine.connect() as connection:
        limits = connection.execute(query).one_or_none()
    return None if limits is None or None in limits else UniqueRegion(*limits)


def find_grid(database: Database, tilename: str, band: str) -> CoaddGrid:
    """Return the grid of a coadd in the catalogue.

    Raises
    ------
    MaskNotFoundError
        If the catalogue has no such tile and band.
    """
    return CoaddGrid.of(find_mask(database, MaskKey(tilename, band, "coadd", None, None)).row)
