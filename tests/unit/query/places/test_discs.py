"""Discs that do not overlap."""

import numpy as np
import pytest

from goodpix.query.places.discs import disjoint
from goodpix.schema.wcs.solution import unit_vectors


@pytest.mark.parametrize(("ra", "dec"), [(30.0, -40.0), (0.0, 0.0), (10.0, 90.0), (200.0, -90.0)])
@pytest.mark.parametrize("radius", [1e-7, 3e-4, 0.01])
def test_discs_are_those_of_a_search_of_all_before(radius: float, ra: float, dec: float) -> None:
    rng = np.random.default_rng(4)
    centres = unit_vectors(ra, dec)[:, np.newaxis] + rng.normal(0, 8 * radius, (3, 400))
    centres /= np.linalg.norm(centres, axis=0)
    expected: list[int] = []
    for k in range(400):
        near = np.linalg.norm(centres[:, expected] - centres[:, [k]], axis=0)
        if not (near < 2 * np.sin(radius)).any():
            expected.append(k)
    assert list(disjoint(centres, radius)) == expected
    assert 20 < len(expected) < 400


def test_no_discs() -> None:
    assert list(disjoint(np.empty((3, 0)), 0.1)) == []
