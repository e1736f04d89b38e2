"""Statistics of ordered values equal those of numpy and astropy."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.stats import mad_std, sigma_clip, sigma_clipped_stats

from goodpix.query.background.clipping import SortedValues

RNG = np.random.default_rng(12)
MANY = 20_011
VALUES: dict[str, npt.NDArray[Any]] = {
    "one": np.array([3.25]),
    "two": np.array([1.0, 4.0]),
    "three": np.array([1.0, 4.0, -7.5]),
    "equal": np.full(101, 0.1),
    "few and far": np.array([0.0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1e30, -1e30]),
    "whole numbers": RNG.integers(-5, 6, 4097).astype(float),
    "noise": RNG.normal(2.5, 14, MANY),
    "even": RNG.normal(-900, 0.3, 8192),
    "objects": np.concatenate([RNG.normal(0, 10, MANY), RNG.exponential(300, MANY // 20)]),
    "wild": np.concatenate([RNG.normal(0, 10, 9000), [1e18, -1e18, 3e9]]),
    "skewed": RNG.exponential(1, 12_289),
}

every_kind = pytest.mark.parametrize("dtype", [np.float32, np.float64])
every_value = pytest.mark.parametrize("name", VALUES)


def plain_and_ordered(name: str, dtype: Any) -> tuple[npt.NDArray[np.float64], SortedValues]:
    values = VALUES[name].astype(dtype)
    return values.astype(np.float64), SortedValues(np.sort(values))


@every_kind
@every_value
def test_median_and_percentiles_are_those_of_numpy(name: str, dtype: Any) -> None:
    plain, ordered = plain_and_ordered(name, dtype)
    assert ordered.median == np.median(plain)
    for percent in (0, 1, 5, 16, 50, 77.7, 99, 100):
        assert ordered.percentile(percent) == np.percentile(plain, percent)


@every_kind
@every_value
def test_moments_are_those_of_numpy(name: str, dtype: Any) -> None:
    plain, ordered = plain_and_ordered(name, dtype)
    found, scale = ordered.moments(), np.abs(plain).max()
    assert found.n == plain.size
    assert found.mean == pytest.approx(plain.mean(), rel=1e-12, abs=1e-15 * scale)
    assert found.std == pytest.approx(plain.std(), rel=1e-12, abs=1e-15 * scale)
    ascending = np.sort(plain)
    for start, stop in ((0, 1), (plain.size // 3, plain.size), (plain.size // 2, plain.size // 2 + 1)):
        part, of_part = ascending[start:stop], ordered.moments(start, stop)
        reach = np.abs(part - np.median(plain)).max()
        assert of_part.n == part.size
        assert of_part.mean == pytest.approx(part.mean(), rel=1e-12, abs=1e-15 * scale)
        assert of_part.std == pytest.approx(part.std(), rel=1e-9, abs=1e-7 * reach + 1e-15 * scale)


@every_kind
@every_value
def test_robust_deviation_is_that_of_astropy(name: str, dtype: Any) -> None:
    plain, ordered = plain_and_ordered(name, dtype)
    assert ordered.mad_std() == pytest.approx(mad_std(plain), rel=1e-15)


@every_kind
@every_value
def test_clipping_leaves_what_that_of_astropy_leaves(name: str, dtype: Any) -> None:
    plain, ordered = plain_and_ordered(name, dtype)
    found = ordered.clipped()
    masked, low, high = sigma_clip(plain, return_bounds=True)
    mean, median, std = sigma_clipped_stats(plain)
    assert found.moments.n == masked.count()
    inside = plain[(plain >= low) & (plain <= high)]
    assert (found.low, found.high) == (inside.min(), inside.max())
    assert found.median == median
    assert found.moments.mean == pytest.approx(mean, rel=1e-12, abs=1e-12 * std)
    assert found.moments.std == pytest.approx(std, rel=1e-12)


def test_distance_from_a_median_between_two_values_is_found_at_either_end() -> None:
    for values in ([1.0, 2, 3, 4], [1.0, 2, 3, 100], [-100.0, 2, 3, 4], [1.0, 1, 1, 5], [0.0, 5, 5, 5], [7.0] * 4):
        assert SortedValues(np.array(values)).mad_std() == pytest.approx(mad_std(values))
