"""Planes of a synthetic coadd."""

import numpy as np
import numpy.typing as npt

from ...schema.bits import DES_Y6
from .defects import FLAT_SCATTER, BrightStars, SyntheticPlanes, box_about, trail_size
from .drawing import Truth

__all__ = ["coadd_planes"]

_NO_DATA = DES_Y6.coadd["NO_DATA"]

# rows of noise drawn at a time: a plane of a full-size coadd takes 400 MB
_STRIP = 1000
_N_LAYERS = 6
# minimum depth where all layers have a gap, so that only the boxes of `_gaps` lack data
_LEAST_DEPTH = 0.1
# pixels by which the survey's mask extends beyond a gap
_GROWN = 3


def coadd_planes(
    truth: Truth, stars: BrightStars, sigma: float, ccd_shape: tuple[int, int], rng: np.random.Generator
) -> SyntheticPlanes:
    """Make the planes of a coadd from its noiseless image.

    Parameters
    ----------
    truth : Truth
        Noiseless image and detections, not modified.
    stars : BrightStars
        The stars that bleed.
    sigma : float
        Typical noise per pixel, ADU.
    ccd_shape : tuple of int
        Rows and columns of the stacked CCDs, whose columns run along the coadd's x axis.
    rng : Generator
        Random number generator.

    Returns
    -------
    SyntheticPlanes
        Image, weight, mask of 0 and 1, and segmentation map.
    """
    ny, nx = truth.image.shape
    weight = _coverage((ny, nx), ccd_shape, rng)
    weight /= sigma**2
    image = truth.image.copy()
    for start in range(0, ny, _STRIP):
        rows = slice(start, start + _STRIP)
        noise = rng.standard_normal(image[rows].shape, dtype=np.float32)
        weight[rows] *= 1 + np.float32(FLAT_SCATTER) * noise[:, ::-1]
        noise /= np.sqrt(np.where(weight[rows] > 0, weight[rows], np.float32(1)))
        image[rows] += noise
    planes = SyntheticPlanes(image, weight, np.zeros((ny, nx), np.int32), truth.seg)
    spots = rng.integers(0, nx * ny, nx * ny // 2500)
    planes.bmask.ravel()[spots] |= _NO_DATA
    for x, y, mag in zip(stars.x, stars.y, stars.mag, strict=True):
        # CCD columns, along which charge bleeds, run along right ascension
        half_length, half_width = trail_size(mag, ccd_shape)
        box = box_about((ny, nx), x, y, half_length, half_width)
        planes.bmask[box] |= _NO_DATA
        planes.weight[box] *= 0.5
    for box in _gaps((ny, nx)):
        _cut(planes, box)
    return planes


def _cut(planes: SyntheticPlanes, box: tuple[slice, slice]) -> None:
    """Remove the data in a box of a coadd; the mask extends beyond it."""
    planes.weight[box] = 0
    planes.image[box] = 0
    grown = tuple(slice(max(0, side.start - _GROWN), side.stop + _GROWN) for side in box)
    planes.bmask[grown] |= _NO_DATA


def _gaps(shape: tuple[int, int]) -> list[tuple[slice, slice]]:
    """Return the boxes of a coadd without data: two chip gaps and one corner."""
    ny, nx = shape
    wide, high = max(4, nx // 150), max(4, ny // 150)
    return [
        (slice(int(0.36 * ny), int(0.36 * ny) + high), slice(int(0.55 * nx), int(0.80 * nx))),
        (slice(int(0.60 * ny), int(0.85 * ny)), slice(int(0.30 * nx), int(0.30 * nx) + wide)),
        (slice(0, 3 * high), slice(0, 3 * wide)),
    ]


def _coverage(shape: tuple[int, int], ccd_shape: tuple[int, int], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return the relative depth of stacked layers of CCDs with gaps, about 1 and never 0."""
    gap = max(2, ccd_shape[1] // 20)
    rows, columns = [], []
    for _ in range(_N_LAYERS):
        x0, y0 = rng.integers(0, 100_000, 2)
        columns.append((np.arange(shape[1]) + x0) % (ccd_shape[0] + gap) < ccd_shape[0])
        rows.append((np.arange(shape[0]) + y0) % (ccd_shape[1] + gap) < ccd_shape[1])
    depth = rng.uniform(0.7, 1.2, (_N_LAYERS, 1)) / _N_LAYERS
    covered: npt.NDArray[np.float32] = (depth * np.array(rows)).T.astype(np.float32) @ np.array(columns, np.float32)
    covered += np.float32(_LEAST_DEPTH)
    return covered
