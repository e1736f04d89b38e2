"""Numbers of a definition of good, from the rows of its epochs."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from goodpix.query.background.definitions import DEFINITION_COLUMNS, _apart, _summary, combine

MEASURE: Any = SimpleNamespace(calibrated=False, subtract_background=True, selection="border 5")

# two epochs with a level, one without good pixels, and one whose files cannot be used
ROWS = pd.DataFrame(
    {
        "n": [30, 50, 0, None],
        "n_pixels": [100, 100, 100, None],
        "plane_level": [1.0, 4.0, np.nan, np.nan],
        "plane_level_error": [0.3, 0.4, np.nan, np.nan],
        "noise_ratio": [1.0, 1.2, np.nan, np.nan],
        "unit": ["electrons", "electrons", "electrons", None],
        "zero_point": [30.0, 30.0, 30.0, np.nan],
    }
)


def test_epochs_without_good_pixels_count_in_the_fraction() -> None:
    found = _summary("wide", MEASURE, "r", ROWS)
    assert list(found) == list(DEFINITION_COLUMNS)
    assert (found["n_images"], found["n_left_out"], found["n"], found["unit"]) == (2, 2, 80, "electrons")
    assert found["fraction"] == pytest.approx(80 / 300)


def test_level_is_that_of_random_effects_with_its_error_and_scatter() -> None:
    found = _summary("wide", MEASURE, "r", ROWS)
    expected = combine(np.array([1.0, 4.0]), np.array([0.3, 0.4]))
    assert (found["level"], found["level_error"], found["scatter"]) == (
        expected.level,
        expected.error,
        expected.scatter,
    )
    assert (found["noise_ratio"], found["zero_point"]) == (1.1, 30.0)


def test_unit_is_null_where_epochs_differ_and_numbers_where_there_is_none() -> None:
    differ = _summary("wide", MEASURE, "r", ROWS.assign(unit=pd.Series(["electrons", "adu", "adu", None])))
    nothing = _summary("wide", MEASURE, "r", ROWS.iloc[3:])
    assert (differ["unit"], nothing["unit"]) == (None, None)
    assert math.isnan(_summary("wide", MEASURE, "r", ROWS.assign(zero_point=[30, 31, 31, 30]))["zero_point"])
    assert nothing["n"] == 0
    assert all(math.isnan(nothing[name]) for name in ("fraction", "level", "level_error", "scatter", "noise_ratio"))


def test_bands_on_different_zero_points_are_one_line() -> None:
    known = {"n_images": 3, "zero_point": 30.0}
    apart = {"n_images": 3, "zero_point": math.nan}
    rows = [{"band": "r", **known}, {"band": "i", **apart}, {"band": "g", **apart}, {"band": "i", **apart}]
    (line,) = _apart(rows)
    assert line.startswith("band g, i: the images have different zero points")
    assert not list(_apart([{"band": "Y", "n_images": 1, "zero_point": math.nan}]))


def test_levels_that_agree_are_weighted_by_their_errors() -> None:
    levels, errors = np.array([2.0, 2.1, 1.9]), np.array([0.1, 0.2, 0.4])
    found = combine(levels, errors)
    weights = 1 / errors**2
    assert (found.level, found.error) == pytest.approx(((weights @ levels) / weights.sum(), weights.sum() ** -0.5))
    assert found.scatter == 0


def test_levels_that_scatter_beyond_their_errors_count_alike() -> None:
    levels = np.random.default_rng(5).normal(2.5, 1.0, 400)
    errors = np.where(np.arange(400) < 5, 1e-4, 0.1)  # a few images of low noise
    found = combine(levels, errors)
    assert found.level == pytest.approx(levels.mean(), abs=0.01)
    assert found.scatter == pytest.approx(levels.std(ddof=1), rel=0.02)
    assert found.error == pytest.approx(levels.std(ddof=1) / 20, rel=0.02)


def test_sliver_with_its_error_does_not_rule() -> None:
    found = combine(np.array([2.5, 2.6, 2.4, -300.0]), np.array([0.1, 0.1, 0.1, 200.0]))
    assert found.level == pytest.approx(2.5, abs=0.01)


def test_errors_cover_the_known_level_as_often_as_they_should() -> None:
    rng = np.random.default_rng(6)
    pulls = []
    for _ in range(300):
        errors = rng.uniform(0.05, 1.0, 100)
        found = combine(2.5 + rng.normal(0, 0.3, 100) + errors * rng.normal(size=100), errors)
        pulls.append((found.level - 2.5) / found.error)
    assert np.std(pulls) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("error", [0.0, 0.3])
def test_single_level_keeps_its_error(error: float) -> None:
    found = combine(np.array([2.5]), np.array([error]))
    assert (found.level, found.error) == pytest.approx((2.5, error), abs=1e-8)
    assert math.isnan(found.scatter)
    assert all(math.isnan(each) for each in (combine(np.empty(0), np.empty(0)).level,))
