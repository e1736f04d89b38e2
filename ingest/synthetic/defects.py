"""Planes of a synthetic CCD image, with noise and detector defects."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...schema.bits import DES_Y6
from .decam import CCD_SHAPE
from .drawing import Floats, Sources, Truth, residual_sky
from .exposure import AMP_B_VARIANCE, Exposure, amplifiers

__all__ = [
    "FLAT_SCATTER",
    "BrightStars",
    "StarHalo",
    "SyntheticPlanes",
    "box_about",
    "bright_stars",
    "epoch_planes",
    "trail_size",
]

FLAT_SCATTER = 0.01
"""Relative pixel-to-pixel scatter of the weights, as from a flat field."""

_BIT = DES_Y6.se

_FULL_WELL, _SATURATION = 60000.0, 40000.0
_TRAIL_MAG, _HALO_MAG = 15.2, 14.0


@dataclass(frozen=True, slots=True)
class SyntheticPlanes:
    """The four planes of one image, each of shape (ny, nx).

    Parameters
    ----------
    image : ndarray of float32
        Flux per pixel, ADU.
    weight : ndarray of float32
        Inverse variance, ADU**-2; exactly 0 where there are no data.
    bmask : ndarray of int32
        Mask bits.
    seg : ndarray of int32
        Number of the detected object, 0 if none.
    """

    image: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]
    bmask: npt.NDArray[np.int32]
    seg: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class BrightStars:
    """Saturated stars that bleed; float64 arrays of shape (n_stars,).

    Parameters
    ----------
    x, y : ndarray
        Zero-based positions, possibly outside the image.
    mag : ndarray
        Magnitudes.
    """

    x: Floats
    y: Floats
    mag: Floats


@dataclass(frozen=True, slots=True)
class StarHalo:
    """Faint halo of scattered light about each star that has a mask of its own (bit ``STAR``).

    Parameters
    ----------
    level : float
        Surface brightness within the mask and at its edge, ADU per pixel.
    reach : float
        Distance from the mask's edge, pixels, over which it falls to zero in proportion.
    """

    level: float
    reach: float


def bright_stars(x: Floats, y: Floats, sources: Sources) -> BrightStars:
    """Select the stars that bleed.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n_sources,)
        Zero-based positions on the image.
    sources : Sources
        The sources at these positions.

    Returns
    -------
    BrightStars
        The saturated stars.
    """
    bleeds = (sources.fwhm_arcsec == 0) & (sources.mag < _TRAIL_MAG)
    return BrightStars(x[bleeds], y[bleeds], sources.mag[bleeds])


def epoch_planes(
    truth: Truth,
    stars: BrightStars,
    exposure: Exposure,
    index: int,
    rng: np.random.Generator,
    halo: StarHalo | None = None,
) -> SyntheticPlanes:
    """Make the planes of a CCD image from its noiseless image.

    Parameters
    ----------
    truth : Truth
        Noiseless image and detections; `image` is modified in place.
    stars : BrightStars
        The stars that bleed.
    exposure : Exposure
        Noise level and CCD.
    index : int
        Index of the epoch: 0, 3, 6 ... have a satellite streak, 1, 3, 5 ... an edge bleed,
        4, 9, 14 ... a dead amplifier.
    rng : Generator
        Random number generator.
    halo : StarHalo, optional
        Halo of bright stars.

    Returns
    -------
    SyntheticPlanes
        Image, weight, mask and segmentation map.
    """
    shape = truth.image.shape
    _, amp_b = amplifiers(exposure.ccdnum, shape[1])
    weight = rng.standard_normal(shape, dtype=np.float32)
    weight *= FLAT_SCATTER
    weight += 1
    weight /= exposure.sigma**2
    weight[:, amp_b] /= AMP_B_VARIANCE
    noise = rng.standard_normal(shape, dtype=np.float32)
    noise /= np.sqrt(weight)
    bmask = np.where(truth.image > _SATURATION, _BIT["SATURATE"], 0).astype(np.int32)
    image = truth.image
    image += noise
    image += residual_sky((shape[0], shape[1]))
    planes = SyntheticPlanes(image, weight, bmask, truth.seg)
    _paint_stars(planes, stars, halo)
    _paint_columns(planes, rng)
    _paint_pixels(planes, rng)
    if index % 3 == 0:
        _paint_streak(planes, rng)
    if index % 2 == 1:
        _paint_edge_bleed(planes, int(rng.integers(shape[1])))
    _paint_tape_bumps(planes)
    _paint_edges(planes)
    if index % 5 == 4:
        planes.bmask[:, amp_b] |= _BIT["BADAMP"]
        planes.weight[:, amp_b] = 0
        planes.image[:, amp_b] = 0
    np.minimum(planes.image, _FULL_WELL, out=planes.image)
    return planes


def trail_size(mag: float, ccd_shape: tuple[int, int]) -> tuple[int, int]:
    """Return the size of a star's bleed trail.

    Parameters
    ----------
    mag : float
        Magnitude of the star.
    ccd_shape : tuple of int
        Rows and columns of the CCD; a trail is at most two fifths of a column long.

    Returns
    -------
    half_length, half_width : int
        Pixels on each side of the star, along and across the columns.
    """
    half_length = min(40 * 10 ** (0.3 * (15 - mag)), 0.2 * ccd_shape[0])
    return int(half_length), int(1 + max(0, _HALO_MAG - mag))


def box_about(shape: tuple[int, int], x: float, y: float, half_width: float, half_height: float) -> tuple[slice, slice]:
    """Return a box about a position, clipped to the image.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the image.
    x, y : float
        Zero-based centre of the box, possibly outside the image.
    half_width, half_height : float
        Pixels on each side of the centre, along x and y.

    Returns
    -------
    rows, columns : slice
        Empty if the box lies outside the image.
    """
    ny, nx = shape
    y_stop, x_stop = int(y + half_height) + 1, int(x + half_width) + 1
    return (
        slice(max(0, int(y - half_height)), min(ny, max(0, y_stop))),
        slice(max(0, int(x - half_width)), min(nx, max(0, x_stop))),
    )


def _set_disc(bmask: npt.NDArray[np.int32], x: float, y: float, radius: float, bits: int) -> None:
    rows, columns = box = box_about((bmask.shape[0], bmask.shape[1]), x, y, radius, radius)
    yy = np.arange(rows.start, max(rows.start, rows.stop))[:, None]
    xx = np.arange(columns.start, max(columns.start, columns.stop))
    bmask[box][(xx - x) ** 2 + (yy - y) ** 2 <= radius**2] |= bits


def _add_halo(image: npt.NDArray[np.float32], x: float, y: float, radius: float, halo: StarHalo) -> None:
    rows, columns = box = box_about((image.shape[0], image.shape[1]), x, y, radius + halo.reach, radius + halo.reach)
    yy = np.arange(rows.start, max(rows.start, rows.stop))[:, None]
    xx = np.arange(columns.start, max(columns.start, columns.stop))
    beyond = np.hypot(xx - x, yy - y) - radius
    image[box] += (halo.level * np.clip(1 - beyond / halo.reach, 0, 1)).astype(np.float32)


def _linear(shape: tuple[int, ...]) -> float:
    """Return the linear size of an image relative to a whole CCD."""
    return math.sqrt(shape[0] * shape[1] / (CCD_SHAPE[0] * CCD_SHAPE[1]))


def _paint_stars(planes: SyntheticPlanes, stars: BrightStars, halo: StarHalo | None) -> None:
    """Add haloes, bleed trails along columns, and crosstalk from the brightest stars."""
    ny, nx = planes.image.shape
    for x, y, mag in zip(stars.x, stars.y, stars.mag, strict=True):
        if mag < _HALO_MAG:
            radius = min(20 * 10 ** (0.2 * (_HALO_MAG - mag)), 0.08 * nx)
            _set_disc(planes.bmask, x, y, radius, _BIT["STAR"])
            if halo is not None:
                _add_halo(planes.image, x, y, radius, halo)
        if not (0 <= x < nx and 0 <= y < ny):
            continue
        half_length, half_width = trail_size(mag, (ny, nx))
        box = box_about((ny, nx), x, y, half_width, half_length)
        planes.bmask[box] |= _BIT["TRAIL"] | _BIT["INTERP"]
        planes.weight[box] = 0
        planes.image[box] = np.maximum(planes.image[box], _SATURATION * 0.9)
        if mag <= _HALO_MAG - 1:
            _set_disc(planes.bmask, nx - 1 - x, y, 12 * _linear((ny, nx)) + 2, _BIT["SSXTALK"])
        if box[0].stop == ny:
            _paint_edge_bleed(planes, int(x))


def _paint_edge_bleed(planes: SyntheticPlanes, x: int) -> None:
    """Add an edge bleed: charge that floods the last rows about a column."""
    ny, nx = planes.image.shape
    depth = max(6, round(30 * _linear((ny, nx))))
    box = box_about((ny, nx), x, ny - 1, nx / 14, depth)
    planes.bmask[box] |= _BIT["EDGEBLEED"]
    planes.image[box] += 500


def _paint_columns(planes: SyntheticPlanes, rng: np.random.Generator) -> None:
    """Add columns that are bad from a random row upwards, one repaired and one suspect column."""
    ny, nx = planes.image.shape
    for k, x in enumerate(rng.integers(0, nx, max(5, round(7 * _linear((ny, nx)))))):
        box = (slice(int(rng.integers(0, ny)), ny), slice(int(x), int(x) + int(rng.integers(1, 3))))
        planes.bmask[box] |= _BIT["BPM"] | _BIT["INTERP"]
        planes.image[box] += rng.normal(0, 40)
        if k % 2 == 0:
            planes.weight[box] = 0
    planes.bmask[:, rng.integers(0, nx)] |= _BIT["FIXED"]
    planes.bmask[:, rng.integers(0, nx)] |= _BIT["SUSPECT"]


def _paint_pixels(planes: SyntheticPlanes, rng: np.random.Generator) -> None:
    """Add hot pixels and cosmic ray tracks."""
    ny, nx = planes.image.shape
    relative_area = _linear((ny, nx)) ** 2
    hot = rng.integers(0, nx * ny, max(8, round(4000 * relative_area)))
    planes.bmask.ravel()[hot] |= _BIT["BPM"]
    planes.image.ravel()[hot] += 800
    planes.weight.ravel()[hot[::2]] = 0
    for _ in range(max(6, round(260 * relative_area))):
        steps = np.arange(rng.integers(3, 40))
        angle = rng.uniform(0, math.pi)
        x = (rng.uniform(0, nx) + steps * math.cos(angle)).astype(np.int64)
        y = (rng.uniform(0, ny) + steps * math.sin(angle)).astype(np.int64)
        inside = (x >= 0) & (x < nx) & (y < ny)
        track = (y[inside], x[inside])
        planes.image[track] += rng.uniform(200, 5000)
        planes.bmask[track] |= _BIT["CRAY"] | _BIT["INTERP"]
        planes.weight[track] = 0


def _paint_streak(planes: SyntheticPlanes, rng: np.random.Generator) -> None:
    """Add a satellite streak straight across the CCD."""
    ny, nx = planes.image.shape
    x0, y0 = rng.uniform(0.25, 0.75) * nx, rng.uniform(0.25, 0.75) * ny
    angle = rng.uniform(0, math.pi)
    across = (np.arange(nx) - x0) * math.sin(angle) - (np.arange(ny)[:, None] - y0) * math.cos(angle)
    streak = np.abs(across) < max(2.5, 20 * _linear((ny, nx)))
    planes.image[streak] += 60
    planes.bmask[streak] |= _BIT["STREAK"]


def _paint_tape_bumps(planes: SyntheticPlanes) -> None:
    """Add the six tape bumps of every DECam CCD."""
    ny, nx = planes.image.shape
    for x in (0.045, 0.955):
        for y in (0.17, 0.5, 0.83):
            bits = _BIT["TAPEBUMP"] | _BIT["SUSPECT"]
            _set_disc(planes.bmask, x * nx, y * ny, 45 * _linear((ny, nx)), bits)


def _paint_edges(planes: SyntheticPlanes) -> None:
    """Flag the edges of the CCD and the columns next to its long edges."""
    ny, nx = planes.image.shape
    width = max(3, round(15 * _linear((ny, nx))))
    near = width + max(5, round(25 * _linear((ny, nx))))
    frame = np.ones((ny, nx), np.bool_)
    frame[width : ny - width, width : nx - width] = False
    planes.bmask[frame] |= _BIT["EDGE"]
    for columns in (slice(width, near), slice(nx - near, nx - width)):
        planes.bmask[width : ny - width, columns] |= _BIT["NEAREDGE"]
