"""Pixel mapping from an epoch to its coadd.

Tangent planes with polynomial distortion need no trigonometry per pixel. The polynomials give (xi, eta) on the epoch's
tangent plane; ``(xi, eta, 1)`` is a direction; a rotation takes it to the coadd's tangent frame. Coadd x and y are
therefore ratios of two polynomials in the epoch's x and y. All other mappings go through wcslib.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..jit import kernel
from .pixelgrid import PixelGrid
from .polynomials import CoordinateScaling

__all__ = ["PixelMap", "RationalMap", "WcslibMap", "pixel_map", "rational_row"]

Floats = npt.NDArray[np.float64]
IndexRow = npt.NDArray[np.uint32]

# Terms per axis of a cubic, the only degree the kernel evaluates. DECam solutions are cubic; lower degrees are padded.
_CUBIC = 4


class PixelMap(Protocol):
    """Mapping from the pixels of one image to those of another; zero-based on both sides."""

    def positions(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return positions on the target; NaN where the direction is 90 degrees or more from its tangent point.

        Parameters
        ----------
        x, y : ndarray of float64, any shape
            Positions on the source.
        """


def pixel_map(epoch: PixelGrid, coadd: PixelGrid) -> PixelMap:
    """Return the mapping from an epoch's pixels to its coadd's."""
    if epoch.wcs.polynomial and coadd.wcs.linear:
        return _rational(epoch, coadd)
    return WcslibMap(epoch, coadd)


@dataclass(frozen=True, slots=True, eq=False)
class RationalMap:
    """Coadd coordinates as ratios of two polynomials in epoch coordinates.

    Parameters
    ----------
    coefficients : ndarray of float64, shape (3, n, n), n >= 4
        Numerators of x and y, and their common denominator; element ``[k, p, q]`` multiplies ``t**p * s**q``.
    scaling : CoordinateScaling
        Scaling of the epoch's pixels.
    """

    coefficients: Floats
    scaling: CoordinateScaling

    @property
    def cubic(self) -> bool:
        """True if `rational_row` can evaluate the mapping."""
        return int(self.coefficients.shape[1]) == _CUBIC

    def positions(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return coadd positions; NaN where the direction is 90 degrees or more from the tangent point."""
        t, s = self.scaling.scaled(x, y)
        across, up, down = (np.polynomial.polynomial.polyval2d(t, s, each) for each in self.coefficients)
        front = down > 0
        safe = np.where(front, down, 1.0)
        return np.where(front, across / safe, np.nan), np.where(front, up / safe, np.nan)


@dataclass(frozen=True, slots=True)
class WcslibMap:
    """Positions on another image through wcslib: slower, but for every projection and distortion."""

    source: PixelGrid
    target: PixelGrid

    def positions(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return positions on the target, or NaN."""
        vectors = self.source.vectors(np.ravel(x), np.ravel(y))
        out = self.target.wcs.wcslib_pixels(vectors) - self.target.offset
        return out[0].reshape(np.shape(x)), out[1].reshape(np.shape(x))


def _rational(epoch: PixelGrid, coadd: PixelGrid) -> RationalMap:
    """Return the mapping between two tangent planes."""
    # rows: east, north and centre of the coadd; columns: those of the epoch
    east, north, down = np.tensordot(coadd.wcs.basis @ epoch.wcs.basis.T, epoch.plane, 1)
    to_pixels = np.linalg.inv(coadd.wcs.cd) * math.degrees(1.0)
    origin = coadd.wcs.crpix - coadd.offset
    across = to_pixels[0, 0] * east + to_pixels[0, 1] * north + origin[0] * down
    up = to_pixels[1, 0] * east + to_pixels[1, 1] * north + origin[1] * down
    coefficients = np.array([across, up, down])
    missing = max(0, _CUBIC - coefficients.shape[1])
    return RationalMap(np.pad(coefficients, ((0, 0), (0, missing), (0, missing))), epoch.scaling)


@kernel
def rational_row(coefficients: Floats, t: Floats, s: float, nx: int, ny: int, ix: IndexRow, iy: IndexRow) -> None:
    """Write the nearest coadd pixel of each pixel in an epoch's row, or part of a row.

    Parameters
    ----------
    coefficients : ndarray of float64, shape (3, 4, 4)
        Cubics, see `RationalMap`.
    t : ndarray of float64, shape (m,)
        Scaled x of the pixels.
    s : float
        Scaled y of the row.
    nx, ny : int
        Size of the coadd.
    ix, iy : ndarray of uint32, shape (m,)
        Output: zero-based pixel numbers plus 1, from 0 to nx + 1 and 0 to ny + 1. Both ends are off the coadd: they
        are the border of a coadd padded by one pixel.
    """
    # in local variables: the compiler assumes that any write to ix or iy may change an array element
    a0, a1, a2, a3 = _in_t(coefficients[0], s)
    b0, b1, b2, b3 = _in_t(coefficients[1], s)
    c0, c1, c2, c3 = _in_t(coefficients[2], s)
    end_x, end_y = np.float64(nx + 1), np.float64(ny + 1)
    for x in range(t.size):
        at = t[x]
        down = ((c3 * at + c2) * at + c1) * at + c0
        per_down = 1.0 / down
        # floor(v + 0.5) + 1; negative values are outside
        across = (((a3 * at + a2) * at + a1) * at + a0) * per_down + 1.5
        up = (((b3 * at + b2) * at + b1) * at + b0) * per_down + 1.5
        # false for NaN, so that NaN and directions behind the tangent point become 0
        across = across if (across > 0.0) & (down > 0.0) else 0.0
        up = up if (up > 0.0) & (down > 0.0) else 0.0
        ix[x] = np.int32(across if across < end_x else end_x)
        iy[x] = np.int32(up if up < end_y else end_y)


@kernel
def _in_t(cubic: Floats, s: float) -> tuple[float, float, float, float]:
    """Return the coefficients of the powers of t at a given s."""
    return _cubic(cubic[0], s), _cubic(cubic[1], s), _cubic(cubic[2], s), _cubic(cubic[3], s)


@kernel
def _cubic(c: Floats, s: float) -> float:
    return float(((c[3] * s + c[2]) * s + c[1]) * s + c[0])
