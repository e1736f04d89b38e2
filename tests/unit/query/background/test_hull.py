"""Convex hull of pixels, against scipy's."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from goodpix.query.background.hull import hull_contains
from goodpix.schema.amplifiers import Region

BOX = Region(2, 32, 5, 45)


@pytest.mark.parametrize("seed", range(20))
def test_hull_is_that_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = np.full((50, 40), np.nan)
    x, y = rng.integers(0, 30, 6), rng.integers(0, 40, 6)
    image[BOX.y0 + y, BOX.x0 + x] = 1.0
    equations = ConvexHull(np.column_stack([x, y])).equations
    positions = rng.uniform(0, 30, (50, 2)).tolist()
    expected = [bool((equations @ [*position, 1] <= 0).all()) for position in positions]
    assert [hull_contains(image, BOX, (px, py)) for px, py in positions] == expected


def test_edge_and_single_pixel_belong_to_the_hull() -> None:
    image = np.full((50, 40), np.nan)
    image[10, 12] = 1.0
    assert hull_contains(image, BOX, (10.0, 5.0))
    assert not hull_contains(image, BOX, (10.5, 5.0))
    image[10, 20] = 1.0
    assert hull_contains(image, BOX, (14.0, 5.0))
    assert not hull_contains(image, BOX, (14.0, 5.1))


def test_nothing_has_no_hull() -> None:
    assert not hull_contains(np.full((50, 40), np.nan), BOX, (5.0, 5.0))
