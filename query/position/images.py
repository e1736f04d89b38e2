"""Pixel positions and outlines of many images at once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...schema.wcs.skytopixel import WcsStack

__all__ = ["SkyImages"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

# Segments per edge. An outline joins their ends by great circles, which is accurate to 0.01 pixel for DECam images,
# whose edges bend by up to 0.7 pixel.
_SEGMENTS = 16


@dataclass(frozen=True, slots=True, eq=False)
class SkyImages:
    """Pixels of many images on the sphere.

    Parameters
    ----------
    solutions : WcsStack
        WCS solutions of n images.
    nx, ny : ndarray of int64, shape (n,)
        Sizes of the images in pixels.
    offset : ndarray of float64, shape (n,)
        Their ``position_offset``; see `goodpix.schema.wcs.pixelgrid.PixelGrid`.
    """

    solutions: WcsStack
    nx: npt.NDArray[np.int64]
    ny: npt.NDArray[np.int64]
    offset: Floats

    def positions(self, which: Indices, vectors: Floats) -> Floats:
        """Return pixel positions of directions.

        Parameters
        ----------
        which : ndarray of intp, shape (n_pairs,)
            Index of the image.
        vectors : ndarray of float64, shape (3, n_pairs)
            Unit vectors.

        Returns
        -------
        ndarray of float64, shape (2, n_pairs)
            Zero-based x and y; NaN where there is no position, see `WcsStack.pixels`.
        """
        xy: Floats = self.solutions.pixels(which, vectors) - self.offset[which]
        return xy

    def hold(self, which: Indices, positions: Floats) -> npt.NDArray[np.bool_]:
        """Return which positions have their nearest pixel on the image.

        Parameters
        ----------
        which : ndarray of intp, shape (n_pairs,)
            Index of the image.
        positions : ndarray of float64, shape (2, n_pairs)
            Zero-based x and y.

        Returns
        -------
        ndarray of bool, shape (n_pairs,)
            False for NaN.
        """
        x, y = np.floor(positions + 0.5)
        inside: npt.NDArray[np.bool_] = (x >= 0) & (y >= 0) & (x < self.nx[which]) & (y < self.ny[which])
        return inside

    def outlines(self, which: Indices) -> Floats:
        """Return the outer edges of images as closed chains of directions.

        Parameters
        ----------
        which : ndarray of intp, shape (n_images,)
            Indices of the images.

        Returns
        -------
        ndarray of float64, shape (n_images, n_points, 3)
            Unit vectors around each image, starting at the outer corner of the first pixel.
        """
        along, zero, one = np.arange(_SEGMENTS) / _SEGMENTS, np.zeros(_SEGMENTS), np.ones(_SEGMENTS)
        across = np.concatenate([along, one, 1 - along, zero])
        up = np.concatenate([zero, along, one, 1 - along])
        start = self.offset[which, np.newaxis] - 0.5
        fits_x, fits_y = (
            np.outer(size[which], fraction) + start for size, fraction in ((self.nx, across), (self.ny, up))
        )
        vectors = self.solutions.vectors(np.repeat(which, across.size), fits_x.ravel(), fits_y.ravel())
        return np.ascontiguousarray(vectors.T).reshape(which.size, across.size, 3)
