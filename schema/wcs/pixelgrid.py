"""Pixels of an image on the sphere."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from ..amplifiers import Region
from ..jit import kernel
from .polynomials import CoordinateScaling, substitute
from .solution import Wcs

__all__ = ["PixelGrid", "solid_angles", "stored_grid"]

Floats = npt.NDArray[np.float64]

_ARCMIN2 = (180 * 60 / np.pi) ** 2


# no slots: the polynomials are cached
@dataclass(frozen=True)
class PixelGrid:
    """Pixels of one image on the sphere; positions are zero-based.

    Parameters
    ----------
    wcs : Wcs
        The image's solution.
    shape : tuple of int
        (ny, nx).
    offset : float
        Added to zero-based coordinates before the WCS: the image's ``position_offset``.
    """

    wcs: Wcs
    shape: tuple[int, int]
    offset: float = 1

    def vectors(self, x: Floats, y: Floats) -> Floats:
        """Return unit vectors of positions; shape (3, n)."""
        return self.wcs.vectors(x + self.offset, y + self.offset)

    def sky(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return right ascension (0 to 360) and declination of positions, degrees."""
        return self.wcs.sky(x + self.offset, y + self.offset)

    def box(self, box: Region) -> Floats:
        """Return unit vectors of the pixels in a box; shape (3, ny, nx)."""
        y, x = np.mgrid[box.y0 : box.y1, box.x0 : box.x1].astype(np.float64)
        return self.vectors(x.ravel(), y.ravel()).reshape(3, *x.shape)

    def columns(self, columns: slice, rows: Floats | None = None) -> Floats:
        """Return unit vectors of the pixels in a range of columns, in the order of the run-length code.

        Parameters
        ----------
        columns : slice
            Zero-based columns.
        rows : ndarray of float64, shape (n_rows,), optional
            Zero-based rows; all by default.

        Returns
        -------
        ndarray of float64, shape (3, n_columns * n_rows)
            Equatorial coordinates, column after column.

        Notes
        -----
        On a tangent plane with polynomial distortion, directions that are not normalised are polynomials in the
        pixel's x and y, so no trigonometry is needed per pixel.
        """
        x = np.arange(columns.start, columns.stop, dtype=float)
        y = np.arange(self.shape[0], dtype=float) if rows is None else rows
        if not self.wcs.polynomial:
            across, down = np.meshgrid(x, y, indexing="ij")
            return self.vectors(across.ravel(), down.ravel())
        out: Floats = np.empty((3, x.size, y.size))
        _fill_columns(np.tensordot(self.wcs.basis.T, self.plane, 1), *self.scaling.scaled(x, y), out)
        return out.reshape(3, -1)

    @property
    def scaling(self) -> CoordinateScaling:
        """Scaling of its pixels to about -1 to 1."""
        ny, nx = self.shape
        return CoordinateScaling((nx - 1) / 2, (ny - 1) / 2, max(nx, ny) / 2)

    @cached_property
    def plane(self) -> Floats:
        """Tangent plane coordinates as polynomials in the pixels, if the solution is `polynomial`; shape (3, n, n).

        Xi and eta in radians, and the constant 1. Element ``[k, p, q]`` multiplies ``t**p * s**q``, see `scaling`.
        """
        # intermediate world coordinates as polynomials in (t, s): element [p, q] multiplies t**p * s**q
        wcs, scaling = self.wcs, self.scaling
        centre = wcs.cd @ (np.array([scaling.centre_x, scaling.centre_y]) + self.offset - wcs.crpix)
        slopes = wcs.cd * scaling.half
        u, v = (np.array([[centre[k], slopes[k, 1]], [slopes[k, 0], 0.0]]) for k in (0, 1))
        xi, eta = (np.radians(substitute(each, u, v)) for each in wcs.pv)
        one = np.zeros_like(xi)
        one[0, 0] = 1.0
        return np.array([xi, eta, one])


def solid_angles(grid: PixelGrid, rows: slice) -> Floats:
    """Return the solid angle of each pixel in a range of rows.

    Parameters
    ----------
    grid : PixelGrid
        The image.
    rows : slice
        Zero-based rows.

    Returns
    -------
    ndarray of float64, shape (stop - start, nx)
        Square arcminutes.

    Notes
    -----
    On a tangent plane without distortion ``d(omega) = cos(theta)**3 d(xi) d(eta)``, where theta is the distance from
    the tangent point (Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3); this is exact apart from the variation
    within a pixel. Otherwise, the solid angle is half the cross product of the pixel's diagonals.
    """
    wcs, nx = grid.wcs, grid.shape[1]
    out: Floats = np.empty((rows.stop - rows.start, nx))
    if wcs.linear:
        per_pixel = np.radians(wcs.cd)
        origin = per_pixel @ (np.array([0, rows.start]) + grid.offset - wcs.crpix)
        _tangent_areas(origin, per_pixel, abs(np.linalg.det(per_pixel)) * _ARCMIN2, out)
        return out
    y, x = np.mgrid[rows.start : rows.stop + 1, 0 : nx + 1] - 0.5
    corners = grid.vectors(x.ravel(), y.ravel()).reshape(3, *x.shape)
    up, down = corners[:, 1:, 1:] - corners[:, :-1, :-1], corners[:, 1:, :-1] - corners[:, :-1, 1:]
    out[...] = np.sqrt((np.cross(up, down, axis=0) ** 2).sum(axis=0)) * (_ARCMIN2 / 2)
    return out


@kernel
def _fill_columns(coefficients: Floats, t: Floats, s: Floats, out: Floats) -> None:
    """Write unit vectors by component; element ``[k, p, q]`` multiplies ``t**p * s**q``."""
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


@kernel
def _tangent_areas(origin: Floats, per_pixel: Floats, area: float, out: Floats) -> None:
    """Write solid angles at tangent plane coordinates ``origin + x * per_pixel[:, 0] + row * per_pixel[:, 1]``."""
    for row in range(out.shape[0]):
        xi0, eta0 = origin[0] + row * per_pixel[0, 1], origin[1] + row * per_pixel[1, 1]
        for x in range(out.shape[1]):
            xi, eta = xi0 + x * per_pixel[0, 0], eta0 + x * per_pixel[1, 0]
            squared = 1.0 + xi * xi + eta * eta
            out[row, x] = area / (squared * np.sqrt(squared))


@lru_cache(maxsize=256)
def stored_grid(wcs: str, shape: tuple[int, int], offset: float) -> PixelGrid:
    """Return the grid of a catalogue's row, whose WCS is JSON; its coefficients are computed once."""
    return PixelGrid(Wcs.from_json(wcs), shape, offset)
