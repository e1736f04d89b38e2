"""An image's tangent plane as polynomials of its pixels."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..jit import kernel
from .solution import Wcs

__all__ = ["Scaling", "plane_polynomials"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scaling:
    """Pixels of an image brought to about -1 to 1, where high powers keep their digits.

    Parameters
    ----------
    centre_x, centre_y, half : float
        ``t = (x - centre_x) / half``, ``s = (y - centre_y) / half``; zero-based pixels.
    """

    centre_x: float
    centre_y: float
    half: float

    @classmethod
    def of(cls, shape: tuple[int, int]) -> "Scaling":
        """Return the scaling of an image of (ny, nx)."""
        ny, nx = shape
        return cls((nx - 1) / 2, (ny - 1) / 2, max(nx, ny) / 2)

    def scaled(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return t and s of positions."""
        return (x - self.centre_x) / self.half, (y - self.centre_y) / self.half


def plane_polynomials(wcs: Wcs, scaling: Scaling, offset: float = 1) -> Floats:
    """Return an image's tangent plane coordinates as polynomials of its pixels.

    Parameters
    ----------
    wcs : Wcs
        Its solution, a `polynomial` one.
    scaling : Scaling
        Of its pixels.
    offset : float
        What is added to zero-based coordinates before the WCS.

    Returns
    -------
    ndarray of float64, shape (3, n, n)
        Xi and eta, radians, and the constant 1; element ``[k, p, q]`` multiplies ``t**p * s**q``.
    """
    # intermediate world coordinates as polynomials in (t, s): element [p, q] multiplies t**p * s**q
    centre = wcs.cd @ (np.array([scaling.centre_x, scaling.centre_y]) + offset - wcs.crpix)
    slopes = wcs.cd * scaling.half
    u, v = (np.array([[centre[k], slopes[k, 1]], [slopes[k, 0], 0.0]]) for k in (0, 1))
    xi, eta = (np.radians(_substitute(each, u, v)) for each in wcs.pv_coefficients())
    one = np.zeros_like(xi)
    one[0, 0] = 1.0
    return np.array([xi, eta, one])


def _substitute(coefficients: Floats, u: Floats, v: Floats) -> Floats:
    """Return the polynomial sum c[p, q] u**p v**q for linear u and v in (t, s)."""
    n = coefficients.shape[0]
    powers_u, powers_v = _powers(u, n), _powers(v, n)
    out = np.zeros((n, n))
    for p in range(n):
        for q in range(n - p):
            if coefficients[p, q] != 0:
                product = _multiply(powers_u[p], powers_v[q])
                k = p + q + 1
                out[:k, :k] += coefficients[p, q] * product[:k, :k]
    return out


def _powers(linear: Floats, n: int) -> list[Floats]:
    """Return powers 0 to n - 1 of a polynomial."""
    out = [np.ones((1, 1))]
    for _ in range(n - 1):
        out.append(_multiply(out[-1], linear))
    return out


@kernel
def _multiply(a: Floats, b: Floats) -> Floats:
    """Return the product of two polynomials in two variables."""
    out = np.zeros((a.shape[0] + b.shape[0] - 1, a.shape[1] + b.shape[1] - 1))
    for p in range(a.shape[0]):
        for q in range(a.shape[1]):
            for k in range(b.shape[0]):
                for m in range(b.shape[1]):
                    out[p + k, q + m] += a[p, q] * b[k, m]
    return out
