"""Sky of a tile that is good in at least one epoch."""

import logging
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ...schema.errors import GoodpixError
from ...schema.masks.rle import Runs, decode_good
from ...schema.rows import CoaddFacts, EpochFacts, MaskRow
from ...schema.wcs.footprint import UniqueRegion
from ...schema.wcs.healpixlookup import GOOD, CentreLookup
from ...schema.wcs.pixelgrid import PixelGrid
from ...schema.wcs.solution import Wcs

__all__ = ["COVER_NSIDE", "GoodCover"]

logger = logging.getLogger(__name__)

COVER_NSIDE = 1 << 17
"""HEALPix resolution of the centres at which the sky is sampled: one every 1.6 arcsec, six pixels of DECam."""

_ARCMIN2_PER_CENTRE = 4 * np.pi * (180 * 60 / np.pi) ** 2 / (12 * COVER_NSIDE**2)

_EVERY_FLAG = -1


@dataclass(slots=True, eq=False)
class GoodCover:
    """Sky of a tile's unique region that is good in at least one epoch.

    A HEALPix pixel of `COVER_NSIDE` counts if its centre lies in the region and in a good pixel of an epoch, so the
    area depends neither on the order of the epochs nor on how often one is added.

    Parameters
    ----------
    region : UniqueRegion or None
        The tile's unique region; None if it has none, and then no area.
    blocks : dict of int to ndarray of uint8
        States of the centres by block; see `goodpix.schema.wcs.healpixlookup.CentreLookup.mark`.
    known : bool
        False if an epoch's WCS could not be used, so that there is no area.
    """

    region: UniqueRegion | None = None
    blocks: dict[int, npt.NDArray[np.uint8]] = field(default_factory=dict)
    known: bool = True

    @classmethod
    def of(cls, coadd: MaskRow | None) -> "GoodCover":
        """Return the empty cover of a tile, given the row of its coadd if there is one."""
        facts = coadd.facts if coadd else None
        if not isinstance(facts, CoaddFacts):
            return cls()
        west, east, south, north = facts.uramin, facts.uramax, facts.udecmin, facts.udecmax
        if west is None or east is None or south is None or north is None:
            return cls()
        return cls(UniqueRegion(west, east, south, north))

    def add(self, row: MaskRow, runs: Runs) -> None:
        """Add a mask; the coadd's own and those of epochs without an SE segmentation map do not count.

        Parameters
        ----------
        row : MaskRow
            Row of the mask.
        runs : Runs
            Its runs.
        """
        facts = row.facts
        if self.region is None or not isinstance(facts, EpochFacts) or not facts.se_seg_used:
            return
        try:
            grid = PixelGrid(Wcs.from_json(facts.wcs), (row.ny, row.nx), facts.position_offset)
            lookup = CentreLookup.of(grid, COVER_NSIDE)
        except GoodpixError as error:  # of a mask that an older version made
            logger.warning("%s: area_good_any_unique is unknown: %s", row.key, error)
            self.known = False
            return
        # a byte per pixel: to search the runs for each centre would take several times as long
        columns = decode_good(runs, _EVERY_FLAG).T
        for block in lookup.blocks():
            states = self.blocks.get(block)
            if states is None:
                states = np.zeros((lookup.side, lookup.side), np.uint8)
            lookup.mark(block, columns, self.region, states)
            if states.any():
                self.blocks[block] = states

    @property
    def area(self) -> float | None:
        """Area that is good at least once, square arcminutes; None without a region, or if not `known`."""
        if self.region is None or not self.known:
            return None
        return sum(int(np.count_nonzero(each == GOOD)) for each in self.blocks.values()) * _ARCMIN2_PER_CENTRE
