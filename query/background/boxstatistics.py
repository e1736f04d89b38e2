"""Sky statistics of a box of pixels."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from .boxmedians import box_medians
from .clipping import SIGMA, Clipped, SortedValues
from .hull import hull_contains
from .pixelsums import Tilt, blank_bad, correlations, sum_pixels, sum_variance, take_finite
from .planefit import PlaneFit, fit_plane

__all__ = ["SCALED", "GoodPixels"]

Image = npt.NDArray[np.floating[Any]]
Numbers = dict[str, Any]

# The first-pass plane only sets the clipping limits, so that a subset of the rows is enough.
_ROWS_OF_FIRST_PLANE = 512

# With a smaller fraction of good pixels a plane says little about the middle.
_LEAST_GOOD = 0.05

_PERCENTILES = (1, 5, 16, 25, 75, 84, 95, 99)

SCALED = (
    *("mean", "std", "median", "mad_std", "clipped_mean", "clipped_mean_error", "clipped_median", "clipped_std"),
    *(f"p{percent:02d}" for percent in _PERCENTILES),
    *("level", "level_error", "plane_level", "plane_level_error"),
    *("gradient_x", "gradient_x_error", "gradient_y", "gradient_y_error"),
    "noise_predicted",
)
"""Statistics in the unit of the values."""


@dataclass(frozen=True, slots=True, eq=False)
class GoodPixels:
    """Rows of an image, with NaN at bad pixels.

    Parameters
    ----------
    image : ndarray of float32 or float64, shape (n_rows, nx)
        Pixel values; overwritten with NaN where bad or infinite.
    good : ndarray of bool, shape (n_rows, nx)
        Whether each pixel is good.
    y0 : int
        Image row of the first row; there are no good pixels in other rows.
    """

    image: Image
    good: npt.NDArray[np.bool_]
    y0: int

    def __post_init__(self) -> None:
        blank_bad(self.image, self.good)

    def values(self, regions: Iterable[Region], buffer: Image) -> list[Image]:
        """Return the finite values in each box.

        Parameters
        ----------
        regions : iterable of Region
            Boxes, in image pixels; they must not overlap.
        buffer : ndarray of the image's type
            Memory for the values; longer than the number of good pixels.
        """
        out = []
        for region in regions:
            out.append(take_finite(self.image, self._within_rows(region), buffer))
            buffer = buffer[out[-1].size :]
        return out

    def describe(self, region: Region, values: Image, weight: Image | None, statistics: Collection[str]) -> Numbers:
        """Return the statistics of a box of the image.

        Parameters
        ----------
        region : Region
            The box, in image pixels.
        values : ndarray, shape (n,)
            Finite values in the box, in ascending order.
        weight : ndarray of float32 or float64, shape (n_rows, nx), optional
            Weights of the pixels.
        statistics : collection of str
            See `goodpix.query.background.skyrow.STATISTICS`.

        Returns
        -------
        dict
            Values by column; missing columns are null.
        """
        box = self._within_rows(region)
        n_good = int(np.count_nonzero(self.good[box.y0 : box.y1, box.x0 : box.x1]))
        numbers: Numbers = {"n": values.size, "n_not_finite": n_good - values.size}
        if not values.size:
            return numbers
        sorted_values = SortedValues(values)
        numbers |= _of_values(sorted_values, statistics)
        if "noise" in statistics and weight is not None:
            variance = sum_variance(self.image, weight, box)
            if variance.n:
                predicted = float(np.sqrt(variance.total / variance.n))
                numbers |= {"noise_predicted": predicted, "noise_ratio": sorted_values.mad_std() / predicted}
        if {"clipped", "gradient", "correlation"} & set(statistics):
            clipped = sorted_values.clipped()
            if "clipped" in statistics:
                numbers |= _of_clipped(clipped)
            numbers |= self._of_positions(region, clipped, statistics)
        return numbers

    def _within_rows(self, region: Region) -> Region:
        """Return the part of a box that lies in these rows, with y counted from the first of them."""
        y0, y1 = (min(max(y - self.y0, 0), self.image.shape[0]) for y in (region.y0, region.y1))
        return Region(region.x0, region.x1, y0, y1)

    def _of_positions(self, region: Region, clipped: Clipped, statistics: Collection[str]) -> Numbers:
        """Return the statistics that depend on pixel positions, over pixels clipped about a plane."""
        box, limit = self._within_rows(region), SIGMA * clipped.moments.std
        # clipping about a constant level biases the slope by 3 %; clipping about a first plane, by 3 % of that
        plane = Tilt(clipped.median)
        first = fit_plane(sum_pixels(self.image, box, plane, limit, step=_step(box)), plane)
        plane = plane if first is None or first.slopes is None else first.tilt()
        sums, numbers = sum_pixels(self.image, box, plane, limit), Numbers()
        fit = fit_plane(sums, plane) if {"clipped", "gradient"} & set(statistics) else None
        if fit is not None:
            fit = fit.with_boxes(box_medians(self.image, box, fit.tilt(), limit))
            level_error = fit.level_error(*fit.centroid)
            if "clipped" in statistics:
                numbers["clipped_mean_error"] = max(clipped.moments.std / clipped.moments.n**0.5, level_error)
            if "gradient" in statistics:
                numbers |= {"level": fit.level, "level_error": level_error}
                numbers |= {"level_x": fit.centroid[0] + region.x0, "level_y": fit.centroid[1] + box.y0 + self.y0}
                numbers |= self._of_plane(region, fit)
        if "correlation" in statistics:
            numbers["correlation_x"], numbers["correlation_y"] = correlations(sums)
        return numbers

    def _of_plane(self, region: Region, fit: PlaneFit) -> Numbers:
        """Return the slopes of a plane, and its level in the middle of a box that good pixels surround."""
        if fit.slopes is None:
            return {}
        errors = fit.slope_errors
        numbers: Numbers = {"gradient_x": fit.slopes[0], "gradient_x_error": errors[0]}
        numbers |= {"gradient_y": fit.slopes[1], "gradient_y_error": errors[1]}
        box = self._within_rows(region)
        middle = (region.x1 - region.x0 - 1) / 2, (region.y0 + region.y1 - 1) / 2 - (self.y0 + box.y0)
        n_good = int(np.count_nonzero(self.good[box.y0 : box.y1, box.x0 : box.x1]))
        if n_good >= _LEAST_GOOD * region.n_pixels and hull_contains(self.image, box, middle):
            numbers |= {"plane_level": fit.at(*middle), "plane_level_error": fit.level_error(*middle)}
        return numbers


def _step(region: Region) -> int:
    """Return the row step for the first-pass plane."""
    return max(1, (region.y1 - region.y0) // _ROWS_OF_FIRST_PLANE)


def _of_values(values: SortedValues, statistics: Collection[str]) -> Numbers:
    numbers: Numbers = {}
    if "mean" in statistics:
        moments = values.moments()
        numbers |= {"mean": moments.mean, "std": moments.std}
    if "median" in statistics:
        numbers |= {"median": values.median, "mad_std": values.mad_std()}
    if "percentiles" in statistics:
        numbers |= {f"p{percent:02d}": values.percentile(percent) for percent in _PERCENTILES}
    return numbers


def _of_clipped(clipped: Clipped) -> Numbers:
    moments = clipped.moments
    return {
        "n_clipped": moments.n,
        "clipped_mean": moments.mean,
        "clipped_median": clipped.median,
        "clipped_std": moments.std,
    }
