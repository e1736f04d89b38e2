"""Specification of a synthetic tile."""

import math
import re
from dataclasses import dataclass

from ...schema.errors import UsageError
from .decam import CCD_SHAPE
from .defects import StarHalo

__all__ = ["FULL", "SMALL", "TileSpec"]

_LEAST_SIDE = 64
_HIGHEST_DEC = 85.0


@dataclass(frozen=True, slots=True)
class TileSpec:
    """Specification of a synthetic tile.

    Parameters
    ----------
    tilename : str
        Name of the tile.
    bands : tuple of str
        Bands, each with its own exposures of the same sky.
    n_epochs : int
        Single-epoch images per band: the first near the tile's centre, the second half off its western
        edge, the others at random positions.
    coadd_shape, ccd_shape : tuple of int
        Rows and columns of the coadd and of a CCD image, at least 64 each. A CCD image smaller than
        4096 x 2048 shows the middle of a CCD.
    ra, dec : float
        Centre of the coadd, degrees; ra from 0 to 360, dec from -85 to 85.
    seed : int
        Random seed. Exposure numbers follow from it, so that tiles of different seeds share none.
    campaign : str
        Name of the folder that holds the tile.
    density : float
        Sources per square arcmin; the lower it is, the brighter the magnitude limit. Deep DES coadds have 38.
    n_extra_epochs : int
        Further images of the last band, whose exposures follow the others.
    halo : StarHalo, optional
        Halo of bright stars in the single-epoch images; none by default.

    Raises
    ------
    UsageError
        If a value is out of range, or a name has characters other than letters, digits and ``_+-.``.
    """

    tilename: str = "DES0131-3206"
    bands: tuple[str, ...] = ("r", "i")
    n_epochs: int = 3
    coadd_shape: tuple[int, int] = (600, 640)
    ccd_shape: tuple[int, int] = (512, 256)
    ra: float = 22.8785
    dec: float = -32.1003
    seed: int = 1
    campaign: str = "des-pizza-slices-y6-v8"
    density: float = 7.0
    n_extra_epochs: int = 0
    halo: StarHalo | None = None

    def __post_init__(self) -> None:
        names = (self.tilename, self.campaign, *self.bands)
        sides = (*self.coadd_shape, *self.ccd_shape)
        too_large = any(n > limit for n, limit in zip(self.ccd_shape, CCD_SHAPE, strict=True))
        checks = {
            "tilename, campaign and bands must be letters, digits and _+-.": all(
                re.fullmatch(r"[\w+.-]+", name) for name in names
            ),
            "bands must not be empty or repeated": 0 < len(self.bands) == len(set(self.bands)),
            "n_epochs must be at least 1": self.n_epochs >= 1,
            "n_extra_epochs must not be negative": self.n_extra_epochs >= 0,
            f"shapes must be at least {_LEAST_SIDE} pixels a side": min(sides) >= _LEAST_SIDE,
            f"ccd_shape must be within {CCD_SHAPE}": not too_large,
            "ra must be from 0 to 360": 0 <= self.ra < 360,
            f"dec must be within {_HIGHEST_DEC:g} degrees of the equator": abs(self.dec) <= _HIGHEST_DEC,
            "seed must not be negative": self.seed >= 0,
            "density must be positive": 0 < self.density < math.inf,
            "reach of the halo must be positive": self.halo is None or 0 < self.halo.reach < math.inf,
        }
        for rule, holds in checks.items():
            if not holds:
                raise UsageError(f"tile {self.tilename!r}: {rule}, got {self}")

    def n_epochs_of(self, band: str) -> int:
        """Return the number of single-epoch images of a band."""
        return self.n_epochs + (self.n_extra_epochs if band == self.bands[-1] else 0)


SMALL = TileSpec(n_extra_epochs=2)
"""A small tile, made in seconds: three epochs in band r, five in band i."""

FULL = TileSpec(bands=("r",), n_epochs=8, coadd_shape=(10000, 10000), ccd_shape=CCD_SHAPE, density=38.0)
"""A full-size tile, as in the survey."""
