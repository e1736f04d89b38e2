"""Polynomials in pixel coordinates."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..jit import kernel

__all__ = ["CoordinateScaling", "substitute"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CoordinateScaling:
    """Scaling of pixel coordinates to about -1 to 1, where high powers stay accurate.

    Parameters
    ----------
    centre_x, centre_y, half : float
        ``t = (x - centre_x) / half``, ``s = (y - centre_y) / half``; zero-based pixels.
    """

    centre_x: float
    centre_y: float
    half: float

    def scaled(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return the scaled coordinates t and s of positions."""
        return (x - self.centre_x) / self.half, (y - self.centre_y) / self.half


def substitute(coefficients: Floats, u: Floats, v: Floats) -> Floats:
    """Return ``sum(c[p, q] * u**p * v**q)`` as a polynomial in (t, s), for u and v linear in (t, s)."""
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
