"""Pixels of a coadd, the grid of its maps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...schema.database import Database
from ...schema.rows import MaskKey
from ...schema.wcs.footprint import UniqueRegion
from ...schema.wcs.pixelgrid import PixelGrid
from ...schema.wcs.solution import Wcs
from ..masks.reader import find_mask

__all__ = ["CoaddGrid", "find_grid"]


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
        limits = [row[name] for name in ("uramin", "uramax", "udecmin", "udecmax")]
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


def find_grid(database: Database, tilename: str, band: str) -> CoaddGrid:
    """Return the grid of a coadd in the catalogue.

    Raises
    ------
    MaskNotFoundError
        If the catalogue has no such tile and band.
    """
    return CoaddGrid.of(find_mask(database, MaskKey(tilename, band, "coadd", None, None)).row)
