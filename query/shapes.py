"""Discs and polygons on the sphere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..schema.errors import UsageError
from ..schema.wcs.solution import unit_vectors
from .angles import corner_degrees, degrees, position_degrees

__all__ = ["Disc", "Polygon", "Shape", "sky_vectors"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Shape(Protocol):
    """Area on the sphere."""

    def contains(self, vectors: Floats) -> Bools:
        """Return which directions lie inside.

        Parameters
        ----------
        vectors : ndarray of float64, shape (3, ...)
            Unit vectors in equatorial coordinates.
        """

    def near(self, vectors: Floats, reach: float) -> Bools:
        """Return which directions lie inside or within a chord of `reach` outside; may include some farther away."""


@dataclass(frozen=True, slots=True, eq=False)
class Disc:
    """Disc on the sphere, including its edge.

    Parameters
    ----------
    centre : ndarray of float64, shape (3,)
        Unit vector.
    radius : float
        Degrees.
    """

    centre: Floats
    radius: float

    @classmethod
    def many(cls, ra: npt.ArrayLike | None, dec: npt.ArrayLike | None, radius: npt.ArrayLike) -> "list[Disc]":
        """Return the disc about each centre.

        Parameters
        ----------
        ra, dec, radius : float or array of float, shape (n,)
            Centres and radii, degrees.

        Raises
        ------
        UsageError
            If a number is not finite, a declination is outside -90 to 90, or a radius is negative.
        """
        ra, dec = position_degrees(ra, dec)
        radii = degrees("radius", radius, "degrees, 0 or more")
        try:
            every = np.broadcast_arrays(degrees("ra", ra), degrees("dec", dec), radii)
        except ValueError as error:
            raise UsageError(f"discs of ra, dec, radius: {error}") from error
        if (radii < 0).any():
            raise UsageError(f"radius is {radii.min()} degrees: expected 0 or more")
        return [
            cls(centre, each) for centre, each in zip(sky_vectors(*every[:2]).T, every[2].ravel().tolist(), strict=True)
        ]

    def contains(self, vectors: Floats) -> Bools:
        """Return which directions lie inside; see `Shape`."""
        inside: Bools = self._squared_chords(vectors) <= self._chord**2
        return inside

    def near(self, vectors: Floats, reach: float) -> Bools:
        """Return which directions lie in or near the disc; see `Shape`."""
        near: Bools = np.sqrt(self._squared_chords(vectors)) <= self._chord + reach
        return near

    @property
    def _chord(self) -> Any:
        # squared chords stay accurate where the cosine of a small angle loses digits
        return 2 * np.sin(np.radians(min(self.radius, 180.0)) / 2)

    def _squared_chords(self, vectors: Floats) -> Floats:
        """Return the squared chords to the centre."""
        out: Floats = ((vectors - np.expand_dims(self.centre, tuple(range(1, vectors.ndim)))) ** 2).sum(axis=0)
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Polygon:
    """Polygon with great-circle edges. An area that a self-intersecting polygon encloses twice is outside.

    Parameters
    ----------
    corners : ndarray of float64, shape (m, 3)
        Unit vectors in order, at least three.
    frame : ndarray of float64, shape (3, 3)
        Rows are unit vectors east, north and towards the middle of the corners, less than 90 degrees from each.
    """

    corners: Floats
    frame: Floats

    @classmethod
    def of(cls, vertices: npt.ArrayLike) -> "Polygon":
        """Return the polygon with the given vertices.

        Parameters
        ----------
        vertices : array of float, shape (m, 2)
            Right ascension and declination, degrees. The first may be repeated at the end.

        Raises
        ------
        UsageError
            If fewer than three vertices differ, one is not on the sky, or one is 90 degrees or more from their middle.
        """
        given = corner_degrees(vertices)
        if given.ndim != 2 or given.shape[1] != 2:
            raise UsageError(f"polygon has shape {given.shape}: expected pairs (ra, dec) of three or more corners")
        if (abs(given[:, 1]) > 90).any():
            raise UsageError(f"polygon is {given.tolist()}: expected degrees, declinations from -90 to 90")
        corners = unit_vectors(given[:, 0] % 360, given[:, 1]).T
        corners = corners[(corners != np.roll(corners, -1, axis=0)).any(axis=1)]
        if corners.shape[0] < 3:
            raise UsageError(f"polygon has {corners.shape[0]} different vertices: expected 3 or more")
        middle = corners.sum(axis=0)
        if np.linalg.norm(middle) < 1e-9 or (corners @ middle <= 1e-6).any():
            raise UsageError("polygon reaches 90 degrees from its middle: expected a smaller polygon")
        middle /= np.linalg.norm(middle)
        # any axis well away from the middle defines north
        east = np.cross(np.eye(3)[np.argmin(np.abs(middle))], middle)
        east /= np.linalg.norm(east)
        return cls(corners, np.array([east, np.cross(middle, east), middle]))

    @classmethod
    def many(cls, polygons: Sequence[npt.ArrayLike]) -> "list[Polygon]":
        """Return the polygons with the given vertices; see `of`."""
        if not isinstance(polygons, Iterable):
            raise UsageError(f"polygons is {polygons!r}: expected a list of polygons, each with pairs (ra, dec)")
        return [cls.of(vertices) for vertices in polygons]

    @property
    def middle(self) -> Floats:
        """Middle of the corners: unit vector, shape (3,)."""
        middle: Floats = self.frame[2]
        return middle

    @property
    def radius(self) -> float:
        """Largest distance of a corner from the middle, degrees."""
        return float(np.degrees(np.arccos((self.corners @ self.middle).min().clip(-1, 1))))

    @np.errstate(invalid="ignore")  # comparisons with NaN
    def contains(self, vectors: Floats) -> Bools:
        """Return which directions lie inside; see `Shape`."""
        # great circles are straight lines on the tangent plane
        x, y = self._on_plane(vectors)
        inside: Bools = np.zeros(x.shape, np.bool_)
        corners = self._plane_corners()
        for (x1, y1), (x2, y2) in zip(corners.T, np.roll(corners, -1, axis=1).T, strict=True):
            if y1 != y2:
                inside ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
        return inside

    @np.errstate(invalid="ignore")
    def near(self, vectors: Floats, reach: float) -> Bools:
        """Return which directions lie in or near the polygon's bounding box on its tangent plane; see `Shape`."""
        corners = self._plane_corners()
        # lengths on the plane exceed those on the sphere by at most the cube of the secant
        margin = reach * (1 + (corners**2).sum(axis=0).max()) ** 1.5
        out: Bools = np.ones(vectors.shape[1:], np.bool_)
        for each, of in zip(self._on_plane(vectors), corners, strict=True):
            out &= (each >= of.min() - margin) & (each <= of.max() + margin)
        return out

    def _on_plane(self, vectors: Floats) -> tuple[Floats, Floats]:
        """Return directions projected on the tangent plane of the middle; NaN at 90 degrees or more from it."""
        x, y, front = np.einsum("ij,j...->i...", self.frame, vectors)
        ahead = np.where(front > 0, front, np.nan)
        return x / ahead, y / ahead

    def _plane_corners(self) -> Floats:
        x, y, front = self.frame @ np.ascontiguousarray(self.corners.T)
        return np.array([x / front, y / front])


def sky_vectors(ra: npt.ArrayLike | None, dec: npt.ArrayLike | None) -> Floats:
    """Return unit vectors of positions on the sky.

    Parameters
    ----------
    ra, dec : float or array of float, of one shape
        Degrees, or quantities; right ascension may lie outside 0 to 360.

    Returns
    -------
    ndarray of float64, shape (3, n)
        Unit vectors.

    Raises
    ------
    UsageError
        If the shapes differ, a number is not finite, or a declination is outside -90 to 90.
    """
    ra, dec = position_degrees(ra, dec)
    a, d = degrees("ra", ra), degrees("dec", dec)
    if a.shape != d.shape:
        raise UsageError(f"ra has shape {a.shape}, dec {d.shape}: expected the same shape")
    if (abs(d) > 90).any():
        raise UsageError(f"dec is {d[abs(d) > 90].flat[0]}: expected -90 to 90 degrees")
    return unit_vectors(a.ravel() % 360, d.ravel())
