"""Radii, histograms and quantiles of a study of mask widths."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.query.background.maskwidth import (
    _BIN,
    _FURTHEST,
    _N_BINS,
    WIDTH_COLUMNS,
    ImageResiduals,
    _BandSums,
    _check_radii,
    _count,
    _frame,
    _grown_bits,
    _quantile,
)
from goodpix.schema.bits import Criterion
from goodpix.schema.criteria import BoundSelection, Selection
from goodpix.schema.errors import UsageError


def histogram(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Count values in the bins of the study, the first and last of which have no end."""
    edges = np.linspace(-_FURTHEST, _FURTHEST, _N_BINS - 1)
    return np.histogram(values, [-np.inf, *edges, np.inf])[0]


def test_radii_are_sorted_and_distinct() -> None:
    radii: list[Any] = [3, 0, "1.5", 3.0]
    assert _check_radii(radii) == (0.0, 1.5, 3.0)


@pytest.mark.parametrize("radii", [[], [-1], [math.nan], [1001], ["far"], 5])
def test_radii_that_are_no_lengths_are_refused(radii: object) -> None:
    with pytest.raises(UsageError, match=r"radii are .*: expected"):
        _check_radii(radii)  # type: ignore[arg-type]  # what a user may give


def test_grown_bits_are_those_of_criteria_and_mask_bits() -> None:
    bound = BoundSelection.of(Selection())
    assert _grown_bits(["COADD_SEG", "SE:TRAIL"], bound) == Criterion.COADD_SEG | 64 << 8
    with pytest.raises(UsageError, match="grow is empty"):
        _grown_bits([], bound)
    with pytest.raises(UsageError, match="COADD_SEG is already grown by the selection"):
        _grown_bits(["COADD_SEG"], BoundSelection.of(Selection(grow={"COADD_SEG": 2})))


def test_quantiles_are_those_of_the_values_to_a_bin() -> None:
    values = np.random.default_rng(1).normal(0.3, 1, 20_000)
    for fraction in (0.16, 0.5, 0.84):
        assert _quantile(histogram(values), fraction) == pytest.approx(np.quantile(values, fraction), abs=_BIN)


def test_quantile_within_a_bin_is_interpolated() -> None:
    counts = histogram(np.full(4, 0.0025))
    assert _quantile(counts, 0.25) == pytest.approx(0.25 * _BIN)
    assert _quantile(counts, 0.75) == pytest.approx(0.75 * _BIN)


def test_quantile_beyond_the_bins_is_unknown() -> None:
    assert math.isnan(_quantile(histogram(np.array([-7.0, -8, 0])), 0.5))
    assert math.isnan(_quantile(histogram(np.array([7.0, 8, 0])), 0.5))
    assert math.isnan(_quantile(histogram(np.empty(0)), 0.5))


def test_pixels_are_counted_by_the_radii_for_which_they_stay_good() -> None:
    sigma = 2.0
    residual = np.array([[0.0, 1.0, 99.0], [-99.0, np.nan, np.inf], [0.1, 0.1, 0.1]])
    good = np.array([[True, True, True], [True, True, True], [False, True, True]])
    distance = np.array([[0, 1, 2], [0, 1, 2], [0, 0, 1]], np.uint32)
    n_good_for = np.array([0, 1, 2])  # of squared distances 0, 1 and 2
    counts = np.zeros((3, _N_BINS), np.int64)
    _count(residual, good, distance, n_good_for, sigma, counts)
    for k, values in enumerate(([0.0, -99.0, 0.1], [1.0, 0.1], [99.0])):
        np.testing.assert_array_equal(counts[k], histogram(np.array(values) / sigma))


def test_table_has_a_row_for_each_band_and_radius() -> None:
    values = np.random.default_rng(2).normal(0, 1, 5000)
    counts = np.array([histogram(values), histogram(np.empty(0))])
    r, i = (_BandSums.empty(2) for _ in "ri")
    r.add(ImageResiduals(counts, 0.0))
    r.n_left_out, i.n_left_out = 1, 2
    table = _frame({"r": r, "i": i}, [0.0, 4.0], (True, "all"))
    assert table.columns.tolist() == list(WIDTH_COLUMNS)
    assert table[["band", "radius", "n_images", "n_left_out", "n"]].to_numpy().tolist() == [
        ["i", 0.0, 0, 2, 0],
        ["i", 4.0, 0, 2, 0],
        ["r", 0.0, 1, 1, 5000],
        ["r", 4.0, 1, 1, 0],
    ]
    row = table.iloc[2]
    # the standard error of a normal distribution's median is 1.2533 sigma / sqrt(n)
    assert row["median_error"] == pytest.approx(1.2533 / 5000**0.5, rel=0.05)
    assert table["median"].isna().tolist() == [True, True, False, True]


def test_error_of_an_image_is_that_of_its_boxes_where_that_is_larger() -> None:
    sums = _BandSums.empty(1)
    sums.add(ImageResiduals(np.array([histogram(np.random.default_rng(3).normal(0, 1, 5000))]), 0.2))
    assert sums.error(0) == pytest.approx(0.2)


def test_error_of_images_is_that_of_their_scatter() -> None:
    rng = np.random.default_rng(4)
    sums = _BandSums.empty(1)
    levels = rng.normal(0, 0.5, 25)
    for level in levels:
        sums.add(ImageResiduals(np.array([histogram(rng.normal(level, 1, 4000))]), 0.01))
    assert sums.error(0) == pytest.approx(levels.std(ddof=1) / 5, rel=0.1)
    assert math.isnan(_BandSums.empty(1).error(0))
