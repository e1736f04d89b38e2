"""Sky that is good in at least one epoch."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ...schema.criteria import BoundSelection, Selection
from ...schema.database import Database
from ...schema.tables import coadd
from ...schema.wcs.footprint import UniqueRegion
from ...schema.wcs.healpixlookup import BLOCK_NSIDE, BLOCK_SIDE, CENTRES_NSIDE, GOOD, CentreLookup, morton
from ...schema.wcs.pixelgrid import PixelGrid
from ..source import Source
from .coaddgrid import find_region

__all__ = ["SkyCover", "sky_area", "sky_covers"]

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

_ARCMIN2_PER_CENTRE = 4 * np.pi * (180 * 60 / np.pi) ** 2 / (12 * CENTRES_NSIDE**2)

_LIMITS = ("uramin", "uramax", "udecmin", "udecmax")


@dataclass(frozen=True, slots=True, eq=False)
class SkyCover:
    """Sky that images cover, sampled at the centres of HEALPix pixels of `CENTRES_NSIDE`.

    Parameters
    ----------
    blocks : dict of int to ndarray of uint8
        By nested HEALPix pixel of `BLOCK_NSIDE`: packed bits of the centres in at least one image, and of those in at
        least one good pixel; shape (2, BLOCK_SIDE**2 / 8).
    """

    blocks: dict[int, Bytes] = field(default_factory=dict)

    def add(self, grid: PixelGrid, good: npt.NDArray[np.bool_], region: UniqueRegion | None) -> None:
        """Add an image.

        Parameters
        ----------
        grid : PixelGrid
            The image.
        good : ndarray of bool, shape (ny, nx)
            Its good pixels.
        region : UniqueRegion or None
            Region to which its pixels are limited.
        """
        lookup, columns = CentreLookup.of(grid), np.ascontiguousarray(good.T)
        for block in lookup.blocks():
            states = np.zeros((BLOCK_SIDE, BLOCK_SIDE), np.uint8)
            if block in self.blocks:
                states.reshape(-1)[:] = np.unpackbits(self.blocks[block], axis=1).sum(axis=0, dtype=np.uint8)
            lookup.mark(block, columns, region, states)
            if states.any():
                flat = states.reshape(-1)
                self.blocks[block] = np.packbits([flat > 0, flat == GOOD], axis=1)

    @property
    def area(self) -> float:
        """Area that is good at least once, square arcminutes."""
        return sum(int(np.bitwise_count(each[1]).sum(dtype=np.int64)) for each in self.blocks.values()) * (
            _ARCMIN2_PER_CENTRE
        )

    def counts(self, nside: int) -> tuple[Ints, Ints]:
        """Return the HEALPix pixels that any image covers, and the number of good centres in each.

        Parameters
        ----------
        nside : int
            Resolution, at most `CENTRES_NSIDE`.

        Returns
        -------
        hpix, n_good : ndarray of int64, shape (n,)
            Nested HEALPix pixels, which repeat if they are larger than a block.
        """
        per_side = max(nside // BLOCK_NSIDE, 1)
        coarser = 2 * max((BLOCK_NSIDE // nside).bit_length() - 1, 0)
        inner_x, inner_y = morton(np.arange(per_side * per_side, dtype=np.int64))
        hpix, n_good = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for block, packed in self.blocks.items():
            side = BLOCK_SIDE // per_side
            images = np.unpackbits(packed, axis=1).reshape(2, per_side, side, per_side, side)
            seen, good = images.sum(axis=(2, 4), dtype=np.int64)[:, inner_y, inner_x]
            covered = np.flatnonzero(seen)
            hpix.append(((block >> coarser) * per_side * per_side + covered).astype(np.int64))
            n_good.append(good[covered])
        return np.concatenate(hpix), np.concatenate(n_good)


def sky_area(source: Source, selection: Selection | None = None, **filters: Any) -> float:
    """Return the sky area that is good in at least one epoch, arcmin^2; see `goodpix.Catalogue.sky_area`."""
    bound = source.bound(selection)
    return sum((cover.area for cover in sky_covers(source, bound, filters)), 0.0)


def sky_covers(source: Source, selection: BoundSelection, filters: dict[str, Any]) -> Iterator[SkyCover]:
    """Yield the sky that the images of a catalogue cover, in parts that do not overlap.

    The images of a tile cover sky in its unique region only. Unique regions do not overlap, so each tile is a part;
    where a tile has none, or its bands have different ones, all tiles are one part, held in memory: 14 MB
    per tile.
    """
    together = not _disjoint(source.database)
    masks = source.counted_masks(selection, **filters)
    cover = SkyCover()
    for _, of_tile in groupby(masks, lambda mask: mask.key.tilename):
        for (tilename, band), of_band in groupby(of_tile, lambda mask: (mask.key.tilename, mask.key.band)):
            region = find_region(source.database, tilename, band)
            for mask in of_band:
                cover.add(mask.grid, mask.good(selection), region)
        if not together:
            yield cover
            cover = SkyCover()
    if cover.blocks:
        yield cover


def _disjoint(database: Database) -> bool:
    """Return whether every tile has one unique region in all its bands."""
    differ = [
        sa.or_(sa.func.count(coadd.c[name]) < sa.func.count(), sa.func.min(coadd.c[name]) < sa.func.max(coadd.c[name]))
        for name in _LIMITS
    ]
    query = sa.select(coadd.c.tilename).group_by(coadd.c.tilename).having(sa.or_(*differ)).limit(1)
    with database.engine.connect() as connection:
        return connection.execute(query).first() is None
