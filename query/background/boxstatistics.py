"""The sky statistics of a box of pixels."""

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

# A first plane, which only says what is to be clipped, need not be of all of them.
_ROWS_OF_FIRST_PLANE = 512

_PERCENTILES = (1, 5, 16, 25, 75, 84, 95, 99)

SCALED = (
    *("mean", "std", "median", "mad_std", "clipped_mean", "clipped_mean_error", "clipped_median", "clipped_std"),
    *(f"p{percent:02d}" for percent in _PERCENTILES),
    *("plane_level", "plane_level_error", "gradient_x", "gradient_x_error", "gradient_y", "gradient_y_error"),
    "noise_predicted",
)
"""Statistics that are in the unit of the values."""


@dataclass(frozen=True, slots=True, eq=False)
class GoodPixels:
    """Some rows of an image, with NaN where a pixel is not good.

    Parameters
    ----------
    image : ndarray of float32 or float64, shape (n_rows, nx)
        The values; made NaN where they are not good or infinite.
    good : ndarray of bool, shape (n_rows, nx)
        Which pixels are good.
    y0 : int
        The first row's number in the image; pixels of other rows are not good.
    """

    image: Image
    good: npt.NDArray[np.bool_]
    y0: int

    def __post_init__(self) -> None:
        blank_bad(self.image, self.good)

    def values(self, regions: Iterable[Region], room: Image) -> list[Image]:
        """Return the finite values of boxes.

        Parameters
        ----------
        regions : iterable of Region
            Boxes, in pixels of the image; no two overlap.
        room : ndarray of the image's type
            Where the values are put: longer than there are good pixels.
        """
        out = []
        for region in regions:
            out.append(take_finite(self.image, self._here(region), room))
            room = room[out[-1].size :]
        return out

    def describe(self, region: Region, values: Image, weight: Image | None, statistics: Collection[str]) -> Numbers:
        """Return the statistics of a box of the image.

        Parameters
        ----------
        region : Region
            The box, in pixels of the image.
        values : ndarray, shape (n,)
            Its finite values in ascending order.
        weight : ndarray of float32 or float64, shape (n_rows, nx), optional
            The weights of the image's pixels.
        statistics : collection of str
            See `goodpix.query.background.skyrow.STATISTICS`.

        Returns
        -------
        dict
            Values by column; a column that is not there is null.
        """
        here = self._here(region)
        n_good = int(np.count_nonzero(self.good[here.y0 : here.y1, here.x0 : here.x1]))
        found: Numbers = {"n": values.size, "n_not_finite": n_good - values.size}
        if not values.size:
            return found
        ordered = SortedValues(values)
        found |= _of_values(ordered, statistics)
        if "noise" in statistics and weight is not None:
            variance = sum_variance(self.image, weight, here)
            if variance.n:
                predicted = float(np.sqrt(variance.total / variance.n))
                found |= {"noise_predicted": predicted, "noise_ratio": ordered.mad_std() / predicted}
        if {"clipped", "gradient", "correlation"} & set(statistics):
            clipped = ordered.clipped()
            if "clipped" in statistics:
                found |= _of_clipped(clipped)
            if {"gradient", "correlation"} & set(statistics):
                middle = (region.x1 - region.x0 - 1) / 2, (region.y0 + region.y1 - 1) / 2 - (self.y0 + here.y0)
                found |= self._of_places(here, middle, clipped, statistics)
        return found

    def _here(self, region: Region) -> Region:
        """Return a box in pixels of the rows that are there."""
        y0, y1 = (min(max(y - self.y0, 0), self.image.shape[0]) for y in (region.y0, region.y1))
        return Region(region.x0, region.x1, y0, y1)

    def _of_places(
        self, here: Region, middle: tuple[float, float], clipped: Clipped, statistics: Collection[str]
    ) -> Numbers:
        """Return what depends on where pixels are, of those that clipping about a plane leaves."""
        limit = SIGMA * clipped.moments.std
        # what is clipped about a level makes a slope 3 % too small; about a first plane 3 % of that
        plane = Tilt(clipped.median)
        first = fit_plane(sum_pixels(self.image, here, plane, limit, step=_step(here)), plane, middle)
        plane = plane if first is None else first.tilt(middle)
        sums, found = sum_pixels(self.image, here, plane, limit), Numbers()
        fit = fit_plane(sums, plane, middle) if "gradient" in statistics else None
        if fit is not None:
            found |= {"plane_level": fit.level, "plane_level_error": fit.level_error}
            found |= {"gradient_x": fit.x, "gradient_x_error": fit.x_error}
            found |= {"gradient_y": fit.y, "gradient_y_error": fit.y_error}
        if "correlation" in statistics:
            found["correlation_x"], found["correlation_y"] = correlations(sums)
        return found


def _step(region: Region) -> int:
    """Return how many rows may be passed over for a first plane."""
    return max(1, (region.y1 - region.y0) // _ROWS_OF_FIRST_PLANE)


def _of_values(ordered: SortedValues, statistics: Collection[str]) -> Numbers:
    found: Numbers = {}
    if "mean" in statistics:
        moments = ordered.moments()
        found |= {"mean": moments.mean, "std": moments.std}
    if "median" in statistics:
        found |= {"median": ordered.median, "mad_std": ordered.mad_std()}
    if "percentiles" in statistics:
        found |= {f"p{percent:02d}": ordered.percentile(percent) for percent in _PERCENTILES}
    return found


def _of_clipped(clipped: Clipped) -> Numbers:
    moments = clipped.moments
    return {
        "n_clipped": moments.n,
        "clipped_mean": moments.mean,
        "clipped_mean_error": moments.std / moments.n**0.5,
        "clipped_median": clipped.median,
        "clipped_std": moments.std,
    }
