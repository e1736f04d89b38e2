"""Plane through pixels and its errors, against numpy's least squares."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.query.background.boxmedians import box_medians
from goodpix.query.background.pixelsums import Tilt, sum_pixels
from goodpix.query.background.planefit import PlaneFit, fit_plane
from goodpix.schema.amplifiers import Region

Floats = npt.NDArray[np.float64]

SHAPE = (70, 19)
BOX = Region(3, 17, 2, 69)
WITHIN = np.s_[BOX.y0 : BOX.y1, BOX.x0 : BOX.x1]


def image_of(seed: int = 1) -> Floats:
    """Return noise about a plane, with NaN at some pixels."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(SHAPE)
    image = 20 + 0.3 * x - 0.1 * y + rng.normal(size=SHAPE)
    return np.where(rng.random(SHAPE) < 0.2, np.nan, image)


def fitted(image: Floats, box: Region, plane: Tilt = Tilt(0.0)) -> PlaneFit:  # noqa: B008  # it is immutable
    found = fit_plane(sum_pixels(image, box, plane, np.inf), plane)
    assert found is not None
    return found


@pytest.mark.parametrize("plane", [Tilt(0.0), Tilt(21.0, 0.3, -0.1)])
@pytest.mark.parametrize("at", [(0.0, 0.0), (6.5, 33.0), (-40.0, 500.0)])
def test_plane_and_its_error_are_those_of_least_squares_anywhere(plane: Tilt, at: tuple[float, float]) -> None:
    image = image_of()
    found = fitted(image, BOX, plane)
    y, x = np.nonzero(np.isfinite(image[WITHIN]))
    matrix = np.column_stack([np.ones(x.size), x - at[0], y - at[1]])
    solution, (left_over, *_), _, _ = np.linalg.lstsq(matrix, image[WITHIN][y, x])
    errors = np.sqrt(np.diag(np.linalg.inv(matrix.T @ matrix)) * left_over / (x.size - 3))
    assert found.slopes is not None
    assert [found.at(*at), *found.slopes] == pytest.approx(solution, rel=1e-9)
    assert [found.level_error(*at), *found.slope_errors] == pytest.approx(errors, rel=1e-7)
    assert found.tilt().level == pytest.approx(found.at(0, 0))
    assert found.centroid == pytest.approx((x.mean(), y.mean()))
    assert found.level == pytest.approx(image[WITHIN][y, x].mean())


@pytest.mark.parametrize("pixels", [np.s_[2, 3:6], np.s_[10, 3:17], np.s_[2:69, 5]])
def test_pixels_in_a_line_or_too_few_have_a_mean_alone(pixels: Any) -> None:
    image = np.full(SHAPE, np.nan)
    image[pixels] = image_of(2)[pixels]
    image[np.isnan(image_of(2))] = np.nan
    found = fitted(image, BOX)
    values = image[np.isfinite(image)]
    assert found.slopes is None
    assert found.level == pytest.approx(values.mean())
    assert found.level_error(*found.centroid) == pytest.approx(values.std(ddof=1) / np.sqrt(values.size))
    assert fit_plane(sum_pixels(np.full(SHAPE, np.nan), BOX, Tilt(0.0), np.inf), Tilt(0.0)) is None


def test_error_is_that_of_residuals_alike_in_each_box() -> None:
    rng = np.random.default_rng(3)
    box, errors, levels = Region(0, 512, 0, 512), [], []
    for _ in range(100):
        # a patchwork of 128 pixels, beside which the noise of pixels is nothing
        patches = np.kron(rng.normal(size=(4, 4)), np.ones((128, 128)))
        image = patches + rng.normal(0, 0.5, (512, 512))
        fit = fitted(image, box)
        with_boxes = fit.with_boxes(box_medians(image, box, fit.tilt(), 20.0))
        assert fit.level_error(*fit.centroid) < 0.003
        errors.append(with_boxes.level_error(*fit.centroid))
        levels.append(fit.level)
    # of 16 independent patches of unit variance
    assert np.mean(errors) == pytest.approx(0.25, rel=0.1)
    assert np.std(levels) == pytest.approx(0.25, rel=0.2)


def test_error_of_white_noise_is_near_that_of_independent_pixels() -> None:
    image = np.random.default_rng(4).normal(size=(1024, 512))
    box = Region(0, 512, 0, 1024)
    fit = fitted(image, box)
    error = fit.with_boxes(box_medians(image, box, fit.tilt(), 3.0)).level_error(*fit.centroid)
    assert 1 <= error * np.sqrt(image.size) < 1.5
