"""Medians of residuals in boxes, and the errors that their scatter gives."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from ...schema.jit import kernel
from .pixelsums import Tilt

__all__ = ["BoxMedians", "box_medians", "box_side"]

Image = npt.NDArray[np.floating[Any]]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_SIDE = 128
_PER_SIDE = 4

# Bins of the histograms that give the medians, from one limit to the other: with limits at 3 sigma a bin is a
# two-hundredth of sigma, below the noise of a median of 128 x 128 pixels.
_BINS = 1200

# Boxes with fewer pixels than this fraction of the fullest box's would only add their noise.
_EMPTIEST = 0.25

# Variance of the median over that of the mean, for a normal distribution.
_MEDIAN_VARIANCE = np.pi / 2


def box_side(extent: int) -> int:
    """Return the side of the boxes along one axis of pixels that extend so far: 128, or a quarter if that is less."""
    return max(1, min(_SIDE, -(-extent // _PER_SIDE)))


@dataclass(frozen=True, slots=True, eq=False)
class BoxMedians:
    """Medians of the residuals in a grid of boxes; all arrays have the shape of the grid.

    Parameters
    ----------
    n : ndarray of int64
        Pixels in each box.
    x, y : ndarray of float64
        Mean position of these pixels; 0 in an empty box.
    median : ndarray of float64
        Median of their residuals; 0 in an empty box.
    """

    n: Ints
    x: Floats
    y: Floats
    median: Floats

    def merged(self) -> "BoxMedians":
        """Return the medians, averaged over boxes of twice the side."""
        n = _by_fours(self.n)
        some = np.maximum(n, 1)
        x, y, median = (_by_fours(self.n * each) / some for each in (self.x, self.y, self.median))
        return BoxMedians(n, x, y, median)

    def covariance(self, centroid: tuple[float, float], variance: float) -> Floats | None:
        """Return the covariance of sums over the pixels, if what scatters from box to box is common to a box's pixels.

        Parameters
        ----------
        centroid : tuple of float
            The x and y from which positions count.
        variance : float
            Variance of the residual of one pixel.

        Returns
        -------
        ndarray of float64, shape (3, 3), or None
            Covariance of the sums of v, x v and y v; None with too few boxes to tell.
        """
        used = self.n >= max(1.0, _EMPTIEST * self.n.max())
        n, median = self.n[used].astype(np.float64), self.median[used]
        freedom = n.size - 3
        if freedom < 2:
            return None
        # the median of pixels is noisier than their mean, which is what the sums are made of
        noise = variance * float((1 / n).mean())
        scatter = float((median**2).sum()) / freedom
        scatter = max(scatter - (_MEDIAN_VARIANCE - 1) * noise, noise)
        full = self.n > 0
        of_box = self.n[full] * np.array([np.ones(full.sum()), self.x[full] - centroid[0], self.y[full] - centroid[1]])
        covariance: Floats = scatter * (of_box @ of_box.T)
        return covariance


def box_medians(image: Image, box: Region, plane: Tilt, limit: float) -> BoxMedians:
    """Return the medians of a box's pixels minus a plane, in boxes of 128 pixels or a quarter of their extent.

    Parameters
    ----------
    image : ndarray of float32 or float64, shape (ny, nx)
        Row-major; NaN pixels are left out.
    box : Region
        The box.
    plane : Tilt
        Plane to subtract.
    limit : float
        Largest absolute distance from the plane.
    """
    pixels = image[box.y0 : box.y1, box.x0 : box.x1]
    x0, x1, y0, y1 = _extent(pixels)
    width, height = box_side(x1 - x0), box_side(y1 - y0)
    shape = (max(1, -(-(y1 - y0) // height)), max(1, -(-(x1 - x0) // width)))
    found = BoxMedians(np.zeros(shape, np.int64), *(np.zeros(shape) for _ in range(3)))
    scale = _BINS / (2 * limit) if limit > 0 else 0.0
    level = plane.level + plane.x * x0 + plane.y * y0
    _fill(
        pixels[y0:y1, x0:x1],
        (level, plane.x, plane.y),
        (limit, scale),
        (height, width),
        found.n,
        found.x,
        found.y,
        found.median,
    )
    some = np.maximum(found.n, 1)
    full = found.n > 0
    return BoxMedians(found.n, found.x / some + x0 * full, found.y / some + y0 * full, found.median)


def _by_fours(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the sums of two by two elements; a last row or column without a second stands alone."""
    ny, nx = values.shape
    even = np.pad(values, ((0, ny % 2), (0, nx % 2)))
    out: npt.NDArray[Any] = even[0::2, 0::2] + even[0::2, 1::2] + even[1::2, 0::2] + even[1::2, 1::2]
    return out


def _extent(pixels: Image) -> tuple[int, int, int, int]:
    """Return the limits in x and y of the pixels that are not NaN; zeros without any."""
    ends = np.array([pixels.shape[1], 0, pixels.shape[0], 0], np.int64)
    _widen(pixels, ends)
    x0, x1, y0, y1 = (int(each) for each in ends)
    return (x0, x1, y0, y1) if x0 < x1 else (0, 0, 0, 0)


@kernel
def _widen(pixels: Image, ends: Ints) -> None:
    ny, nx = pixels.shape
    for y in range(ny):
        row = pixels[y]
        # only pixels beyond the present limits can widen them
        x = 0
        while x < ends[0] and row[x] != row[x]:
            x += 1
        last = nx - 1
        while last >= ends[1] and row[last] != row[last]:
            last -= 1
        some = x < ends[0] or last >= ends[1]
        if not some:
            for k in range(ends[0], ends[1]):
                if row[k] == row[k]:
                    some = True
                    break
        if x < ends[0]:
            ends[0] = x
        if last >= ends[1]:
            ends[1] = last + 1
        if some:
            ends[2], ends[3] = min(ends[2], y), max(ends[3], y + 1)


@kernel
def _fill(
    pixels: Image,
    plane: tuple[float, float, float],
    limits: tuple[float, float],
    sides: tuple[int, int],
    n: Ints,
    x_sum: Floats,
    y_sum: Floats,
    median: Floats,
) -> None:
    ny, nx = pixels.shape
    level, slope_x, slope_y = plane
    limit, scale = limits
    height, width = sides
    counts = np.empty((n.shape[1], _BINS), np.int32)
    for row_of_boxes in range(n.shape[0]):
        counts[:] = 0
        for y in range(row_of_boxes * height, min(ny, (row_of_boxes + 1) * height)):
            for box in range(n.shape[1]):
                in_box, in_row, xs = counts[box], 0, 0
                for x in range(box * width, min(nx, (box + 1) * width)):
                    distance = pixels[y, x] - (level + slope_y * y + slope_x * x)
                    if abs(distance) <= limit:
                        in_box[min(int((distance + limit) * scale), _BINS - 1)] += 1
                        in_row += 1
                        xs += x
                n[row_of_boxes, box] += in_row
                x_sum[row_of_boxes, box] += xs
                y_sum[row_of_boxes, box] += in_row * y
        for box in range(n.shape[1]):
            if n[row_of_boxes, box] and scale > 0:
                median[row_of_boxes, box] = _median(counts[box], n[row_of_boxes, box]) / scale - limit


@kernel
def _median(counts: npt.NDArray[np.int32], n: int) -> float:
    """Return the median of a histogram in bins: the mean of the middle two values, or the middle one."""
    return (_value(counts, (n + 1) // 2) + _value(counts, n // 2 + 1)) / 2


@kernel
def _value(counts: npt.NDArray[np.int32], rank: int) -> float:
    """Return the value of a rank from 1, interpolated within its bin."""
    below = 0
    for k in range(counts.size):
        if below + counts[k] >= rank:
            return float(k + (rank - below - 0.5) / counts[k])
        below += counts[k]
    return float(counts.size)
