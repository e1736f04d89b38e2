"""Medians in boxes, against numpy."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.query.background.boxmedians import box_medians, box_side
from goodpix.query.background.pixelsums import Tilt
from goodpix.schema.amplifiers import Region


@pytest.mark.parametrize(("extent", "side"), [(4096, 128), (512, 128), (511, 128), (200, 50), (9, 3), (1, 1), (0, 1)])
def test_side_is_128_or_a_quarter(extent: int, side: int) -> None:
    assert box_side(extent) == side


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_boxes_begin_at_the_first_pixel_and_have_the_medians_of_numpy(dtype: type) -> None:
    rng = np.random.default_rng(1)
    image: npt.NDArray[Any] = (5 + rng.normal(size=(120, 90))).astype(dtype)
    image[rng.random(image.shape) < 0.3] = np.nan
    image[:, :13] = image[:24] = np.nan  # the good ones begin at x = 13, y = 24
    box, plane, limit = Region(3, 90, 4, 120), Tilt(5.0, 0.001, -0.002), 2.5
    found = box_medians(image, box, plane, limit)
    y, x = np.indices((116, 87))
    residual = image[4:, 3:].astype(float) - (5 + 0.001 * x - 0.002 * y)
    assert found.n.shape == (4, 4)
    for k in range(4):
        for m in range(4):
            part = np.s_[20 + 24 * k : 20 + 24 * (k + 1), 10 + 20 * m : 10 + 20 * (m + 1)]
            used = np.abs(residual[part]) <= limit
            assert found.n[k, m] == used.sum()
            assert (found.x[k, m], found.y[k, m]) == pytest.approx((x[part][used].mean(), y[part][used].mean()))
            assert found.median[k, m] == pytest.approx(np.median(residual[part][used]), abs=0.02)


def test_merged_boxes_have_the_mean_of_their_medians() -> None:
    image = np.random.default_rng(2).normal(size=(640, 384))
    found = box_medians(image, Region(0, 384, 0, 640), Tilt(0.0), 3.0)
    merged = found.merged()
    assert (found.n.shape, merged.n.shape) == ((5, 4), (3, 2))
    four = np.s_[2:4, 2:4]
    assert merged.n[1, 1] == found.n[four].sum()
    assert merged.median[1, 1] == pytest.approx(np.average(found.median[four], weights=found.n[four]))
    assert merged.y[2, 0] == pytest.approx(np.average(found.y[4, :2], weights=found.n[4, :2]))


def test_too_few_boxes_have_no_covariance() -> None:
    image = np.full((50, 50), np.nan)
    image[3, 4:7] = 1.0
    assert box_medians(image, Region(0, 50, 0, 50), Tilt(1.0), 1.0).covariance((0.0, 0.0), 1.0) is None
    assert box_medians(image * np.nan, Region(0, 50, 0, 50), Tilt(1.0), 1.0).n.sum() == 0
