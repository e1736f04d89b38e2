"""HEALPix pixels and cells that cover targets."""

import hpgeom
import numpy as np
import numpy.typing as npt
import pytest

from goodpix.query.position.targets import Cover, DiscTargets, Points, PolygonTarget, Targets
from goodpix.query.shapes import Disc, Polygon, sky_vectors
from goodpix.schema.wcs.footprint import CELL_SHIFT, EVERY_CELL, NSIDE

RNG = np.random.default_rng(3)
CELLS = 1 << 2 * CELL_SHIFT


def covered(cover: Cover, target: int, vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return which directions lie in a pixel and cell of a target."""
    cell = hpgeom.vector_to_pixel(NSIDE << CELL_SHIFT, *vectors)
    mine = cover.target == target
    bits = dict(zip(cover.hpix[mine].tolist(), cover.cells[mine].tolist(), strict=True))
    return np.array([bool(bits.get(each // CELLS, 0) >> each % CELLS & 1) for each in cell.tolist()])


def about(ra: float, dec: float, size: float, n: int = 400) -> npt.NDArray[np.float64]:
    """Return directions within a square, degrees."""
    x, y = RNG.uniform(-size, size, (2, n))
    return sky_vectors(ra + x / np.cos(np.radians(dec)), dec + y)


def test_points_are_covered_by_their_cells_in_order_of_pixels() -> None:
    vectors = about(359.9, -33.0, 5.0, 50)
    cover = Points(vectors).cover(NSIDE)
    assert (np.diff(cover.hpix) >= 0).all()
    assert sorted(cover.target) == list(range(50))
    for target in range(50):
        assert covered(cover, target, vectors[:, [target]]).all()
    assert {int(each).bit_count() for each in cover.cells.view(np.uint64)} == {1}


@pytest.mark.parametrize(("radius", "size"), [(0.0, 0.1), (0.05, 0.2), (0.4, 0.8), (2.0, 3.0)])
def test_discs_are_covered(radius: float, size: float) -> None:
    discs = Disc.many([10.0, 200.0], [-33.0, 60.0], radius)
    cover = DiscTargets(discs, np.array([disc.centre for disc in discs]).T).cover(NSIDE)
    assert (np.diff(cover.hpix) >= 0).all()
    for target, (ra, dec) in enumerate(((10.0, -33.0), (200.0, 60.0))):
        vectors = about(ra, dec, size)
        inside = discs[target].contains(vectors)
        found = covered(cover, target, vectors)
        assert found[inside].all()
        assert not found.all()
    assert (cover.cells == EVERY_CELL).all() == (radius > 0.5)


def test_polygon_is_covered_and_not_the_disc_about_it() -> None:
    # a notch: its middle is outside
    polygon = Polygon.of([(10, -33.3), (10.6, -33.3), (10.3, -33.25), (10.6, -32.7), (10, -32.7)])
    targets: Targets = PolygonTarget(polygon, polygon.middle[:, np.newaxis])
    cover = targets.cover(NSIDE)
    vectors = about(10.3, -33.0, 0.5)
    inside, found = polygon.contains(vectors), covered(cover, 0, vectors)
    assert found[inside].all()
    assert inside.sum() < found.sum() < 0.7 * len(found)


def test_part_of_a_cover_has_its_rows() -> None:
    cover = Points(about(10.0, -33.0, 5.0, 9)).cover(NSIDE)
    some = cover[2:5]
    assert (some.hpix.tolist(), some.target.tolist()) == (cover.hpix[2:5].tolist(), cover.target[2:5].tolist())
