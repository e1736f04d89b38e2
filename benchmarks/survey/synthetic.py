"""Synthetic survey: geometry, and the counts of each CCD image."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .sky import BANDS, CCD_SHAPE, CcdImages, Pairs, Tiles, ccd_images, pair_up, tile_grid

__all__ = ["N_PIXELS", "N_RUNS", "SeCounts", "Survey", "noise"]

N_PIXELS = CCD_SHAPE[0] * CCD_SHAPE[1]
"""Pixels of a CCD."""

N_RUNS = 40
"""Number of runs that ingested the survey, one every three weeks."""

_N_NIGHTS = 758
_FULL = 10_000

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SeCounts:
    """Counts from the SE planes of CCD images; arrays of shape (n,).

    Parameters
    ----------
    seg, weight, bmask : ndarray of int64
        Pixels that fail each criterion.
    good, good_a : ndarray of int64
        Pixels that pass all three, on the whole CCD and on amplifier half A.
    used : ndarray of bool
        Whether there was a segmentation map.
    """

    seg: Ints
    weight: Ints
    bmask: Ints
    good: Ints
    good_a: Ints
    used: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Survey:
    """A synthetic survey.

    Parameters
    ----------
    tiles : Tiles
        All tiles, in each of `BANDS`.
    images : CcdImages
        CCD images that overlap a tile.
    pairs : Pairs
        The epochs.
    counts : SeCounts
        Counts of the images.
    nite : ndarray of int64, shape (n images,)
        Night of each image, YYYYMMDD.
    first : ndarray of int64, shape (n tiles * n bands + 1,)
        Index of the first epoch of each tile and band, then the number of epochs.
    """

    tiles: Tiles
    images: CcdImages
    pairs: Pairs
    counts: SeCounts
    nite: Ints
    first: Ints

    @classmethod
    def of(cls, scale: float, seed: int = 20251122) -> "Survey":
        """Return a survey of `scale` times 10,000 tiles, and at least four."""
        rng = np.random.default_rng(seed)
        tiles = tile_grid(max(4, round(_FULL * scale)))
        every = ccd_images(tiles, rng)
        pairs = pair_up(tiles, every)
        held, image = np.unique(pairs.image, return_inverse=True)
        images = every.of(held)
        pairs = Pairs(pairs.tile, image.astype(np.int64), pairs.on_coadd, pairs.unique)
        _, exposure = np.unique(images.exposure, return_inverse=True)
        night = exposure * _N_NIGHTS // (int(exposure.max()) + 1)
        group = pairs.tile * len(BANDS) + images.band[pairs.image]
        first = np.searchsorted(group, np.arange(len(tiles) * len(BANDS) + 1))
        return cls(tiles, images, pairs, _se_counts(images, rng), _nites()[night], first.astype(np.int64))

    def __len__(self) -> int:
        return self.pairs.tile.size


def noise(number: Ints, salt: int) -> Floats:
    """Return pseudorandom values from 0 to 1 that depend only on the number and the salt."""
    mixed = (number.astype(np.uint64) + np.uint64(salt)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return (mixed >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def _nites() -> Ints:
    """Return nights from August to January of six seasons, YYYYMMDD."""
    seasons = [np.arange(np.datetime64(f"{y}-08-31"), np.datetime64(f"{y + 1}-01-05")) for y in range(2013, 2019)]
    return np.array([int(str(day).replace("-", "")) for day in np.concatenate(seasons)[:_N_NIGHTS]])


def _se_counts(images: CcdImages, rng: np.random.Generator) -> SeCounts:
    n = len(images)
    seg = np.clip(0.06 + 0.01 * images.band + 0.15 * noise(images.exposure, 1) + rng.normal(0, 0.01, n), 0.01, 0.9)
    # two CCDs are worse than the others, and a few images are lost to a bright star or clouds
    defects = 0.015 + 0.03 * (images.ccdnum % 31 == 2) + 0.005 * rng.random(n)
    lost = np.where(rng.random(n) < 2e-4, rng.uniform(0.3, 0.95, n), 0)
    bmask = np.clip(defects + 0.02 * rng.random(n) + lost, 0, 0.99)
    good = ((1 - seg) * (1 - bmask) * N_PIXELS).astype(np.int64)
    half = np.clip(0.5 + rng.normal(0, 0.005, n), 0, 1)
    return SeCounts(
        (seg * N_PIXELS).astype(np.int64),
        (0.8 * defects * N_PIXELS).astype(np.int64),
        (bmask * N_PIXELS).astype(np.int64),
        good,
        np.minimum((good * half).astype(np.int64), N_PIXELS // 2),
        rng.random(n) >= 0.002,
    )
