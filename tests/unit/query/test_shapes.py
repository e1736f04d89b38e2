"""Facts about shapes on the sphere."""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.query.shapes import Disc, Polygon, Shape, sky_vectors
from goodpix.schema.errors import UsageError
from goodpix.schema.wcs.solution import Wcs, unit_vectors

Floats = npt.NDArray[np.float64]

# a concave outline, degrees about any place
OUTLINE = np.array([[-2.0, -1.0], [2.0, -1.5], [0.5, 0.0], [2.0, 2.0], [-1.5, 1.0]])
PLACES = [(30.0, -40.0), (0.0, 0.0), (359.9, 60.0), (120.0, 90.0), (200.0, -90.0)]


def plane(ra: float, dec: float) -> Wcs:
    """Return the solution of a tangent plane whose pixels are degrees from its tangent point."""
    header = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": ra, "CRVAL2": dec, "CRPIX1": 0.0, "CRPIX2": 0.0}
    return Wcs.from_header(header | {"CDELT1": 1.0, "CDELT2": 1.0}, "plane")


def polygon(wcs: Wcs, corners: Floats) -> Polygon:
    return Polygon.of(np.column_stack(wcs.sky(*corners.T)))


def even_odd(corners: Floats, x: Floats, y: Floats) -> npt.NDArray[np.bool_]:
    """The plain way on the tangent plane, where great circles are straight."""
    inside = np.zeros(x.size, np.bool_)
    for (x1, y1), (x2, y2) in itertools.pairwise([*corners, corners[0]]):
        crosses = (y1 > y) != (y2 > y)
        with np.errstate(all="ignore"):
            inside ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return inside


@pytest.mark.parametrize("turned", [1, -1], ids=["one way round", "the other"])
@pytest.mark.parametrize(("ra", "dec"), PLACES)
def test_inside_a_polygon_is_what_is_inside_on_the_tangent_plane(ra: float, dec: float, turned: int) -> None:
    x, y = np.random.default_rng(1).uniform(-3, 3, (2, 2000))
    found = polygon(plane(ra, dec), OUTLINE[::turned]).contains(plane(ra, dec).vectors(x, y))
    np.testing.assert_array_equal(found, even_odd(OUTLINE, x, y))


def test_nothing_on_the_other_side_of_the_sphere_is_inside() -> None:
    wcs = plane(30, -40)
    assert not polygon(wcs, OUTLINE).contains(-wcs.vectors(*OUTLINE.T * 0.5)).any()


def test_what_a_polygon_goes_round_twice_is_outside() -> None:
    # a five-pointed star drawn in one go
    star = np.array([[np.sin(4 * np.pi * k / 5), np.cos(4 * np.pi * k / 5)] for k in range(5)])
    wcs = plane(10, 20)
    found = polygon(wcs, star).contains(wcs.vectors(np.array([0.0, 0.0, 0.5]), np.array([0.0, 0.8, 0.5])))
    assert found.tolist() == [False, True, False]


def test_a_closed_polygon_is_the_same() -> None:
    corners = [(359.0, 1.0), (2.0, 1.0), (0.5, 3.0)]
    first, second = Polygon.of(corners), Polygon.of([*corners, corners[0]])
    np.testing.assert_array_equal(first.corners, second.corners)
    np.testing.assert_array_equal(first.frame, second.frame)


@pytest.mark.parametrize(
    "shape", [Disc.many(30.2, -40.1, 0.5)[0], polygon(plane(30, -40), OUTLINE / 2)], ids=["disc", "polygon"]
)
def test_near_is_all_that_lies_within_reach(shape: Shape) -> None:
    wcs = plane(30, -40)
    y, x = np.mgrid[-4:4:81j, -4:4:83j]
    vectors = wcs.vectors(x.ravel(), y.ravel()).reshape(3, *x.shape)
    inside = shape.contains(vectors)
    assert inside.any()
    chords = np.sqrt(((vectors[:, :, :, np.newaxis] - vectors[:, inside][:, np.newaxis, np.newaxis]) ** 2).sum(axis=0))
    near = shape.near(vectors, 0.01)
    assert near[chords.min(axis=-1) <= 0.01].all()
    assert not near.all()
    assert not shape.near(-vectors, 0.01).any()


def test_right_ascension_may_be_of_any_turn() -> None:
    np.testing.assert_array_equal(sky_vectors([370.0, -350.0], [5.0, 5.0]), unit_vectors([10.0, 10.0], [5.0, 5.0]))
    assert Polygon.of([(-1, 0), (1, 0), (0, 1)]).contains(unit_vectors([0.0, 180.0], [0.5, -0.5])).tolist() == [
        True,
        False,
    ]


BAD_DISCS = [
    (np.nan, 0, 1, "ra is nan: expected finite degrees"),
    (0, np.inf, 1, "dec is inf: expected finite degrees"),
    (0, 0, np.nan, "radius is nan: expected finite degrees, 0 or more"),
    (0, 0, -1, "radius is -1.0 degrees: expected 0 or more"),
    (0, [0, 95], 1, "dec is 95.0: expected -90 to 90 degrees"),
    ([1, 2], [1, 2, 3], 1, "discs of ra, dec, radius"),
    ("here", 0, 1, "ra is 'here': expected degrees"),
]


@pytest.mark.parametrize(("ra", "dec", "radius", "message"), BAD_DISCS)
def test_discs_that_are_none_are_refused(ra: Any, dec: Any, radius: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Disc.many(ra, dec, radius)


BAD_POLYGONS = [
    ([[0, 0], [1, 1]], "polygon has 2 different vertices: expected 3 or more"),
    ([[0, 0], [1, 1], [1, 1], [0, 0]], "polygon has 2 different vertices: expected 3 or more"),
    ([0, 1, 2], r"polygon has shape \(3,\): expected pairs \(ra, dec\) of three or more corners"),
    ([[0, 0], [1, 1], [1]], "polygon is .*: expected degrees, as pairs"),
    ([[0, 0], [1, 1], [np.nan, 1]], "polygon is .*: expected finite degrees"),
    ([[0, 89], [1, 89], [1, 91]], "polygon is .*91.*: expected degrees, declinations from -90 to 90"),
    ([[0, 0], [120, 0], [240, 0]], "reaches 90 degrees from its middle"),
]


@pytest.mark.parametrize(("vertices", "message"), BAD_POLYGONS)
def test_polygons_that_are_none_are_refused(vertices: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Polygon.of(vertices)
