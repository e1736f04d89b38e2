"""Synthetic sources and their noiseless images."""

import math
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt

from ...schema.jit import kernel
from .decam import PIXEL_ARCSEC, Cards, pixel_to_sky

__all__ = [
    "RESIDUAL_GRADIENT",
    "RESIDUAL_LEVEL",
    "Sources",
    "Truth",
    "draw_sources",
    "make_sources",
    "residual_sky",
]

RESIDUAL_LEVEL = 2.5
"""Mean residual sky of every single-epoch image, ADU.

The wings of sources below the detection threshold add to it, as in real images: on average 0.4 ADU over
the good single-epoch pixels of `SMALL` and 1.1 ADU over those of `FULL`, or 0.05 and 0.14 ADU once objects
are grown by 8 pixels.
"""

RESIDUAL_GRADIENT = 4.0
"""Residual sky of the last row minus that of the first, ADU; linear in between."""

Floats = npt.NDArray[np.float64]

# Number counts grow as 10**(0.32 mag); the density of sources sets the depth
_SLOPE = 0.32
_BRIGHTEST = 15.0
_DES_DENSITY, _DES_DEPTH = 38.0, 24.0
_BRIGHT_STARS = 0.05 / _DES_DENSITY
_SHOWPIECE_MAG = 13.0
# Moffat index; 3.5 reduces the power to three products and a square root
_BETA = 3.5
# profiles are cut off at this fraction of the noise, or at this radius in pixels
_FAINTEST, _LARGEST = 0.2, 400.0


@dataclass(frozen=True, slots=True)
class Sources:
    """Stars and galaxies; arrays of float64, shape (n_sources,), unless stated otherwise.

    Parameters
    ----------
    ra, dec : ndarray
        Position, degrees.
    mag : ndarray
        Magnitude, the same in all bands.
    fwhm_arcsec : ndarray
        Intrinsic FWHM along the major axis; 0 for a star.
    axis_ratio : ndarray
        Minor over major axis.
    angle : ndarray
        Angle of the major axis on the coadd, radians from its x axis towards its y axis.
    number : ndarray of int32
        Label in segmentation maps, from 1; 1 is the bright star that every tile has.
    """

    ra: Floats
    dec: Floats
    mag: Floats
    fwhm_arcsec: Floats
    axis_ratio: Floats
    angle: Floats
    number: npt.NDArray[np.int32]

    def chosen(self, which: npt.NDArray[np.bool_]) -> Self:
        """Return the sources where `which` is true.

        Parameters
        ----------
        which : ndarray of bool, shape (n_sources,)
            True for each source to keep.

        Returns
        -------
        Sources
            The selected sources.
        """
        return type(self)(**{field.name: getattr(self, field.name)[which] for field in fields(self)})

    def near(self, ra: float, dec: float, radius: float) -> Self:
        """Return the sources within a radius of a position, in the flat-sky approximation.

        Parameters
        ----------
        ra, dec : float
            Position, degrees.
        radius : float
            Radius, degrees.

        Returns
        -------
        Sources
            The selected sources.
        """
        east = ((self.ra - ra + 180) % 360 - 180) * math.cos(math.radians(dec))
        return self.chosen(np.hypot(east, self.dec - dec) < radius)


@dataclass(frozen=True, slots=True)
class Truth:
    """Noiseless image of the sky, with its detections.

    Parameters
    ----------
    image : ndarray of float32, shape (ny, nx)
        Flux per pixel.
    seg : ndarray of int32, shape (ny, nx)
        Number of the brightest source where `image` is above the detection threshold, else 0.
    """

    image: npt.NDArray[np.float32]
    seg: npt.NDArray[np.int32]


def make_sources(
    rng: np.random.Generator,
    coadd: Cards,
    shape: tuple[int, int],
    margin: float,
    density: float,
    showpiece: tuple[float, float],
) -> Sources:
    """Scatter sources over a coadd and its surroundings.

    Parameters
    ----------
    rng : Generator
        Random number generator.
    coadd : mapping
        WCS keywords of the coadd.
    shape : tuple of int
        Rows and columns of the coadd.
    margin : float
        Extent of the sources beyond the coadd, pixels.
    density : float
        Sources per square arcmin; the lower it is, the brighter the magnitude limit.
    showpiece : tuple of float
        Zero-based coadd x, y of the bright star that every tile has.

    Returns
    -------
    Sources
        The sources, the bright star first.
    """
    ny, nx = shape
    area = (nx + 2 * margin) * (ny + 2 * margin) * (PIXEL_ARCSEC / 60) ** 2
    n_faint, n_bright = round(density * area), int(_BRIGHT_STARS * density * area)
    n = 1 + n_bright + n_faint
    x = rng.uniform(-margin, nx + margin, n)
    y = rng.uniform(-margin, ny + margin, n)
    x[0], y[0] = showpiece
    ra, dec = pixel_to_sky(coadd, x, y)
    depth = max(_DES_DEPTH + math.log10(density / _DES_DENSITY) / _SLOPE, _BRIGHTEST + 1)
    low, high = 10 ** (_SLOPE * _BRIGHTEST), 10 ** (_SLOPE * depth)
    mag = np.log10(rng.uniform(low, high, n)) / _SLOPE
    mag[1 : n_bright + 1] = rng.uniform(9.5, 15.5, n_bright)
    mag[0] = _SHOWPIECE_MAG
    star = rng.random(n) < np.clip(0.9 - 0.11 * (mag - 15), 0.08, 0.9)
    star[: n_bright + 1] = True
    galaxy_fwhm = np.clip(10 ** (0.72 - 0.14 * (mag - 18) + rng.normal(0, 0.18, n)), 0.4, 12)
    return Sources(
        ra=ra,
        dec=dec,
        mag=mag,
        fwhm_arcsec=np.where(star, 0.0, galaxy_fwhm),
        axis_ratio=np.where(star, 1.0, rng.uniform(0.35, 1.0, n)),
        angle=rng.uniform(0, math.pi, n),
        number=np.arange(1, n + 1, dtype=np.int32),
    )


def draw_sources(
    shape: tuple[int, int],
    x: Floats,
    y: Floats,
    sources: Sources,
    *,
    magzp: float,
    fwhm: float,
    sigma: float,
    threshold: float,
) -> Truth:
    """Draw sources on a pixel grid and detect them.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the grid.
    x, y : ndarray of float64, shape (n_sources,)
        Zero-based positions, possibly outside the grid.
    sources : Sources
        Magnitudes and shapes; `angle` is measured from the grid's x axis.
    magzp : float
        Magnitude of a source of 1 ADU.
    fwhm : float
        Seeing, pixels.
    sigma : float
        Noise per pixel, ADU; sets how far the profiles are drawn.
    threshold : float
        Detection threshold, ADU per pixel.

    Returns
    -------
    Truth
        Image and segmentation map.
    """
    flux = 10 ** (0.4 * (magzp - sources.mag))
    size = np.hypot(sources.fwhm_arcsec / PIXEL_ARCSEC, fwhm)
    scale = size / (2 * math.sqrt(2 ** (1 / _BETA) - 1))
    peak = flux * (_BETA - 1) / (math.pi * scale**2 * sources.axis_ratio)
    reach = scale * np.sqrt(np.maximum((peak / (_FAINTEST * sigma)) ** (1 / _BETA) - 1, 1))
    image = np.zeros(shape, np.float32)
    seg = np.zeros(shape, np.int32)
    _draw_moffats(
        image,
        np.zeros(shape, np.float32),
        seg,
        x,
        y,
        peak,
        scale,
        sources.axis_ratio,
        sources.angle,
        np.clip(reach, 4, _LARGEST),
        sources.number,
    )
    seg[image <= threshold] = 0
    return Truth(image, seg)


@kernel
def _draw_moffats(
    image: npt.NDArray[np.float32],
    brightest: npt.NDArray[np.float32],
    label: npt.NDArray[np.int32],
    x: Floats,
    y: Floats,
    peak: Floats,
    scale: Floats,
    axis_ratio: Floats,
    angle: Floats,
    reach: Floats,
    number: npt.NDArray[np.int32],
) -> None:
    """Add elliptical Moffat profiles of index 3.5; `label` is the number of the brightest source at each pixel."""
    ny, nx = image.shape
    for k in range(x.size):
        cosine, sine = math.cos(angle[k]) / scale[k], math.sin(angle[k]) / scale[k]
        y_start, y_stop = max(0, math.ceil(y[k] - reach[k])), min(ny, math.floor(y[k] + reach[k]) + 1)
        x_start, x_stop = max(0, math.ceil(x[k] - reach[k])), min(nx, math.floor(x[k] + reach[k]) + 1)
        for yy in range(y_start, y_stop):
            dy = yy - y[k]
            for xx in range(x_start, x_stop):
                dx = xx - x[k]
                if dx * dx + dy * dy > reach[k] * reach[k]:
                    continue
                major = cosine * dx + sine * dy
                minor = (cosine * dy - sine * dx) / axis_ratio[k]
                t = 1 + major * major + minor * minor
                value = peak[k] / (t * t * t * math.sqrt(t))
                image[yy, xx] += value
                if value > brightest[yy, xx]:
                    brightest[yy, xx] = value
                    label[yy, xx] = number[k]


def residual_sky(shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return the residual sky that background subtraction left in every single-epoch image.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the image.

    Returns
    -------
    ndarray of float32, shape (ny, 1)
        ADU per pixel, the same for all columns.
    """
    ny, _ = shape
    rows = np.arange(ny, dtype=np.float32) / np.float32(max(ny - 1, 1)) - np.float32(0.5)
    return (RESIDUAL_LEVEL + RESIDUAL_GRADIENT * rows[:, None]).astype(np.float32)
