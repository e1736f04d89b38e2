"""Many images on the sky at once: which of them hold a position, and where their edges run."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...schema.wcs.skytopixel import WcsStack

__all__ = ["SkyImages"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

# Pieces of each edge. Between their ends an outline is a great circle: of DECam's images, whose edges
# bend by up to 0.7 pixel over their length, that is right to a hundredth of a pixel.
_PIECES = 16


@dataclass(frozen=True, slots=True, eq=False)
class SkyImages:
    """Many images.

    Parameters
    ----------
    solutions : WcsStack
        Of n images.
    nx, ny : ndarray of int64, shape (n,)
        Their sizes in pixels.
    offset : ndarray of float64, shape (n,)
        The ``position_offset`` of each; see `goodpix.schema.wcs.pixelgrid.PixelGrid`.
    """

    solutions: WcsStack
    nx: npt.NDArray[np.int64]
    ny: npt.NDArray[np.int64]
    offset: Floats

    def positions(self, which: Indices, vectors: Floats) -> Floats:
        """Return where directions lie on images.

        Parameters
        ----------
        which : ndarray of intp, shape (n_pairs,)
            Number of the image.
        vectors : ndarray of float64, shape (3, n_pairs)
            Unit vectors.

        Returns
        -------
        ndarray of float64, shape (2, n_pairs)
            Zero-based x and y; NaN where there is no such position, see `WcsStack.pixels`.
        """
        found: Floats = self.solutions.pixels(which, vectors) - self.offset[which]
        return found

    def hold(self, which: Indices, positions: Floats) -> npt.NDArray[np.bool_]:
        """Return whether the nearest pixel of positions is one of the image.

        Parameters
        ----------
        which : ndarray of intp, shape (n_pairs,)
            Number of the image.
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
        """Return the outer edges of images, as directions one after the other.

        Parameters
        ----------
        which : ndarray of intp, shape (n_images,)
            Numbers of the images.

        Returns
        -------
        ndarray of float64, shape (n_images, n_points, 3)
            Unit vectors, all the way round; the first is the outer corner of the first pixel.
        """
        along, zero, one = np.arange(_PIECES) / _PIECES, np.zeros(_PIECES), np.ones(_PIECES)
        across = np.concatenate([along, one, 1 - along, zero])
        up = np.concatenate([zero, along, one, 1 - along])
        start = self.offset[which, np.newaxis] - 0.5
        fits_x, fits_y = (np.outer(size[which], part) + start for size, part in ((self.nx, across), (self.ny, up)))
        vectors = self.solutions.vectors(np.repeat(which, across.size), fits_x.ravel(), fits_y.ravel())
        return np.ascontiguousarray(vectors.T).reshape(which.size, across.size, 3)
