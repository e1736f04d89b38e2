"""Merge of the masks of a CCD image in several tiles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from ...schema.bits import EXCLUDED
from ...schema.criteria import Criterion, Exclusion
from ...schema.masks.rle import Runs, merge_runs
from ...schema.masks.runalgebra import crop, overlay
from ...schema.rows import MaskKey
from ...schema.wcs.footprint import UniqueRegion
from ...schema.wcs.pixelgrid import PixelGrid
from .exclusions import ImageBox, exclude
from .uniqueruns import ColumnSamples, RegionRuns

__all__ = ["LIMITS", "MergedMask", "TileMask", "merged_runs", "without_tiles"]

LIMITS = ("uramin", "uramax", "udecmin", "udecmax")
"""Columns of the limits of a tile's unique region."""

# Flags have 57 bits: the rank of a tile at a pixel stands above them while tiles are merged.
_RANK_BIT = 57
_FLAGS = np.int64((1 << _RANK_BIT) - 1)


class TileMask(Protocol):
    """A mask of an image in one tile, such as `goodpix.query.masks.mask.Mask`."""

    @property
    def key(self) -> MaskKey:
        """The image."""

    @property
    def encoded(self) -> Runs:
        """Its runs."""

    @property
    def row(self) -> Mapping[str, Any] | None:
        """Its catalogue row, by column."""

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""

    @property
    def grid(self) -> PixelGrid:
        """Its pixels on the sphere."""

    @property
    def position_offset(self) -> float:
        """Offset added to zero-based pixels before the WCS."""


class MergedMask(Protocol):
    """A mask of an image or of a box of it, merged from those of several tiles or of one alone."""

    @property
    def encoded(self) -> Runs:
        """Its runs."""

    @property
    def whole(self) -> Runs | None:
        """Runs of the whole image, for a box."""

    @property
    def place(self) -> Region:
        """Box of the mask in the whole image."""

    @property
    def tiles(self) -> Sequence[TileMask]:
        """Masks of the whole image in each tile; empty for one tile."""


def merged_runs(masks: Sequence[TileMask], exclusions: Sequence[Exclusion] = ()) -> Runs:
    """Return the runs of an image, each pixel with the flags of the tile of highest rank there, the first of equals.

    Parameters
    ----------
    masks : sequence of TileMask
        Masks of the image in its tiles, in order of tilename, with the limits of the tile's unique region in their
        rows.
    exclusions : sequence of Exclusion
        Exclusions of tiles. Where a tile is excluded, the others decide; a pixel that no other covers is excluded.
    """
    # tiles usually share a CCD's solution, but SCAMP solutions differ between tiles
    samples: dict[tuple[str, float], ColumnSamples] = {}
    best: _Ranked | None = None
    for mask in masks:
        row: Mapping[str, Any] = mask.row or {}
        limits = [row[name] for name in LIMITS]
        region = None
        if None not in limits:
            solution = (row["wcs"], mask.position_offset)
            if solution not in samples:
                samples[solution] = ColumnSamples.of(mask.grid)
            region = samples[solution].runs(UniqueRegion(*limits))
        encoded = mask.encoded
        if exclusions:
            ny, nx = mask.shape
            encoded = exclude(encoded, exclusions, ImageBox(mask.key, mask.row, Region(0, nx, 0, ny), mask.shape))
        ranked = _Ranked.of(encoded, region)
        best = ranked if best is None else best.or_higher(ranked)
    assert best is not None
    ny, nx = masks[0].shape
    return merge_runs((ny, nx), best.lengths, best.values & _FLAGS)


def without_tiles(mask: MergedMask, exclusions: Sequence[Exclusion]) -> tuple[Runs, Runs | None, Sequence[Exclusion]]:
    """Return the runs of a mask and of its whole image, if it knows that, without excluded tiles.

    Returns
    -------
    tuple
        The runs, those of the whole image or None, and the exclusions that are still to be applied.
    """
    tilenames = {tile.key.tilename for tile in mask.tiles}
    of_tiles = [each for each in exclusions if each.tilename in tilenames]
    if not of_tiles:
        return mask.encoded, mask.whole, exclusions
    merged, others = merged_runs(mask.tiles, of_tiles), [each for each in exclusions if each.tilename is None]
    return (merged, None, others) if mask.whole is None else (crop(merged, mask.place), merged, others)


@dataclass(frozen=True, slots=True, eq=False)
class _Ranked:
    """Flags of an image in one tile, with the tile's rank above them.

    The rank is 0 off the coadd, 1 where the tile is excluded, 2 on the coadd, and 3 in the tile's unique region too.
    """

    lengths: npt.NDArray[np.uint32]
    values: npt.NDArray[np.int64]

    @classmethod
    def of(cls, runs: Runs, region: RegionRuns | None) -> "_Ranked":
        if region is None:
            return cls(runs.lengths, _with_rank(runs.flags, np.int64(2)))
        both = overlay(runs.lengths, runs.flags, region.lengths, region.inside)
        return cls(both.lengths, _with_rank(both.a, both.b + 2))

    def or_higher(self, other: "_Ranked") -> "_Ranked":
        both = overlay(self.lengths, self.values, other.lengths, other.values)
        higher = (both.b >> _RANK_BIT) > (both.a >> _RANK_BIT)
        return _Ranked(both.lengths, np.where(higher, both.b, both.a))


def _with_rank(flags: npt.NDArray[np.int64], on_coadd: "npt.NDArray[np.int64] | np.int64") -> npt.NDArray[np.int64]:
    rank = np.where(flags & np.int64(EXCLUDED), np.int64(1), on_coadd)
    rank = np.where(flags & Criterion.OFF_COADD, np.int64(0), rank)
    packed: npt.NDArray[np.int64] = (flags & _FLAGS) | (rank << _RANK_BIT)
    return packed
