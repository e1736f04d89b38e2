"""Pixel mapping from a coadd to an epoch.

The inverse of a smooth distortion is smooth: over one CCD, a polynomial of moderate degree approximates it to far
better than a pixel, and each fit is checked. All other mappings go through wcslib.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..amplifiers import Region
from ..jit import kernel
from .pixelgrid import PixelGrid
from .pixelmap import PixelMap, WcslibMap, pixel_map

__all__ = ["PolynomialInverse", "add_covered", "inverse_map"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int16]

_DEGREES = (5, 7, 9)

# Pixels of the epoch: a polynomial with a larger error anywhere is not used.
_EXACT = 1e-7

# Pixels of the coadd. A coadd position that maps into the epoch but not back to within this distance of itself is on
# another branch of the polynomial.
_BRANCH = 1e-3

# Positions per axis at which the polynomials are fitted, and at which they are checked.
_NODES, _CHECKS = 16, 37

# Margin in pixels: around the epoch in the fit, and around the epoch's area on the coadd.
_MARGIN = 8.0

# Columns of the coadd processed at a time. If coadd rows run along CCD rows, every pixel of a row lies in another page
# of memory, and a narrow strip reuses the pages touched by the previous row.
_STRIP = 512

# Rows mapped at a time without a kernel.
_ROWS = 64


def inverse_map(epoch: PixelGrid, coadd: PixelGrid) -> PixelMap:
    """Return the mapping from a coadd's pixels to an epoch's, accurate to 1e-7 pixel of the epoch.

    Far outside the epoch, positions may be inaccurate where they should be NaN.
    """
    return _fit_inverse(pixel_map(epoch, coadd), epoch.shape) or WcslibMap(coadd, epoch)


@dataclass(frozen=True, slots=True, eq=False)
class PolynomialInverse:
    """Epoch coordinates as polynomials in coadd coordinates.

    Parameters
    ----------
    coefficients : ndarray of float64, shape (2, n, n)
        For x and y; element ``[k, p, q]`` multiplies ``u**p * v**q`` with ``u = (x - centre[0]) / half[0]``,
        ``v = (y - centre[1]) / half[1]``.
    centre, half : ndarray of float64, shape (2,)
        Scaling, pixels of the coadd.
    """

    coefficients: Floats
    centre: Floats
    half: Floats

    @property
    def box(self) -> Region:
        """Box of coadd pixels that contains every pixel of the epoch; may extend beyond the coadd."""
        low, high = np.floor(self.centre - self.half), np.ceil(self.centre + self.half) + 1
        return Region(int(low[0]), int(high[0]), int(low[1]), int(high[1]))

    def scaled(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return the scaled coordinates u and v of coadd positions."""
        return (x - self.centre[0]) / self.half[0], (y - self.centre[1]) / self.half[1]

    def positions(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return positions on the epoch."""
        u, v = self.scaled(x, y)
        epoch_x, epoch_y = (np.polynomial.polynomial.polyval2d(u, v, each) for each in self.coefficients)
        return epoch_x, epoch_y


def add_covered(inverse: PixelMap, pixels: Bools, counts: Counts) -> None:
    """Add 1 at the coadd pixels whose centre lies in a selected pixel of an epoch.

    Parameters
    ----------
    inverse : PixelMap
        Mapping from the coadd to the epoch.
    pixels : ndarray of bool, shape (ny, nx)
        Selected pixels of the epoch. Fastest in column-major memory order.
    counts : ndarray of int16, shape (coadd ny, coadd nx)
        Counts at the coadd pixels, changed in place.
    """
    coadd_ny, coadd_nx = counts.shape
    if isinstance(inverse, PolynomialInverse):
        box = inverse.box
        x0, x1, y0, y1 = max(box.x0, 0), min(box.x1, coadd_nx), max(box.y0, 0), min(box.y1, coadd_ny)
        if x0 < x1 and y0 < y1:
            u, v = inverse.scaled(np.arange(x0, x1, dtype=float), np.arange(y0, y1, dtype=float))
            _add(inverse.coefficients, u, v, np.ascontiguousarray(pixels.T), counts[y0:y1, x0:x1])
        return
    ny, nx = pixels.shape
    for row in range(0, coadd_ny, _ROWS):
        y, x = np.mgrid[row : min(row + _ROWS, coadd_ny), 0:coadd_nx].astype(np.float64)
        px, py = (np.floor(np.nan_to_num(each, nan=-1.0) + 0.5) for each in inverse.positions(x, y))
        inside = (px >= 0) & (px < nx) & (py >= 0) & (py < ny)
        counts[row : row + _ROWS][inside] += pixels[py[inside].astype(np.intp), px[inside].astype(np.intp)]


def _fit_inverse(forward: PixelMap, shape: tuple[int, int]) -> PolynomialInverse | None:
    """Return the inverse of a smooth mapping, or None if no polynomial is accurate enough."""
    ny, nx = shape
    nodes = np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
    x, y = np.meshgrid((nx - 1) / 2 + nodes * (nx / 2 + _MARGIN), (ny - 1) / 2 + nodes * (ny / 2 + _MARGIN))
    coadd_xy = np.array(forward.positions(x.ravel(), y.ravel()))
    if not np.isfinite(coadd_xy).all():
        return None
    low, high = coadd_xy.min(axis=1), coadd_xy.max(axis=1)
    centre, half = (low + high) / 2, (high - low) / 2 + _MARGIN
    u, v = (coadd_xy - centre[:, np.newaxis]) / half[:, np.newaxis]
    for degree in _DEGREES:
        coefficients = np.zeros((2, degree + 1, degree + 1))
        powers = [(p, q) for p in range(degree + 1) for q in range(degree + 1 - p)]
        basis = np.array([u**p * v**q for p, q in powers]).T
        solutions = np.linalg.lstsq(basis, np.array([x.ravel(), y.ravel()]).T, rcond=None)[0]
        coefficients[(slice(None), *np.array(powers).T)] = solutions.T
        inverse = PolynomialInverse(coefficients, centre, half)
        if _is_exact(inverse, forward, shape):
            return inverse
    return None


def _is_exact(inverse: PolynomialInverse, forward: PixelMap, shape: tuple[int, int]) -> bool:
    """Return whether an inverse maps the epoch back to itself, and nothing else in its box into the epoch."""
    ny, nx = shape
    x, y = np.meshgrid(np.linspace(-0.5, nx - 0.5, _CHECKS), np.linspace(-0.5, ny - 0.5, _CHECKS))
    back = inverse.positions(*forward.positions(x, y))
    if not (np.abs(np.array(back) - np.array([x, y])) < _EXACT).all():
        return False
    (x0, x1), (y0, y1) = (inverse.centre[k] + np.array([-1, 1]) * inverse.half[k] for k in (0, 1))
    x, y = np.meshgrid(np.linspace(x0, x1, _CHECKS), np.linspace(y0, y1, _CHECKS))
    px, py = inverse.positions(x, y)
    inside = (px >= -0.5) & (px <= nx - 0.5) & (py >= -0.5) & (py <= ny - 0.5)
    again = np.array(forward.positions(px[inside], py[inside]))
    return bool((np.abs(again - np.array([x[inside], y[inside]])) < _BRANCH).all())


@kernel
def _add(coefficients: Floats, u: Floats, v: Floats, columns: Bools, counts: Counts) -> None:
    n = coefficients.shape[1]
    nx, ny = columns.shape
    in_u = np.empty((2, n))
    px, py, pixel = np.empty(_STRIP), np.empty(_STRIP), np.empty(_STRIP, np.int32)
    flat = columns.reshape(-1)
    for x0 in range(0, u.size, _STRIP):
        m = min(_STRIP, u.size - x0)
        for row in range(v.size):
            for k in range(2):
                for p in range(n):
                    value = 0.0
                    for q in range(n - 1, -1, -1):
                        value = value * v[row] + coefficients[k, p, q]
                    in_u[k, p] = value
                in_u[k, 0] += 0.5
            _polynomial(in_u[0], u[x0 : x0 + m], px)
            _polynomial(in_u[1], u[x0 : x0 + m], py)
            for x in range(m):
                inside = (px[x] >= 0.0) & (px[x] < nx) & (py[x] >= 0.0) & (py[x] < ny)
                # numbers of 32 bits, which processors convert several at a time
                pixel[x] = np.int32(px[x]) * np.int32(ny) + np.int32(py[x]) if inside else np.int32(-1)
            line = counts[row, x0 : x0 + m]
            for x in range(m):
                if pixel[x] >= 0:
                    line[x] += flat[pixel[x]]


@kernel
def _polynomial(coefficients: Floats, at: Floats, out: Floats) -> None:
    """Write the values of a polynomial."""
    n = coefficients.size
    for x in range(at.size):
        out[x] = coefficients[n - 1]
    for p in range(n - 2, -1, -1):
        term = coefficients[p]
        for x in range(at.size):
            out[x] = out[x] * at[x] + term
