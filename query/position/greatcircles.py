"""Distances and crossings of outlines made of great circles."""

import numpy as np
import numpy.typing as npt

from ...schema.jit import kernel

__all__ = ["angle_to_outline", "outlines_cross"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


def angle_to_outline(outlines: Floats, which: Indices, vectors: Floats) -> Floats:
    """Return angular distances of directions from outlines.

    Parameters
    ----------
    outlines : ndarray of float64, shape (n, n_points, 3)
        Unit vectors; great-circle arcs shorter than 180 degrees join each to the next, and the last to the first.
    which : ndarray of intp, shape (n_pairs,)
        Index of the outline.
    vectors : ndarray of float64, shape (3, n_pairs)
        Unit vectors.

    Returns
    -------
    ndarray of float64, shape (n_pairs,)
        Degrees, not negative, both inside and outside.
    """
    out = np.empty(which.size)
    _angle_to_outline(outlines, which, np.ascontiguousarray(vectors), out)
    return np.degrees(out)


def outlines_cross(outlines: Floats, polygon: Floats) -> npt.NDArray[np.bool_]:
    """Return which outlines cross a polygon.

    Parameters
    ----------
    outlines : ndarray of float64, shape (n, n_points, 3)
        See `angle_to_outline`.
    polygon : ndarray of float64, shape (m, 3)
        Corners, joined like the points of an outline.

    Returns
    -------
    ndarray of bool, shape (n,)
        False where one lies inside the other, or they are disjoint.
    """
    out = np.empty(outlines.shape[0], np.bool_)
    _outlines_cross(outlines, polygon, out)
    return out


@kernel
def _angle_to_outline(outlines: Floats, which: Indices, vectors: Floats, out: Floats) -> None:
    for k in range(which.size):
        outline, point = outlines[which[k]], vectors[:, k]
        least = np.inf
        for a in range(outline.shape[0]):
            b = a + 1 if a + 1 < outline.shape[0] else 0
            least = min(least, _angle_to_arc(outline[a], outline[b], point))
        out[k] = least


@kernel
def _angle_to_arc(a: Floats, b: Floats, point: Floats) -> float:
    """Return the angle, radians, between a direction and the great-circle arc from `a` to `b`."""
    nx = a[1] * b[2] - a[2] * b[1]
    ny = a[2] * b[0] - a[0] * b[2]
    nz = a[0] * b[1] - a[1] * b[0]
    length = np.sqrt(nx * nx + ny * ny + nz * nz)
    # the foot of the perpendicular lies on the arc if the point is past `a` and before `b`
    past_a = (
        (ny * a[2] - nz * a[1]) * point[0] + (nz * a[0] - nx * a[2]) * point[1] + (nx * a[1] - ny * a[0]) * point[2]
    )
    before_b = (
        (nz * b[1] - ny * b[2]) * point[0] + (nx * b[2] - nz * b[0]) * point[1] + (ny * b[0] - nx * b[1]) * point[2]
    )
    if length > 0 and past_a > 0 and before_b > 0:
        sine = abs(nx * point[0] + ny * point[1] + nz * point[2]) / length
        return float(np.arcsin(min(1.0, sine)))
    to_a = (point[0] - a[0]) ** 2 + (point[1] - a[1]) ** 2 + (point[2] - a[2]) ** 2
    to_b = (point[0] - b[0]) ** 2 + (point[1] - b[1]) ** 2 + (point[2] - b[2]) ** 2
    # the chord stays accurate where the cosine of a small angle loses digits
    return float(2 * np.arcsin(min(1.0, np.sqrt(min(to_a, to_b)) / 2)))


@kernel
def _outlines_cross(outlines: Floats, polygon: Floats, out: npt.NDArray[np.bool_]) -> None:
    for k in range(outlines.shape[0]):
        out[k] = _crosses(outlines[k], polygon)


@kernel
def _crosses(outline: Floats, polygon: Floats) -> bool:
    for i in range(outline.shape[0]):
        a, b = outline[i], outline[i + 1 if i + 1 < outline.shape[0] else 0]
        for k in range(polygon.shape[0]):
            c, d = polygon[k], polygon[k + 1 if k + 1 < polygon.shape[0] else 0]
            # two arcs cross if these four triangles have the same orientation; an arc and its antipode fail this
            first = _volume(a, c, b)
            if first * _volume(c, b, d) > 0 and first * _volume(b, d, a) > 0 and first * _volume(d, a, c) > 0:
                return True
    return False


@kernel
def _volume(a: Floats, b: Floats, c: Floats) -> float:
    """Return the determinant of three vectors; positive if they are in anticlockwise order."""
    return float(
        a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0])
    )
