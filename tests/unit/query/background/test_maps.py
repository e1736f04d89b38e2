"""Comparison of a background map with the survey's own, against numpy."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.query.background.maps import BackgroundMap
from goodpix.schema.criteria import Selection
from goodpix.schema.errors import FitsFileError
from goodpix.schema.rows import MaskKey

KEY = MaskKey("T", "r", "epoch", 1, 11)
RNG = np.random.default_rng(6)
OURS, SURVEY, RMS = (RNG.normal(5, 1, (8, 6)).astype(np.float32) for _ in range(3))
GOOD = RNG.random((8, 6)) < 0.6


def map_of(
    good: npt.NDArray[np.bool_] = GOOD, survey: npt.NDArray[np.float32] | None = SURVEY, skysigma: float | None = 4.0
) -> BackgroundMap:
    fit: Any = SimpleNamespace(background=OURS, background_rms=RMS)
    why_not = "the info file has no bkg_path" if survey is None else None
    return BackgroundMap(KEY, fit, good, survey, why_not, Selection(), 900.0, skysigma, "ADU")


def test_difference_is_ours_minus_the_surveys() -> None:
    found = map_of()
    np.testing.assert_array_equal(found.difference, OURS - SURVEY)
    np.testing.assert_array_equal(found.background, OURS)
    np.testing.assert_array_equal(found.rms, RMS)


@pytest.mark.parametrize(("name", "pixels"), [("good", GOOD), ("all", np.ones((8, 6), bool))])
def test_numbers_are_those_of_numpy(name: str, pixels: npt.NDArray[np.bool_]) -> None:
    values = (OURS - SURVEY)[pixels].astype(float)
    expected = {
        "n": values.size,
        "mean": values.mean(),
        "std": values.std(),
        "median": np.median(values),
        "least": values.min(),
        "greatest": values.max(),
        "mean_in_sigma": values.mean() / 4.0,
    }
    assert map_of().compare().loc[name].to_dict() == pytest.approx(expected)


@pytest.mark.parametrize("skysigma", [None, 0.0])
def test_mean_in_an_unknown_sigma_is_unknown(skysigma: float | None) -> None:
    found = map_of(skysigma=skysigma).compare()
    assert found["mean_in_sigma"].isna().all()
    assert found["mean"].notna().all()


def test_numbers_of_no_pixel_are_unknown() -> None:
    found = map_of(good=np.zeros((8, 6), bool)).compare()
    assert found["n"].tolist() == [0, 48]
    assert found.loc["good"].drop("n").isna().all()
    assert found.loc["all"].notna().all()


def test_without_a_survey_map_there_is_no_comparison_and_the_reason_is_said() -> None:
    found = map_of(survey=None)
    message = r"epoch 1/11 \(tile T, band r\): no survey background map to compare with: the info file has no bkg_path"
    for ask in (lambda: found.difference, found.compare):
        with pytest.raises(FitsFileError, match=message):
            ask()
