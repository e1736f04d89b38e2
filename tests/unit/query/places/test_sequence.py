"""The even sequence of points on the sphere."""

import hpgeom
import numpy as np
import pytest

from goodpix.query.places.sequence import EvenPoints, sky_of


@pytest.mark.parametrize("seed", [0, 1, 987654321987654321])
def test_every_cell_has_one_of_the_first_points(seed: int) -> None:
    cells = np.arange(12 * 4**4)
    ranks = EvenPoints(seed).ranks(cells, 4)
    assert np.array_equal(np.sort(ranks), cells)
    for order in range(4):
        first = cells[ranks < 12 * 4**order]
        assert np.array_equal(np.unique(first >> 2 * (4 - order)), np.arange(12 * 4**order))


def test_points_lie_in_their_cells() -> None:
    cells = np.arange(12 * 4**3)
    ra, dec = sky_of(EvenPoints(2).pixels(cells, 3))
    assert np.array_equal(hpgeom.angle_to_pixel(1 << 3, ra, dec), cells)


def test_deeper_cells_have_the_same_points_and_ranks_and_more() -> None:
    points = EvenPoints(7)
    coarse, fine = np.arange(12 * 4**2), np.arange(12 * 4**5)
    known = dict(zip(points.pixels(fine, 5).tolist(), points.ranks(fine, 5).tolist(), strict=True))
    for pixel, rank in zip(points.pixels(coarse, 2).tolist(), points.ranks(coarse, 2).tolist(), strict=True):
        assert known[pixel] == rank


def test_seeds_give_different_points() -> None:
    cells = np.arange(12 * 4**2)
    assert not (EvenPoints(1).pixels(cells, 2) == EvenPoints(2).pixels(cells, 2)).any()
