"""The plane that fits pixels best, and the correlation of neighbours, from sums."""

from dataclasses import dataclass

import numpy as np

from .goodvalues import PixelSums, Tilt

__all__ = ["PlaneFit", "correlations", "fit_plane"]

# Beyond it the pixels lie in a line, or nearly so, and a plane through them is anybody's.
_WORST_CONDITION = 1e12


@dataclass(frozen=True, slots=True)
class PlaneFit:
    """A plane fitted to pixels by least squares: its level at some place, and its slopes per pixel.

    The errors are standard errors, as if pixels were independent.
    """

    level: float
    level_error: float
    x: float
    x_error: float
    y: float
    y_error: float

    def tilt(self, place: tuple[float, float]) -> Tilt:
        """Return the plane with its level at the first pixel, where `place` counts from, instead of there."""
        return Tilt(self.level - place[0] * self.x - place[1] * self.y, self.x, self.y)


def fit_plane(sums: PixelSums, plane: Tilt, place: tuple[float, float]) -> PlaneFit | None:
    """Return the plane that fits some pixels best; None where they are fewer than four or lie in a line.

    Parameters
    ----------
    sums : PixelSums
        Over the pixels.
    plane : Tilt
        What was subtracted from their values.
    place : tuple of float
        The x and y, counted as those of the sums, where the level is wanted.
    """
    if sums.n < 4:
        return None
    x0, y0 = place
    # in units of the part's size, so that the matrix says how well the plane is known
    size_x, size_y = max(abs(x0), 1.0), max(abs(y0), 1.0)
    x, y = (sums.x - sums.n * x0) / size_x, (sums.y - sums.n * y0) / size_y
    xx = (sums.xx - x0 * (2 * sums.x - sums.n * x0)) / size_x**2
    yy = (sums.yy - y0 * (2 * sums.y - sums.n * y0)) / size_y**2
    xy = (sums.xy - x0 * sums.y - y0 * (sums.x - sums.n * x0)) / (size_x * size_y)
    xv, yv = (sums.xv - x0 * sums.v) / size_x, (sums.yv - y0 * sums.v) / size_y
    normal = np.array([[sums.n, x, y], [x, xx, xy], [y, xy, yy]])
    if not np.linalg.cond(normal) < _WORST_CONDITION:
        return None
    inverse, right = np.linalg.inv(normal), np.array([sums.v, xv, yv])
    found = inverse @ right
    left_over = max(sums.vv - float(found @ right), 0.0)
    errors = np.sqrt(np.diag(inverse) * left_over / (sums.n - 3))
    return PlaneFit(
        level=plane.level + x0 * plane.x + y0 * plane.y + float(found[0]),
        level_error=float(errors[0]),
        x=plane.x + float(found[1]) / size_x,
        x_error=float(errors[1]) / size_x,
        y=plane.y + float(found[2]) / size_y,
        y_error=float(errors[2]) / size_y,
    )


def correlations(sums: PixelSums) -> tuple[float | None, float | None]:
    """Return the correlation of neighbours along x and along y; None where there are none.

    It is the mean product of their distances from the plane, over the mean square of all.
    """
    variance = sums.vv / sums.n if sums.n else 0.0
    pairs = ((sums.n_x, sums.products_x), (sums.n_y, sums.products_y))
    along_x, along_y = (products / n / variance if n and variance else None for n, products in pairs)
    return along_x, along_y
