"""Sky statistics of a box of pixels."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from .clipping import SIGMA, Clipped, SortedValues
from .pixelsums import Tilt, blank_bad, correlations, fit_plane, sum_pixels, sum_variance, take_finite

__all__ = ["SCALED", "GoodPixels"]

Image = npt.NDArray[np.floating[Any]]
Numbers = dict[str, Any]

# The first-pass plane only sets the clipping limits, so that a subset of the rows is enough.
_ROWS_OF_FIRST_PLANE = 512

_PERCENTILES = (1, 5, 16, 25, 75, 84, 95, 99)

SCALED = (
    *("mean", "std", "median", "mad_std", "clipped_mean", "clipped_mean_error", "clipped_median", "clipped_std"),
    *(f"p{percent:02d}" for percent in _PERCENTILES),
    *("plane_level", "plane_level_error", "gradient_x", "gradient_x_error", "gradient_y", "gradient_y_error"),
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
            if {"gradient", "correlation"} & set(statistics):
                centre = (region.x1 - region.x0 - 1) / 2, (region.y0 + region.y1 - 1) / 2 - (self.y0 + box.y0)
                numbers |= self._of_positions(box, centre, clipped, statistics)
        return numbers

    def _within_rows(self, region: Region) -> Region:
        """Return the part of a box that lies in these rows, with y counted from the first of them."""
        y0, y1 = (min(max(y - self.y0, 0), self.image.shape[0]) for y in (region.y0, region.y1))
        return Region(region.x0, region.x1, y0, y1)

    def _of_positions(
        self, box: Region, centre: tuple[float, float], clipped: Clipped, statistics: Collection[str]
    ) -> Numbers:
        """Return the statistics that depend on pixel positions, over pixels clipped about a plane."""
        limit = SIGMA * clipped.moments.std
        # clipping about a constant level biases the slope by 3 %; clipping about a first plane, by 3 % of that
        plane = Tilt(clipped.median)
        first = fit_plane(sum_pixels(self.image, box, plane, limit, step=_step(box)), plane, centre)
        plane = plane if first is None else first.tilt(centre)
        sums, numbers = sum_pixels(self.image, box, plane, limit), Numbers()
        fit = fit_plane(sums, plane, centre) if "gradient" in statistics else None
        if fit is not None:
            numbers |= {"plane_level": fit.level, "plane_level_error": fit.level_error}
            numbers |= {"gradient_x": fit.x, "gradient_x_error": fit.x_error}
            numbers |= {"gradient_y": fit.y, "gradient_y_error": fit.y_error}
        if "correlation" in statistics:
            numbers["correlation_x"], numbers["correlation_y"] = correlations(sums)
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
        "clipped_mean_error": moments.std / moments.n**0.5,
        "clipped_median": clipped.median,
        "clipped_std": moments.std,
    }
