"""Sums over good pixels of a box, and the correlations that follow from them."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from ...schema.jit import kernel

__all__ = [
    "PixelSums",
    "Tilt",
    "blank_bad",
    "correlations",
    "sum_pixels",
    "sum_variance",
    "take_finite",
]

Image = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

# Rows and columns of a mask to transpose from column-major to row-major at a time.
_ROWS, _COLUMNS = 64, 8


class Tilt(NamedTuple):
    """A plane: level at the first pixel of a box, and slopes per pixel."""

    level: float
    x: float = 0.0
    y: float = 0.0


class PixelSums(NamedTuple):
    """Sums over pixels of a box; x and y count from its first pixel, v is the value minus a plane."""

    n: int
    x: int
    y: int
    xx: int
    xy: int
    yy: int
    v: float
    xv: float
    yv: float
    vv: float
    n_x: int
    """Number of pairs of adjacent pixels along x."""
    products_x: float
    """Sum over these pairs of the products of v."""
    n_y: int
    products_y: float


class Variance(NamedTuple):
    """Sum of 1 / weight over pixels with a finite, positive weight, and their number."""

    total: float
    n: int


def blank_bad(image: Image, good: Bools) -> None:
    """Set bad pixels and infinite values to NaN.

    Parameters
    ----------
    image : ndarray of float32 or float64, shape (ny, nx)
        Row-major.
    good : ndarray of bool, shape (ny, nx)
        Column-major, as decoded from a mask.
    """
    _blank(image, good.T)


def take_finite(image: Image, region: Region, buffer: Image) -> Image:
    """Copy the values in a box that are not NaN to the start of `buffer`, which needs one spare element."""
    return buffer[: _take(image, _bounds(region), buffer)]


def sum_variance(image: Image, weight: Image, region: Region) -> Variance:
    """Return the sum of 1 / weight over pixels of a box whose image value is not NaN."""
    return Variance(*_variance(image, weight, _bounds(region)))


def sum_pixels(image: Image, region: Region, plane: Tilt, limit: float, *, step: int = 1) -> PixelSums:
    """Return sums over pixels of a box whose values lie within `limit` of a plane.

    Parameters
    ----------
    image : ndarray of float32 or float64, shape (ny, nx)
        Row-major; NaN pixels are never included.
    region : Region
        The box.
    plane : Tilt
        Plane to subtract.
    limit : float
        Largest absolute distance from the plane.
    step : int
        Use every step-th row; with a step above 1 the pairs along y are not adjacent.
    """
    return PixelSums(*_sums(image, _bounds(region), plane, limit, step))


class _Bounds(NamedTuple):
    """A box in a form that kernels accept."""

    x0: int
    x1: int
    y0: int
    y1: int


def _bounds(region: Region) -> _Bounds:
    return _Bounds(region.x0, region.x1, region.y0, region.y1)


@kernel
def _blank(image: Image, columns: Bools) -> None:
    ny, nx = image.shape
    good = np.empty((_ROWS, nx), np.bool_)
    for y0 in range(0, ny, _ROWS):
        y1 = min(y0 + _ROWS, ny)
        _turn(columns, y0, y1, good)
        for y in range(y0, y1):
            row, is_good = image[y], good[y - y0]
            for x in range(nx):
                row[x] = row[x] if is_good[x] and abs(row[x]) < np.inf else np.nan


@kernel
def _turn(columns: Bools, y0: int, y1: int, out: Bools) -> None:
    """Transpose rows of a mask, eight columns at a time so that they fit in the cache."""
    nx = columns.shape[0]
    whole = nx - nx % _COLUMNS
    for x in range(0, whole, _COLUMNS):
        a, b, c, d = columns[x], columns[x + 1], columns[x + 2], columns[x + 3]
        e, f, g, h = columns[x + 4], columns[x + 5], columns[x + 6], columns[x + 7]
        for y in range(y0, y1):
            row = out[y - y0]
            row[x], row[x + 1], row[x + 2], row[x + 3] = a[y], b[y], c[y], d[y]
            row[x + 4], row[x + 5], row[x + 6], row[x + 7] = e[y], f[y], g[y], h[y]
    for x in range(whole, nx):
        for y in range(y0, y1):
            out[y - y0, x] = columns[x, y]


@kernel
def _take(image: Image, box: _Bounds, out: Image) -> int:
    n = 0
    for y in range(box.y0, box.y1):
        row = image[y, box.x0 : box.x1]
        for x in range(row.size):
            # a value that is not counted is overwritten by the next: no branch
            out[n] = row[x]
            n += row[x] == row[x]
    return n


@kernel
def _variance(image: Image, weight: Image, box: _Bounds) -> tuple[float, int]:
    totals, n = np.zeros(box.x1 - box.x0), 0
    one = weight.dtype.type(1)
    for y in range(box.y0, box.y1):
        row, of_row = image[y, box.x0 : box.x1], weight[y, box.x0 : box.x1]
        # sums per column, so that additions overlap
        for x in range(row.size):
            counts = row[x] == row[x] and 0 < of_row[x] < np.inf
            totals[x] += one / of_row[x] if counts else 0.0
            n += counts
    return totals.sum(), n


class _Columns(NamedTuple):
    """Sums per column, so that additions overlap; each of shape (nx,)."""

    n: npt.NDArray[np.int32]
    y: npt.NDArray[np.int64]
    v: Floats
    yv: Floats
    vv: Floats
    along_x: Floats
    along_y: Floats


@kernel
def _sums(image: Image, box: _Bounds, plane: Tilt, limit: float, step: int) -> tuple[Any, ...]:
    nx, ny = box.x1 - box.x0, box.y1 - box.y0
    v, yv, vv, along_x, along_y = np.zeros(nx), np.zeros(nx), np.zeros(nx), np.zeros(nx), np.zeros(nx)
    sums = _Columns(np.zeros(nx, np.int32), np.zeros(nx, np.int64), v, yv, vv, along_x, along_y)
    # two row buffers that alternate: the current row and the previous one
    value, is_in = np.zeros((2, nx)), np.zeros((2, nx), np.uint8)
    yy: Any = 0
    n_x, n_y, now = 0, 0, 0
    for y in range(0, ny, step):
        now, before = 1 - now, now
        level = plane.level + plane.y * y
        _flatten(image[box.y0 + y, box.x0 : box.x1], level, plane.x, limit, value[now], is_in[now])
        _add_values(value[now], value[before], np.float64(y), sums)
        n, pairs_x, pairs_y = _add_pixels(is_in[now], is_in[before], np.int32(y), sums)
        yy, n_x, n_y = yy + y * y * np.int64(n), n_x + pairs_x, n_y + pairs_y
    at = np.arange(nx)
    of_pixels = (sums.n.sum(), (sums.n * at).sum(), sums.y.sum(), (sums.n * at * at).sum(), (sums.y * at).sum(), yy)
    of_values = (v.sum(), (v * at).sum(), yv.sum(), vv.sum())
    return (*of_pixels, *of_values, n_x, along_x.sum(), n_y, along_y.sum())


@kernel
def _flatten(row: Image, level: float, slope: float, limit: float, value: Floats, is_in: npt.NDArray[np.uint8]) -> None:
    """Write the values of a row minus a plane, 0 for pixels beyond the limit."""
    for x in range(row.size):
        distance = row[x] - (level + slope * x)
        counts = abs(distance) <= limit
        is_in[x] = counts
        value[x] = distance if counts else 0.0


@kernel
def _add_values(value: Floats, before: Floats, y: float, sums: _Columns) -> None:
    for x in range(value.size):
        sums.v[x] += value[x]
        sums.yv[x] += y * value[x]
        sums.vv[x] += value[x] * value[x]
        sums.along_y[x] += value[x] * before[x]
    for x in range(value.size - 1):
        sums.along_x[x] += value[x] * value[x + 1]


@kernel
def _add_pixels(
    is_in: npt.NDArray[np.uint8], was_in: npt.NDArray[np.uint8], y: Any, sums: _Columns
) -> tuple[Any, Any, Any]:
    """Add the included pixels of a row; return their number, and the numbers of pairs along x and y."""
    # 32-bit integers, which the compiler vectorises eight at a time
    n, n_x, n_y = np.int32(0), np.int32(0), np.int32(0)
    for x in range(is_in.size):
        sums.n[x] += is_in[x]
        sums.y[x] += y * is_in[x]
        n += np.int32(is_in[x])
        n_y += np.int32(is_in[x] & was_in[x])
    for x in range(is_in.size - 1):
        n_x += np.int32(is_in[x] & is_in[x + 1])
    return n, n_x, n_y


def correlations(sums: PixelSums) -> tuple[float | None, float | None]:
    """Return the correlation of adjacent pixels along x and along y; None without pairs.

    It is the mean product of the pairs' distances from the plane over the mean square distance of all pixels.
    """
    variance = sums.vv / sums.n if sums.n else 0.0
    pairs = ((sums.n_x, sums.products_x), (sums.n_y, sums.products_y))
    along_x, along_y = (products / n / variance if n and variance else None for n, products in pairs)
    return along_x, along_y
