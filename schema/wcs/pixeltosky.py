"""The directions in which the pixels of an image look."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..jit import kernel
from .polynomials import Scaling, plane_polynomials
from .solution import Wcs

__all__ = ["Directions"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """The directions of the pixels of one image, in the order of its runs.

    On a tangent plane with polynomial distortion a direction, not made a unit vector, is a polynomial
    of the pixel's x and y: no trigonometry per pixel.

    Parameters
    ----------
    wcs : Wcs
        The image's solution.
    shape : tuple of int
        (ny, nx).
    offset : float
        What is added to zero-based coordinates before the WCS.
    """

    wcs: Wcs
    shape: tuple[int, int]
    offset: float = 1

    def columns(self, columns: slice) -> Floats:
        """Return unit vectors of the pixels of some columns, column after column.

        Parameters
        ----------
        columns : slice
            Zero-based columns, from start to stop.

        Returns
        -------
        ndarray of float64, shape (3, n_columns * ny)
            In equatorial coordinates.
        """
        x, y = np.arange(columns.start, columns.stop, dtype=float), np.arange(self.shape[0], dtype=float)
        if not self.wcs.polynomial:
            across, down = np.meshgrid(x + self.offset, y + self.offset, indexing="ij")
            return self.wcs.vectors(across.ravel(), down.ravel())
        scaling = Scaling.of(self.shape)
        plane = plane_polynomials(self.wcs, scaling, self.offset)
        out: Floats = np.empty((3, x.size, y.size))
        _fill_columns(np.tensordot(self.wcs.basis().T, plane, 1), *scaling.scaled(x, y), out)
        return out.reshape(3, -1)


@kernel
def _fill_columns(coefficients: Floats, t: Floats, s: Floats, out: Floats) -> None:
    """Write unit vectors, component by component; element ``[k, p, q]`` multiplies ``t**p * s**q``."""
    n = coefficients.shape[1]
    in_s = np.empty(n)
    for column in range(t.size):
        for k in range(3):
            for q in range(n):
                value = 0.0
                for p in range(n - 1, -1, -1):
                    value = value * t[column] + coefficients[k, p, q]
                in_s[q] = value
            line = out[k, column]
            line[:] = in_s[n - 1]
            for q in range(n - 2, -1, -1):
                term = in_s[q]
                for y in range(s.size):
                    line[y] = line[y] * s[y] + term
        to_east, to_north, up = out[0, column], out[1, column], out[2, column]
        for y in range(s.size):
            per_length = 1.0 / np.sqrt(to_east[y] ** 2 + to_north[y] ** 2 + up[y] ** 2)
            to_east[y] *= per_length
            to_north[y] *= per_length
            up[y] *= per_length
