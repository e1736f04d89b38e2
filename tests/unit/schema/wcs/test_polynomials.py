"""Polynomials in pixel coordinates against numpy's."""

import numpy as np
import pytest
from numpy.polynomial.polynomial import polyval2d

from goodpix.schema.wcs.polynomials import CoordinateScaling, substitute


@pytest.mark.parametrize("degree", [0, 1, 3, 7])
def test_substituted_polynomial_has_the_values_of_the_composition(degree: int) -> None:
    rng = np.random.default_rng(degree)
    p, q = np.indices((degree + 1, degree + 1))
    coefficients = np.where(p + q <= degree, rng.normal(size=p.shape), 0)
    u, v = rng.normal(size=(2, 2, 2))
    u[1, 1] = v[1, 1] = 0
    t, s = rng.uniform(-1, 1, (2, 50))
    expected = polyval2d(polyval2d(t, s, u), polyval2d(t, s, v), coefficients)
    np.testing.assert_allclose(polyval2d(t, s, substitute(coefficients, u, v)), expected, rtol=1e-11, atol=1e-11)


def test_scaling_maps_the_ends_of_an_image_to_one() -> None:
    t, s = CoordinateScaling(1023.5, 2047.5, 2047.5).scaled(np.array([1023.5, 3071.0]), np.array([0.0, 4095.0]))
    assert (t.tolist(), s.tolist()) == ([0.0, 1.0], [-1.0, 1.0])
