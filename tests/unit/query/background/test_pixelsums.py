"""Sums over good pixels, against numpy."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.query.background.pixelsums import (
    Tilt,
    blank_bad,
    correlations,
    sum_pixels,
    sum_variance,
    take_finite,
)
from goodpix.schema.amplifiers import Region

Floats = npt.NDArray[np.float64]

SHAPE = (70, 19)  # more rows and columns than are turned at a time
BOX = Region(3, 17, 2, 69)
WITHIN = np.s_[BOX.y0 : BOX.y1, BOX.x0 : BOX.x1]


def image_of(dtype: Any = np.float64, seed: int = 1) -> npt.NDArray[Any]:
    """Return noise about a plane, with NaN at some pixels."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(SHAPE)
    image = 20 + 0.3 * x - 0.1 * y + rng.normal(size=SHAPE)
    return np.where(rng.random(SHAPE) < 0.2, np.nan, image).astype(dtype)


def included(image: Floats, plane: Tilt, limit: float) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the values of the box minus a plane, and which of them count."""
    y, x = np.indices(image[WITHIN].shape)
    value = image[WITHIN] - (plane.level + plane.x * x + plane.y * y)
    return value, np.abs(value) <= limit


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bad_pixels_and_infinite_values_become_nan(dtype: Any) -> None:
    rng = np.random.default_rng(4)
    image = rng.choice(np.array([1, -2, np.inf, -np.inf, np.nan], dtype), SHAPE)
    good = np.asfortranarray(rng.random(SHAPE) < 0.5)
    expected = np.where(good & np.isfinite(image), image, np.nan)
    blank_bad(image, good)
    np.testing.assert_array_equal(image, expected)


def test_finite_values_of_a_box_come_row_by_row() -> None:
    image = image_of()
    expected = image[WITHIN][np.isfinite(image[WITHIN])]
    np.testing.assert_array_equal(take_finite(image, BOX, np.empty(expected.size + 1)), expected)


def test_variance_is_of_pixels_with_a_positive_weight() -> None:
    image, weight = image_of(), np.random.default_rng(5).choice([0, -1, np.nan, np.inf, 0.25, 2], SHAPE)
    counts = np.isfinite(image[WITHIN]) & np.isin(weight[WITHIN], [0.25, 2])
    found = sum_variance(image, weight, BOX)
    assert found.n == counts.sum() > 0
    assert found.total == pytest.approx((1 / weight[WITHIN][counts]).sum())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("limit", [1.2, np.inf])
def test_sums_are_those_of_numpy(dtype: Any, limit: float) -> None:
    image, plane = image_of(dtype), Tilt(20.5, 0.25, -0.05)
    value, counts = included(image.astype(np.float64), plane, limit)
    v, (y, x) = value[counts], np.nonzero(counts)
    found = sum_pixels(image, BOX, plane, limit)
    assert (found.n, found.x, found.y) == (v.size, x.sum(), y.sum())
    assert (found.xx, found.xy, found.yy) == ((x * x).sum(), (x * y).sum(), (y * y).sum())
    moments = (found.v, found.xv, found.yv, found.vv)
    assert moments == pytest.approx((v.sum(), (x * v).sum(), (y * v).sum(), (v * v).sum()), rel=1e-9)
    along_x, along_y = (counts[:, 1:] & counts[:, :-1]), (counts[1:] & counts[:-1])
    assert (found.n_x, found.n_y) == (along_x.sum(), along_y.sum())
    products = (value[:, 1:] * value[:, :-1])[along_x].sum(), (value[1:] * value[:-1])[along_y].sum()
    assert (found.products_x, found.products_y) == pytest.approx(products, rel=1e-9)


def test_step_uses_every_so_many_rows_from_the_first() -> None:
    _, counts = included(image_of(), Tilt(20.0), 9.0)
    found = sum_pixels(image_of(), BOX, Tilt(20.0), 9.0, step=5)
    assert (found.n, found.y) == (counts[::5].sum(), 5 * np.nonzero(counts[::5])[0].sum())


def test_correlation_is_the_mean_product_of_neighbours_over_the_variance() -> None:
    image = np.where(np.indices(SHAPE)[1] % 2, 1.0, -1.0)
    assert correlations(sum_pixels(image, BOX, Tilt(0.0), np.inf)) == (-1.0, 1.0)
    row = Region(0, 19, 0, 1)
    assert correlations(sum_pixels(image, row, Tilt(0.0), np.inf)) == (-1.0, None)
    assert correlations(sum_pixels(np.zeros(SHAPE), BOX, Tilt(0.0), np.inf)) == (None, None)
