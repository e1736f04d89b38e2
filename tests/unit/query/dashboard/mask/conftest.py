"""Criteria of pixels, and the colours that they are shown in."""

import numpy as np
import numpy.typing as npt

from goodpix.query.palette import GOOD_COLOUR
from goodpix.query.plots.reasons import REASONS

Bytes = npt.NDArray[np.uint8]


def some_criteria(ny: int, nx: int) -> Bytes:
    """Return criteria as a mask has them, column-major; two thirds are good."""
    rng = np.random.default_rng(5)
    criteria = np.where(rng.random((nx, ny)) < 2 / 3, 0, rng.integers(0, 256, (nx, ny))).astype(np.uint8)
    return criteria.T


def plain_colour(criteria: int) -> str:
    """Return what a pixel is shown in: the colour of the first reason that applies."""
    return next((reason.colour for reason in REASONS if criteria & int(reason.bit)), GOOD_COLOUR)
