"""Sky area that is good in at least one epoch."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from ...schema.criteria import BoundSelection, Selection
from ...schema.errors import UsageError
from ...schema.wcs.inversemap import add_covered, inverse_map
from ...schema.wcs.pixelgrid import solid_angles
from ..masks.mask import Mask
from ..source import Source
from .coaddgrid import CoaddGrid, find_grid

__all__ = ["sky_area"]

# Rows of a coadd processed at a time.
_ROWS = 256


def sky_area(source: Source, selection: Selection | None = None, **filters: Any) -> float:
    """Return the sky area that is good in at least one epoch, arcmin^2; see `goodpix.Catalogue.sky_area`."""
    bound = BoundSelection.of(selection, source.database.identity.bit_names)
    masks = source.counted_masks(bound, **filters)
    return sum(
        (_tile_area(source, of_tile, bound) for _, of_tile in groupby(masks, lambda mask: mask.key.tilename)),
        0.0,
    )


def _tile_area(source: Source, masks: Iterable[Mask], selection: BoundSelection) -> float:
    """Return the area of one tile, from at least one mask."""
    grid: CoaddGrid | None = None
    n_good: npt.NDArray[np.int16] = np.empty((0, 0), np.int16)
    for (tilename, band), of_band in groupby(masks, lambda mask: (mask.key.tilename, mask.key.band)):
        band_grid = find_grid(source.database, tilename, band)
        if grid is None:
            grid, n_good = band_grid, np.zeros(band_grid.shape, np.int16)
        elif not grid.same_sky(band_grid):
            raise UsageError(
                f"tile {tilename}: the coadds of bands {grid.band} and {band} have different pixels or unique "
                f"regions: expected one band at a time, such as {band}"
            )
        for mask in of_band:
            add_covered(inverse_map(mask.grid, grid), mask.good(selection), n_good)
    return 0.0 if grid is None else _area(grid, n_good)


def _area(grid: CoaddGrid, n_good: npt.NDArray[np.int16]) -> float:
    """Return the solid angle of covered coadd pixels in the unique region, square arcminutes."""
    ny = grid.shape[0]
    total = 0.0
    for y in range(0, ny, _ROWS):
        rows = slice(y, min(y + _ROWS, ny))
        counted = (n_good[rows] > 0) & grid.unique_rows(rows)
        if counted.any():
            total += float(solid_angles(grid, rows).sum(where=counted))
    return total
