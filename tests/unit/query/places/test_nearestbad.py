"""Nearest bad pixels, compared with a search of all pixels."""

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.query.places.nearestbad import BadPixels, distance_to_image
from goodpix.schema.masks.rle import encode

SHAPE = (17, 23)
METRICS = {
    "square": (1.0, 0.0, 1.0),
    "oblong": (0.3, 0.0, 2.0),
    "sheared": (1.0, 0.6, 1.5),
    "scaled": (0.07, 1e-4, 0.07),
}


def shortest(bad: npt.NDArray[np.bool_], x: float, y: float, metric: tuple[float, float, float]) -> float:
    """Return the distance to the nearest of 21 x 21 points on each bad pixel, those around the image among them."""
    steps = np.linspace(-0.5, 0.5, 21)
    around = np.pad(bad, 9, constant_values=True)
    rows, columns = np.nonzero(around)
    u = (columns[:, np.newaxis] - 9 + steps - x)[:, np.newaxis, :]
    v = (rows[:, np.newaxis] - 9 + steps - y)[:, :, np.newaxis]
    return float(np.sqrt((metric[0] * u**2 + 2 * metric[1] * u * v + metric[2] * v**2).min()))


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.1, 0.6])
def test_nearest_bad_pixel_is_that_of_a_search_of_all(fraction: float, metric: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(int(100 * fraction))
    bad = rng.random(SHAPE) < fraction
    flags = np.where(bad, rng.choice([1, 2, 6]), 8).astype(np.int64)
    x, y = rng.uniform(-0.5, SHAPE[1] - 0.5, 60), rng.uniform(-0.5, SHAPE[0] - 0.5, 60)
    found = BadPixels.of(encode(flags), 7).nearest(x, y, np.tile(metric, (60, 1)))
    expected = np.array([shortest(bad, *at, metric) for at in zip(x, y, strict=True)])
    # the search looks at points a twentieth of a pixel apart
    step = 0.05 * np.sqrt(metric[0] + 2 * abs(metric[1]) + metric[2])
    assert (found.distance <= expected + 1e-12).all()
    assert (found.distance >= expected - step).all()
    u, v = found.x - x, found.y - y
    assert np.sqrt(metric[0] * u**2 + 2 * metric[1] * u * v + metric[2] * v**2) == pytest.approx(found.distance)


def test_stretches_of_bad_pixels_span_runs_and_columns() -> None:
    flags = np.zeros((4, 3), np.int64)
    flags[2:, 0], flags[0, 1], flags[1, 1] = 1, 2, 8
    bad = BadPixels.of(encode(flags), 3)
    assert (bad.starts.tolist(), bad.ends.tolist()) == ([2], [5])


def test_image_that_is_good_or_bad_throughout() -> None:
    good = BadPixels.of(encode(np.zeros((8, 6), np.int64)), 1)
    middle, metric = np.array([2.5]), np.array([[1.0, 0.0, 1.0]])
    assert good.nearest(middle, np.array([3.5]), metric).distance == pytest.approx([3.0])
    bad = BadPixels.of(encode(np.ones((8, 6), np.int64)), 1)
    assert bad.nearest(middle, np.array([3.5]), metric).distance == [0.0]


def test_distance_to_an_image_is_to_its_outer_edge() -> None:
    x, y = np.array([-3.5, 2.0, 25.5, 5.0]), np.array([1.0, 20.5, 20.5, 5.0])
    found = distance_to_image(SHAPE, x, y, np.tile([4.0, 0.0, 4.0], (4, 1)))
    assert found == pytest.approx([6.0, 8.0, 10.0, 0.0])
