"""Rows of an image in boxes; whole statistics are compared with astropy's in the integration tests."""

import numpy as np
import pytest

from goodpix.query.background.boxstatistics import SCALED, GoodPixels
from goodpix.query.background.skyrow import STATISTICS
from goodpix.schema.amplifiers import Region

Y0 = 100  # image row of the first of the rows


def rows() -> GoodPixels:
    image = np.arange(24.0).reshape(4, 6)
    image[1, 2] = np.inf
    good = np.ones((4, 6), np.bool_)
    good[2, :3] = False
    return GoodPixels(image, good, Y0)


def test_boxes_have_the_good_values_of_the_rows_that_are_there() -> None:
    boxes = [Region(0, 3, 0, 102), Region(3, 6, 102, 200), Region(0, 6, 0, 50)]
    found = rows().values(boxes, np.empty(25))
    assert [each.tolist() for each in found] == [[0, 1, 2, 6, 7], [15, 16, 17, 21, 22, 23], []]


def test_pixels_that_are_good_but_not_finite_are_counted() -> None:
    found = rows().describe(Region(0, 6, 100, 102), np.array([0.0, 1]), None, ["mean"])
    assert found == {"n": 2, "n_not_finite": 10, "mean": 0.5, "std": 0.5}
    assert rows().describe(Region(0, 3, 102, 103), np.empty(0), None, STATISTICS) == {"n": 0, "n_not_finite": 0}


def test_plane_is_that_of_the_centre_of_a_box_beyond_the_rows() -> None:
    box = Region(0, 6, 98, 104)
    pixels = rows()
    (values,) = pixels.values([box], np.empty(25))
    found = pixels.describe(box, np.sort(values), None, ["gradient"])
    # values are 6 (y - 100) + x, and the box's centre is x = 2.5, y = 100.5
    assert [found[name] for name in ("plane_level", "gradient_x", "gradient_y")] == pytest.approx([5.5, 1, 6])


def test_level_is_that_of_the_centroid_and_the_middle_needs_good_pixels_around_it() -> None:
    y, x = np.indices((4, 6))
    good = np.asfortranarray(x >= 4)
    pixels = GoodPixels(5.0 + x + 6 * y, good, Y0)
    box = Region(0, 6, 100, 104)
    (values,) = pixels.values([box], np.empty(9))
    found = pixels.describe(box, np.sort(values), None, ["gradient"])
    assert (found["level"], found["level_x"], found["level_y"]) == pytest.approx((18.5, 4.5, 101.5))
    assert (found["gradient_x"], found["gradient_y"]) == pytest.approx((1, 6))
    assert "plane_level" not in found


@pytest.mark.parametrize(("n_good", "known"), [(19, False), (20, True)])
def test_middle_is_not_known_where_under_a_twentieth_is_good(n_good: int, known: bool) -> None:
    image = np.random.default_rng(1).normal(size=(20, 20))
    order = np.random.default_rng(2).permutation(400)
    corners = [0, 19, 380, 399]
    chosen = (corners + [each for each in order.tolist() if each not in corners])[:n_good]
    good = np.zeros(400, np.bool_)
    good[chosen] = True
    pixels = GoodPixels(image, np.asfortranarray(good.reshape(20, 20)), 0)
    box = Region(0, 20, 0, 20)
    (values,) = pixels.values([box], np.empty(n_good + 1))
    assert ("plane_level" in pixels.describe(box, np.sort(values), None, ["gradient"])) == known


def test_noise_is_predicted_by_the_weights() -> None:
    found = rows().describe(Region(0, 2, 100, 101), np.array([0.0, 1]), np.full((4, 6), 0.25), ["noise"])
    assert found["noise_predicted"] == 2.0
    assert found["noise_ratio"] == pytest.approx(1.4826 * 0.5 / 2, rel=1e-5)


def test_statistics_in_the_unit_of_the_values_are_scaled() -> None:
    every = {name for names in STATISTICS.values() for name in names}
    assert every - set(SCALED) == {"n_clipped", "level_x", "level_y", "noise_ratio", "correlation_x", "correlation_y"}
