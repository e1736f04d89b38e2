"""Sky that is good in at least one epoch."""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Unpack

import numpy as np
import numpy.typing as npt

from ...schema.criteria import BoundSelection, Selection
from ...schema.wcs.healpixlookup import CENTRES_NSIDE, GOOD, CentreLookup, block_nside, morton
from ..filters import FilterKeywords
from ..source import Source
from .patches import PATCH_NSIDE, Epoch, Patch, find_patches, map_patches

__all__ = ["GoodCentres", "sky_area"]

Ints = npt.NDArray[np.int64]

_ARCMIN2_PER_SKY = 4 * np.pi * (180 * 60 / np.pi) ** 2


@dataclass(frozen=True, slots=True)
class GoodCentres:
    """Centres of HEALPix pixels that are good in at least one epoch, as ranges of pixels; a function of a patch.

    Parameters
    ----------
    nside : int
        Resolution of the pixels.
    selection : BoundSelection
        The definition of good.
    """

    nside: int
    selection: BoundSelection

    def __call__(self, patch: Patch, images: Iterator[list[Epoch]], /) -> Ints:
        """Return the pixels in a patch as half-open ranges of nested numbers, ascending; shape (n, 2)."""
        side = self.nside // block_nside(self.nside)
        states: dict[int, npt.NDArray[np.uint8]] = {}
        for image in images:
            for epoch in image:
                self._mark(patch, epoch, states)
        x, y = morton(np.arange(side * side, dtype=np.int64))
        ranges = [np.empty((0, 2), np.int64)]
        for block in sorted(states):
            good = np.zeros(side * side + 2, np.int8)
            good[1:-1] = states[block][y, x] == GOOD
            # starts and stops alternate
            ranges.append(np.flatnonzero(np.diff(good)).reshape(-1, 2) + block * side * side)
        return np.concatenate(ranges)

    def _mark(self, patch: Patch, epoch: Epoch, states: dict[int, npt.NDArray[np.uint8]]) -> None:
        lookup = CentreLookup.of(epoch.mask.grid, self.nside)
        columns = np.ascontiguousarray(epoch.mask.good(self.selection).T)
        for block in lookup.blocks():
            if patch.holds(block, block_nside(self.nside)):
                of_block = states.setdefault(block, np.zeros((lookup.side, lookup.side), np.uint8))
                lookup.mark(block, columns, epoch.region, of_block)


def sky_area(
    source: Source,
    selection: Selection | None = None,
    *,
    executor: Executor | None = None,
    workers: int = 1,
    **filters: Unpack[FilterKeywords],
) -> float:
    """Return the sky area that is good in at least one epoch, arcmin^2; see `goodpix.Catalogue.sky_area`."""
    bound = source.bound(selection)
    spread = executor is not None or workers > 1
    patches = find_patches(source.database, PATCH_NSIDE, filters, spread=spread)
    found = map_patches(
        source, bound, GoodCentres(CENTRES_NSIDE, bound), patches, filters, executor=executor, workers=workers
    )
    n_good = sum(int(np.diff(ranges, axis=1).sum()) for ranges in found)
    return n_good * _ARCMIN2_PER_SKY / (12 * CENTRES_NSIDE**2)
