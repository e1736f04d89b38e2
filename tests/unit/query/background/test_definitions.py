"""Numbers of a definition of good, from the rows of its epochs."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from goodpix.query.background.definitions import DEFINITION_COLUMNS, _summary

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
    }
)


def test_epochs_without_good_pixels_count_in_the_fraction() -> None:
    found = _summary("wide", MEASURE, "r", ROWS)
    assert list(found) == list(DEFINITION_COLUMNS)
    assert (found["n_epochs"], found["n_left_out"], found["n"], found["unit"]) == (2, 2, 80, "electrons")
    assert found["fraction"] == pytest.approx(80 / 300)


def test_level_is_the_mean_of_epochs_with_its_error_and_scatter() -> None:
    found = _summary("wide", MEASURE, "r", ROWS)
    assert (found["level"], found["noise_ratio"]) == (2.5, 1.1)
    assert found["level_error"] == pytest.approx(math.hypot(0.3, 0.4) / 2)
    assert found["scatter"] == pytest.approx(np.std([1, 4], ddof=1))


def test_unit_is_null_where_epochs_differ_and_numbers_where_there_is_none() -> None:
    differ = _summary("wide", MEASURE, "r", ROWS.assign(unit=pd.Series(["electrons", "adu", "adu", None])))
    nothing = _summary("wide", MEASURE, "r", ROWS.iloc[3:])
    assert (differ["unit"], nothing["unit"]) == (None, None)
    assert nothing["n"] == 0
    assert all(math.isnan(nothing[name]) for name in ("fraction", "level", "level_error", "scatter", "noise_ratio"))
