"""The solid angles of an image's pixels."""

import numpy as np
import numpy.typing as npt

from ..jit import kernel
from .solution import Wcs

__all__ = ["solid_angles"]

Floats = npt.NDArray[np.float64]

_ARCMIN2 = (180 * 60 / np.pi) ** 2


def solid_angles(wcs: Wcs, rows: slice, nx: int, offset: float = 1) -> Floats:
    """Return the solid angle of each pixel of some rows of an image.

    Parameters
    ----------
    wcs : Wcs
        The image's solution.
    rows : slice
        Zero-based rows, from start to stop.
    nx : int
        Columns of the image.
    offset : float
        What is added to zero-based coordinates before the WCS.

    Returns
    -------
    ndarray of float64, shape (stop - start, nx)
        Square arcminutes.

    Notes
    -----
    On a tangent plane without distortion ``d(omega) = cos(theta)**3 d(xi) d(eta)``, theta the distance
    from the tangent point (Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3): exact but for the
    change within a pixel. Else half the cross product of the diagonals between the pixel's corners.
    """
    out: Floats = np.empty((rows.stop - rows.start, nx))
    if wcs.linear:
        per_pixel = np.radians(wcs.cd)
        origin = per_pixel @ (np.array([0, rows.start]) + offset - wcs.crpix)
        _tangent_areas(origin, per_pixel, abs(np.linalg.det(per_pixel)) * _ARCMIN2, out)
        return out
    y, x = np.mgrid[rows.start : rows.stop + 1, 0 : nx + 1] - 0.5 + offset
    corners = wcs.vectors(x.ravel(), y.ravel()).reshape(3, *x.shape)
    up, down = corners[:, 1:, 1:] - corners[:, :-1, :-1], corners[:, 1:, :-1] - corners[:, :-1, 1:]
    out[...] = np.sqrt((np.cross(up, down, axis=0) ** 2).sum(axis=0)) * (_ARCMIN2 / 2)
    return out


@kernel
def _tangent_areas(origin: Floats, per_pixel: Floats, area: float, out: Floats) -> None:
    """Write areas; tangent plane coordinates are ``origin + x * per_pixel[:, 0] + row * per_pixel[:, 1]``."""
    for row in range(out.shape[0]):
        xi0, eta0 = origin[0] + row * per_pixel[0, 1], origin[1] + row * per_pixel[1, 1]
        for x in range(out.shape[1]):
            xi, eta = xi0 + x * per_pixel[0, 0], eta0 + x * per_pixel[1, 0]
            squared = 1.0 + xi * xi + eta * eta
            out[row, x] = area / (squared * np.sqrt(squared))
