"""Distances and crossings of outlines on the sphere."""

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.query.position.greatcircles import angle_to_outline, outlines_cross

Floats = npt.NDArray[np.float64]

# a concave outline, degrees about any place
SHAPE = np.array([[-2.0, -1.0], [2.0, -1.5], [0.5, 0.0], [2.0, 2.0], [-1.5, 1.0]])
PLACES = [(30.0, -40.0), (0.0, 0.0), (359.9, 60.0), (120.0, 90.0), (200.0, -90.0)]


def frame(ra: float, dec: float) -> Floats:
    """Return unit vectors east, north and towards a place, one a row."""
    a, d = np.radians([ra, dec])
    return np.array(
        [
            [-np.sin(a), np.cos(a), 0],
            [-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)],
            [np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)],
        ]
    )


def on_sky(plane: Floats, ra: float, dec: float) -> Floats:
    """Return unit vectors, shape (n, 3), of positions on the tangent plane, degrees."""
    east, north, towards = frame(ra, dec)
    xi, eta = np.radians(plane).T
    vectors = np.outer(xi, east) + np.outer(eta, north) + towards
    out: Floats = vectors / np.sqrt((vectors**2).sum(axis=1))[:, np.newaxis]
    return out


def along(outline: Floats, n: int = 4000) -> Floats:
    """Return many directions on an outline; shape (n_points * n, 3)."""
    t = np.linspace(0, 1, n)[:, np.newaxis]
    points = np.concatenate([a + t * (b - a) for a, b in zip(outline, np.roll(outline, -1, axis=0), strict=True)])
    out: Floats = points / np.sqrt((points**2).sum(axis=1))[:, np.newaxis]
    return out


@pytest.mark.parametrize(("ra", "dec"), PLACES)
def test_angle_is_that_to_the_nearest_direction_of_the_outline(ra: float, dec: float) -> None:
    outline = on_sky(SHAPE, ra, dec)
    x, y = np.random.default_rng(2).uniform(-4, 4, (2, 60))
    points = on_sky(np.array([x, y]).T, ra, dec)
    chord = np.sqrt(((points[:, np.newaxis] - along(outline)) ** 2).sum(axis=2)).min(axis=1)
    found = angle_to_outline(outline[np.newaxis], np.zeros(60, np.intp), points.T)
    # the sampled directions are up to half a step away
    np.testing.assert_allclose(found, np.degrees(2 * np.arcsin(chord / 2)), rtol=1e-4, atol=1e-5)


def test_angle_on_the_outline_is_zero_to_a_millionth_of_an_arcsec() -> None:
    outline = on_sky(SHAPE, 30, -40)
    points = along(outline, 50)
    found = angle_to_outline(outline[np.newaxis], np.zeros(len(points), np.intp), points.T)
    assert found.max() < 1e-6 / 3600


def test_angle_may_be_larger_than_90_degrees() -> None:
    outline = on_sky(SHAPE, 30, -40)[np.newaxis]
    found = angle_to_outline(outline, np.zeros(1, np.intp), -frame(30, -40)[2][:, np.newaxis])
    corners = np.degrees(np.arccos(np.clip(outline[0] @ -frame(30, -40)[2], -1, 1)))
    assert 170 < found[0] <= corners.min() + 1e-9


def test_each_direction_has_the_outline_that_it_asks_for() -> None:
    outlines = np.array([on_sky(SHAPE, 30, -40), on_sky(SHAPE, 40, -40)])
    point = frame(30, -40)[2]
    found = angle_to_outline(outlines, np.array([0, 1, 0]), np.repeat(point[:, np.newaxis], 3, axis=1))
    assert found[0] == found[2] < 1
    assert found[1] > 5


def test_a_corner_twice_changes_nothing() -> None:
    outline = on_sky(SHAPE, 30, -40)
    twice = np.concatenate([outline, outline[-1:]])
    points = on_sky(np.random.default_rng(3).uniform(-4, 4, (20, 2)), 30, -40).T
    number = np.zeros(20, np.intp)
    np.testing.assert_allclose(
        angle_to_outline(twice[np.newaxis], number, points), angle_to_outline(outline[np.newaxis], number, points)
    )


def segments_cross(first: Floats, second: Floats) -> bool:
    """The plain way on the tangent plane."""

    def side(a: Floats, b: Floats, c: Floats) -> float:
        return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))

    pairs = itertools.product(itertools.pairwise([*first, first[0]]), itertools.pairwise([*second, second[0]]))
    return any(side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0 for (a, b), (c, d) in pairs)


@pytest.mark.parametrize(("ra", "dec"), PLACES)
def test_outlines_cross_where_their_edges_do_on_the_tangent_plane(ra: float, dec: float) -> None:
    rng = np.random.default_rng(4)
    triangles = rng.uniform(-3, 3, (80, 1, 2)) + rng.uniform(-1.2, 1.2, (80, 3, 2))
    expected = [segments_cross(each, SHAPE) for each in triangles]
    assert 20 < sum(expected) < 60
    outlines = np.array([on_sky(each, ra, dec) for each in triangles])
    assert outlines_cross(outlines, on_sky(SHAPE, ra, dec)).tolist() == expected


def test_arcs_on_the_other_side_of_the_sphere_do_not_cross() -> None:
    outline = on_sky(SHAPE, 30, -40)
    square = on_sky(np.array([[-1, -3], [1, -3], [1, 3], [-1, 3.0]]), 30, -40)
    assert outlines_cross(np.array([square, -square]), outline).tolist() == [True, False]


def test_no_outlines_are_no_answers() -> None:
    outline = on_sky(SHAPE, 30, -40)
    assert outlines_cross(np.empty((0, 4, 3)), outline).shape == (0,)
    assert angle_to_outline(outline[np.newaxis], np.empty(0, np.intp), np.empty((3, 0))).shape == (0,)
