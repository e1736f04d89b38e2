"""Shapes on the sphere: a disc, a polygon."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..schema.errors import UsageError
from ..schema.wcs.solution import unit_vectors

__all__ = ["Disc", "Polygon", "Shape", "sky_vectors"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Shape(Protocol):
    """An area of the sphere."""

    def contains(self, vectors: Floats) -> Bools:
        """Return which directions lie inside.

        Parameters
        ----------
        vectors : ndarray of float64, shape (3, ...)
            Unit vectors in equatorial coordinates.
        """

    def near(self, vectors: Floats, reach: float) -> Bools:
        """Return which directions lie inside or up to a chord of `reach` outside, and perhaps some further off."""


@dataclass(frozen=True, slots=True, eq=False)
class Disc:
    """A disc, its edge included.

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
        """Return discs.

        Parameters
        ----------
        ra, dec, radius : float or array of float, shape (n,)
            Centres and radii, degrees.

        Raises
        ------
        UsageError
            If a number is not finite, a declination beyond a pole or a radius negative.
        """
        radii = _numbers("a radius", radius, "degrees, 0 or more")
        try:
            every = np.broadcast_arrays(_numbers("ra", ra), _numbers("dec", dec), radii)
        except ValueError as error:
            raise UsageError(f"discs of ra, dec, radius: {error}") from error
        if (radii < 0).any():
            raise UsageError(f"a radius is {radii.min()}: expected degrees, 0 or more")
        return [
            cls(centre, each) for centre, each in zip(sky_vectors(*every[:2]).T, every[2].ravel().tolist(), strict=True)
        ]

    def contains(self, vectors: Floats) -> Bools:
        """Return which directions lie inside; see `Shape`."""
        inside: Bools = self._squares(vectors) <= self._chord**2
        return inside

    def near(self, vectors: Floats, reach: float) -> Bools:
        """Return which directions lie inside or close to it; see `Shape`."""
        near: Bools = np.sqrt(self._squares(vectors)) <= self._chord + reach
        return near

    @property
    def _chord(self) -> Any:
        # chords, whose squares keep their digits where cosines of small angles lose them
        return 2 * np.sin(np.radians(min(self.radius, 180.0)) / 2)

    def _squares(self, vectors: Floats) -> Floats:
        """Return the squares of chords to the centre."""
        out: Floats = ((vectors - np.expand_dims(self.centre, tuple(range(1, vectors.ndim)))) ** 2).sum(axis=0)
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Polygon:
    """A polygon whose edges are great circles. Where it crosses itself, what it goes round twice is outside.

    Parameters
    ----------
    corners : ndarray of float64, shape (m, 3)
        Unit vectors in order, three at least.
    frame : ndarray of float64, shape (3, 3)
        Rows are unit vectors east, north and towards the middle of the corners, each less than 90 degrees from it.
    """

    corners: Floats
    frame: Floats

    @classmethod
    def of(cls, vertices: npt.ArrayLike) -> "Polygon":
        """Return the polygon of vertices.

        Parameters
        ----------
        vertices : array of float, shape (m, 2)
            Right ascension and declination, degrees. The last may be the first once more.

        Raises
        ------
        UsageError
            If there are fewer than three, one is not on the sky, or they reach 90 degrees from their middle.
        """
        try:
            given = np.asarray(vertices, np.float64)
        except (TypeError, ValueError) as error:
            raise UsageError(f"polygon: {error}: expected pairs (ra, dec) in degrees") from None
        if given.ndim != 2 or given.shape[1] != 2:
            raise UsageError(f"polygon has shape {given.shape}: expected pairs (ra, dec) of three or more corners")
        if not np.isfinite(given).all():
            raise UsageError(f"polygon is {given.tolist()}: expected degrees, and a corner is not finite")
        if (abs(given[:, 1]) > 90).any():
            raise UsageError(f"polygon is {given.tolist()}: expected degrees, declinations from -90 to 90")
        corners = unit_vectors(given[:, 0] % 360, given[:, 1]).T
        corners = corners[(corners != np.roll(corners, -1, axis=0)).any(axis=1)]
        if corners.shape[0] < 3:
            raise UsageError(f"polygon has {corners.shape[0]} different vertices: expected 3 or more")
        middle = corners.sum(axis=0)
        if np.linalg.norm(middle) < 1e-9 or (corners @ middle <= 1e-6).any():
            raise UsageError("polygon reaches 90 degrees from its middle: expected a smaller one")
        middle /= np.linalg.norm(middle)
        # any direction that is not that of the middle will do for north
        east = np.cross(np.eye(3)[np.argmin(np.abs(middle))], middle)
        east /= np.linalg.norm(east)
        return cls(corners, np.array([east, np.cross(middle, east), middle]))

    @property
    def middle(self) -> Floats:
        """The middle of its corners: unit vector, shape (3,)."""
        middle: Floats = self.frame[2]
        return middle

    @property
    def radius(self) -> float:
        """How far from the middle its corners are, degrees."""
        return float(np.degrees(np.arccos((self.corners @ self.middle).min().clip(-1, 1))))

    @np.errstate(invalid="ignore")  # comparisons with NaN
    def contains(self, vectors: Floats) -> Bools:
        """Return which directions lie inside; see `Shape`."""
        # great circles are straight on the tangent plane
        x, y = self._on_plane(vectors)
        inside: Bools = np.zeros(x.shape, np.bool_)
        corners = self._plane_corners()
        for (x1, y1), (x2, y2) in zip(corners.T, np.roll(corners, -1, axis=1).T, strict=True):
            if y1 != y2:
                inside ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
        return inside

    @np.errstate(invalid="ignore")
    def near(self, vectors: Floats, reach: float) -> Bools:
        """Return which directions lie in the box around it on its tangent plane, or close to it; see `Shape`."""
        corners = self._plane_corners()
        # lengths on the plane are larger than on the sphere, by the cube of the secant at most
        margin = reach * (1 + (corners**2).sum(axis=0).max()) ** 1.5
        out: Bools = np.ones(vectors.shape[1:], np.bool_)
        for each, of in zip(self._on_plane(vectors), corners, strict=True):
            out &= (each >= of.min() - margin) & (each <= of.max() + margin)
        return out

    def _on_plane(self, vectors: Floats) -> tuple[Floats, Floats]:
        """Return directions on the tangent plane of the middle; NaN where they are 90 degrees or more from it."""
        x, y, front = np.einsum("ij,j...->i...", self.frame, vectors)
        ahead = np.where(front > 0, front, np.nan)
        return x / ahead, y / ahead

    def _plane_corners(self) -> Floats:
        x, y, front = self.frame @ np.ascontiguousarray(self.corners.T)
        return np.array([x / front, y / front])


def sky_vectors(ra: npt.ArrayLike | None, dec: npt.ArrayLike | None) -> Floats:
    """Return the directions of positions on the sky.

    Parameters
    ----------
    ra, dec : float or array of float, of one shape
        Degrees; right ascension of any turn.

    Returns
    -------
    ndarray of float64, shape (3, n)
        Unit vectors.

    Raises
    ------
    UsageError
        If they are of different shapes, not finite, or a declination is beyond a pole.
    """
    a, d = _numbers("ra", ra), _numbers("dec", dec)
    if a.shape != d.shape:
        raise UsageError(f"ra has shape {a.shape}, dec {d.shape}: expected as many of each")
    if (abs(d) > 90).any():
        raise UsageError(f"dec is {d[abs(d) > 90].flat[0]}: expected -90 to 90 degrees")
    return unit_vectors(a.ravel() % 360, d.ravel())


def _numbers(name: str, given: npt.ArrayLike | None, expected: str = "degrees") -> Floats:
    try:
        out = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{name} is {given!r}: expected {expected}") from None
    wrong = out[~np.isfinite(out)]
    if wrong.size:
        raise UsageError(f"{name} is {wrong.flat[0]}: expected {expected}, and {wrong.flat[0]} is not finite")
    return out
