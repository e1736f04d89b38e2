"""Points that fill the sphere evenly, and the order in which they do so."""

from dataclasses import dataclass
from itertools import permutations

import hpgeom
import numpy as np
import numpy.typing as npt

__all__ = ["DEEPEST", "EvenPoints", "sky_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

_FACES = 12

DEEPEST = 29
"""HEALPix order of the pixels at whose centres the points lie: they are 0.4 mas wide."""

# Orders in which the four children of a pixel can be numbered.
_NUMBERINGS = np.array(list(permutations(range(4))), np.int64)
_CHILDREN = np.argsort(_NUMBERINGS, axis=1)

_GOLDEN = 0x9E3779B97F4A7C15
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True, slots=True)
class EvenPoints:
    """A sequence of points on the sphere, as even as can be from its beginning to any of them.

    The first 12 points lie in the 12 faces of HEALPix, one in each; the first 48 in its 48 pixels of order 1, and so
    on. So do those in any part of the sphere: a part of the sequence is as even as the whole.

    Parameters
    ----------
    seed : int
        Seed, 0 or more. Each gives a sequence of its own.

    Notes
    -----
    A van der Corput sequence in base 4 over nested HEALPix pixels, whose digits are scrambled at random (Owen 1995,
    in Monte Carlo and Quasi-Monte Carlo Methods, Lecture Notes in Statistics 106, 299).
    """

    seed: int

    def pixels(self, cells: Ints, order: int) -> Ints:
        """Return the first point in each cell, as a nested HEALPix pixel of order 29.

        Parameters
        ----------
        cells : ndarray of int64, shape (n,)
            Nested HEALPix pixels.
        order : int
            Their order.
        """
        pixels = cells
        for level in range(order, DEEPEST):
            pixels = 4 * pixels + _CHILDREN[self._numbering(pixels, level), 0]
        return pixels

    def ranks(self, cells: Ints, order: int) -> Ints:
        """Return the number in the sequence of the first point in each cell; see `pixels`."""
        ranks: Ints = np.random.default_rng(self.seed).permutation(_FACES)[cells >> 2 * order]
        for level in range(order):
            parents = cells >> 2 * (order - level)
            children = cells >> 2 * (order - level - 1) & 3
            ranks = ranks + (_FACES << 2 * level) * _NUMBERINGS[self._numbering(parents, level), children]
        return ranks

    def _numbering(self, pixels: Ints, level: int) -> Ints:
        """Return the numbering of the children of each pixel of a level."""
        state = np.random.SeedSequence((self.seed, level)).generate_state(1, np.uint64)
        hashes = _mixed(_mixed(pixels.astype(np.uint64) + state) + np.uint64(_GOLDEN))
        numbers: Ints = (hashes % np.uint64(len(_NUMBERINGS))).astype(np.int64)
        return numbers


def _mixed(values: Hashes) -> Hashes:
    """Return values whose bits are mixed (SplitMix64: Steele, Lea & Flood 2014, OOPSLA, 453)."""
    values = (values ^ values >> np.uint64(30)) * _FIRST
    values = (values ^ values >> np.uint64(27)) * _SECOND
    return values ^ values >> np.uint64(31)


def sky_of(pixels: Ints) -> tuple[Floats, Floats]:
    """Return right ascension and declination of points, degrees; see `EvenPoints.pixels`."""
    ra, dec = hpgeom.pixel_to_angle(1 << DEEPEST, pixels, nest=True)
    return np.asarray(ra), np.asarray(dec)
