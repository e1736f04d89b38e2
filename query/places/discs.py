"""Discs that do not overlap."""

from collections.abc import Iterator
from itertools import product

import numpy as np
import numpy.typing as npt

__all__ = ["disjoint"]

Floats = npt.NDArray[np.float64]

# Smallest side of a box, so that its number fits 64 bits: 1 arcsec.
_MIN_SIDE = 5e-6


def disjoint(vectors: Floats, radius: float) -> Iterator[int]:
    """Yield the discs that overlap none of those yielded before.

    Parameters
    ----------
    vectors : ndarray of float64, shape (3, n)
        Centres, unit vectors.
    radius : float
        Radius of every disc, radians.
    """
    apart = 2 * np.sin(min(radius, np.pi / 2))  # chord between the centres of two discs that touch
    side = max(apart, _MIN_SIDE)
    per_axis = 2 * int(1 / side) + 5
    x, y, z = np.floor(vectors / side).astype(np.int64) + int(1 / side) + 2
    boxes = ((x * per_axis + y) * per_axis + z).tolist()
    around = [(i * per_axis + j) * per_axis + k for i, j, k in product((-1, 0, 1), repeat=3)]
    yielded: dict[int, list[int]] = {}
    centres = vectors.T
    for number, box in enumerate(boxes):
        near = [each for step in around for each in yielded.get(box + step, ())]
        if near and ((centres[near] - centres[number]) ** 2).sum(axis=1).min() < apart * apart:
            continue
        yielded.setdefault(box, []).append(number)
        yield number
