"""Sigma clipping and other statistics of sorted values."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...schema.jit import kernel
from ..summary.statistic import MAD_TO_STD

__all__ = ["SIGMA", "Clipped", "SortedValues"]

Values = npt.NDArray[np.floating[Any]]

# Defaults of astropy.stats.sigma_clip.
SIGMA, _MOST_CLIPS = 3.0, 5

# Number of values per precomputed partial sum.
_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Moments:
    """Number, mean and population standard deviation of values."""

    n: int
    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class Clipped:
    """Statistics of the values left by sigma clipping, of which `low` and `high` are the extremes."""

    low: float
    high: float
    median: float
    moments: Moments


class SortedValues:
    """Statistics of one or more finite values in ascending order.

    The results equal those of numpy and astropy on the same values in double precision.

    Parameters
    ----------
    values : ndarray of float32 or float64, shape (n,)
        Values in ascending order.
    """

    def __init__(self, values: Values) -> None:
        self._values = values
        self.median = self._median(0, values.size)
        n_chunks = -(-values.size // _CHUNK)
        self._sums = np.empty((2, n_chunks))
        _add_chunks(values, self.median, self._sums)

    def percentile(self, percent: float) -> float:
        """Return a percentile, linearly interpolated between adjacent values."""
        index = percent / 100 * (self._values.size - 1)
        below = math.floor(index)
        low, high, weight = self._at(below), self._at(min(below + 1, self._values.size - 1)), index - below
        # interpolate from the nearer end, as numpy does, so that the last digit agrees
        return high - (high - low) * (1 - weight) if weight >= 0.5 else low + (high - low) * weight

    def moments(self, start: int = 0, stop: int | None = None) -> Moments:
        """Return number, mean and standard deviation of the values from `start` to `stop`."""
        stop = self._values.size if stop is None else stop
        # distances from the median, because differences of large squares would lose digits
        first, second = (float(each) for each in self._sums_of(start, stop) / (stop - start))
        return Moments(stop - start, self.median + first, math.sqrt(max(second - first * first, 0.0)))

    def mad_std(self) -> float:
        """Return the median absolute deviation as a standard deviation: `astropy.stats.mad_std`."""
        n = self._values.size
        middle = self._first_from(self.median)
        low, high = (self._distance(middle, k) for k in ((n - 1) // 2, n // 2))
        return MAD_TO_STD * (low + high) / 2

    def clipped(self) -> Clipped:
        """Clip at 3 sigma up to 5 times, as `astropy.stats.sigma_clip` does."""
        start, stop = 0, self._values.size
        first, last = start, stop
        for _ in range(_MOST_CLIPS):
            median, std = self._median(start, stop), self.moments(start, stop).std
            first, last = self._first_from(median - SIGMA * std), self._after(median + SIGMA * std)
            if first <= start and last >= stop:
                break
            start, stop = max(first, start), min(last, stop)
        moments = self.moments(first, last)
        return Clipped(self._at(first), self._at(last - 1), self._median(first, last), moments)

    def _first_from(self, limit: float) -> int:
        """Return the index of the first value not below a limit."""
        nearest = self._values.dtype.type(limit)
        # with a limit of another dtype numpy would copy all values
        if float(nearest) < limit:
            nearest = np.nextafter(nearest, self._values.dtype.type(np.inf))
        return int(np.searchsorted(self._values, nearest))

    def _after(self, limit: float) -> int:
        """Return the index after the last value not above a limit."""
        nearest = self._values.dtype.type(limit)
        if float(nearest) > limit:
            nearest = np.nextafter(nearest, self._values.dtype.type(-np.inf))
        return int(np.searchsorted(self._values, nearest, side="right"))

    def _median(self, start: int, stop: int) -> float:
        return (self._at(start + (stop - start - 1) // 2) + self._at(start + (stop - start) // 2)) / 2

    def _at(self, index: int) -> float:
        return float(self._values[index])

    def _distance(self, middle: int, k: int) -> float:
        """Return the k-th smallest distance from the median, which lies just below the value at index `middle`."""
        # distances increase to either side; bisect for the number of the smallest ones that lie below
        fewest, most = max(0, k - (self._values.size - middle)), min(k, middle)
        while fewest < most:
            n_below = (fewest + most) // 2
            if self.median - self._at(middle - 1 - n_below) < self._at(middle + k - n_below - 1) - self.median:
                fewest = n_below + 1
            else:
                most = n_below
        below, above = middle - 1 - fewest, middle + k - fewest
        distances = [self.median - self._at(below)] if below >= 0 else []
        if above < self._values.size:
            distances.append(self._at(above) - self.median)
        return min(distances)

    def _sums_of(self, start: int, stop: int) -> npt.NDArray[np.float64]:
        """Return the sums of distances from the median, and of their squares, from `start` to `stop`."""
        after, before = -(-start // _CHUNK), stop // _CHUNK
        if after >= before:
            return self._plain_sums(start, stop)
        ends = self._plain_sums(start, after * _CHUNK) + self._plain_sums(before * _CHUNK, stop)
        inside: npt.NDArray[np.float64] = self._sums[:, after:before].sum(axis=1)
        return inside + ends

    def _plain_sums(self, start: int, stop: int) -> npt.NDArray[np.float64]:
        distances = self._values[start:stop].astype(np.float64) - self.median
        return np.array([distances.sum(), (distances * distances).sum()])


@kernel
def _add_chunks(values: Values, centre: float, sums: npt.NDArray[np.float64]) -> None:
    """Write the sums of distances from a centre, and of their squares, for every `_CHUNK` values."""
    for chunk in range(sums.shape[1]):
        block = values[chunk * _CHUNK : (chunk + 1) * _CHUNK]
        # two accumulators each, so that additions overlap
        first = second = other_first = other_second = 0.0
        for k in range(0, block.size - 1, 2):
            distance, other = block[k] - centre, block[k + 1] - centre
            first += distance
            second += distance * distance
            other_first += other
            other_second += other * other
        if block.size % 2:
            last = block[block.size - 1] - centre
            first += last
            second += last * last
        sums[0, chunk] = first + other_first
        sums[1, chunk] = second + other_second
