"""Least-squares plane of pixels, with errors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .boxmedians import BoxMedians
from .pixelsums import PixelSums, Tilt

__all__ = ["PlaneFit", "fit_plane"]

Floats = npt.NDArray[np.float64]

# Below this the pixels are nearly collinear and the slopes are undetermined.
_LEAST_DETERMINED = 1e-12

# Boxes of up to four times the side: residuals may be alike over more than one box.
_SIZES = 3

# With fewer boxes the scatter of larger ones says less than it costs.
_FEWEST_MERGED = 16


@dataclass(frozen=True, slots=True, eq=False)
class PlaneFit:
    """Least-squares plane, or the mean where pixels in a line or fewer than four determine no slopes.

    Parameters
    ----------
    level : float
        Level at the centroid.
    centroid : tuple of float
        Mean x and y of the pixels.
    slopes : tuple of float or None
        Slopes along x and y per pixel; None if undetermined.
    covariances : sequence of ndarray of float64, shape (3, 3)
        Covariances of level and slopes by different estimates of the noise, the largest of which counts. The first
        takes pixels as independent.
    variance : float
        Variance of the pixels about the plane.
    """

    level: float
    centroid: tuple[float, float]
    slopes: tuple[float, float] | None
    covariances: Sequence[Floats]
    variance: float

    def at(self, x: float, y: float) -> float:
        """Return the level of the plane at a position."""
        slope_x, slope_y = self.slopes or (0.0, 0.0)
        return self.level + slope_x * (x - self.centroid[0]) + slope_y * (y - self.centroid[1])

    def tilt(self) -> Tilt:
        """Return the plane with its level at the first pixel."""
        return Tilt(self.at(0.0, 0.0), *(self.slopes or (0.0, 0.0)))

    def level_error(self, x: float, y: float) -> float:
        """Return the standard error of the level at a position."""
        return self._error(np.array([1.0, x - self.centroid[0], y - self.centroid[1]]))

    @property
    def slope_errors(self) -> tuple[float, float]:
        """Standard errors of the slopes."""
        return self._error(np.array([0.0, 1.0, 0.0])), self._error(np.array([0.0, 0.0, 1.0]))

    def with_boxes(self, boxes: BoxMedians) -> "PlaneFit":
        """Return the plane with the errors that the scatter of medians in boxes gives, if these are larger."""
        if not self.variance > 0:
            return self
        inverse, found = self.covariances[0] / self.variance, [self.covariances[0]]
        for _ in range(_SIZES):
            of_sums = boxes.covariance(self.centroid, self.variance)
            if of_sums is None:
                break
            found.append(inverse @ of_sums @ inverse)
            boxes = boxes.merged()
            if np.count_nonzero(boxes.n) < _FEWEST_MERGED:
                break
        return replace(self, covariances=found)

    def _error(self, weights: Floats) -> float:
        return float(np.sqrt(max(0.0, *(float(weights @ each @ weights) for each in self.covariances))))


def fit_plane(sums: PixelSums, plane: Tilt) -> PlaneFit | None:
    """Fit a plane by least squares; None without pixels.

    Parameters
    ----------
    sums : PixelSums
        Sums over the pixels.
    plane : Tilt
        Plane that was subtracted from their values.
    """
    n = sums.n
    if not n:
        return None
    x, y, v = sums.x / n, sums.y / n, sums.v / n
    # in integers, because differences of large squares would lose digits
    xx, xy, yy = (
        (n * int(square) - int(a) * int(b)) / n
        for square, a, b in ((sums.xx, sums.x, sums.x), (sums.xy, sums.x, sums.y), (sums.yy, sums.y, sums.y))
    )
    xv, yv = sums.xv - x * sums.v, sums.yv - y * sums.v
    left_over = max(sums.vv - v * sums.v, 0.0)
    determinant = xx * yy - xy * xy
    inverse, slopes, freedom = np.zeros((3, 3)), None, n - 1
    inverse[0, 0] = 1 / n
    level = plane.level + x * plane.x + y * plane.y + v
    if n >= 4 and determinant > _LEAST_DETERMINED * xx * yy:
        inverse[1:, 1:] = np.array([[yy, -xy], [-xy, xx]]) / determinant
        slope_x, slope_y = (float(each) for each in inverse[1:, 1:] @ np.array([xv, yv]))
        slopes, freedom = (plane.x + slope_x, plane.y + slope_y), n - 3
        left_over = max(left_over - slope_x * xv - slope_y * yv, 0.0)
    variance = left_over / freedom if freedom else 0.0
    return PlaneFit(level, (x, y), slopes, [inverse * variance], variance)
