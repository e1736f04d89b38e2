"""Places on the sky that a user asks about: positions, discs, a polygon."""

from dataclasses import dataclass
from typing import Protocol

import hpgeom
import numpy as np
import numpy.typing as npt

from ..schema.errors import UsageError
from ..schema.wcs import unit_vectors
from .skyimages import SkyImages
from .skyoutlines import angle_to_outline, inside_outline, outlines_cross

__all__ = ["Cover", "Discs", "Places", "Points", "Polygon"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

_WHOLE_SKY = 180.0
# degrees; HEALPix wants a disc that is larger than a point
_LEAST_RADIUS = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    """HEALPix pixels that hold places, in nested order.

    Parameters
    ----------
    hpix : ndarray of int64, shape (n,)
        Pixels, ascending.
    place : ndarray of intp, shape (n,)
        Number of the place that each is for.
    """

    hpix: npt.NDArray[np.int64]
    place: Indices


class Places(Protocol):
    """Places on the sky, each with a position of its own."""

    @property
    def vectors(self) -> Floats:
        """The positions: unit vectors, shape (3, n)."""

    @property
    def middles(self) -> Floats:
        """The middle of a disc about each place: unit vectors, shape (3, n)."""

    @property
    def radius(self) -> float:
        """The radius of those discs, degrees."""

    def cover(self, nside: int) -> Cover:
        """Return the HEALPix pixels that hold each place."""

    def touched(self, images: SkyImages, which: Indices, place: Indices, holds: Bools) -> Bools:
        """Return whether images have something of places.

        Parameters
        ----------
        images : SkyImages
            The images.
        which : ndarray of intp, shape (n_pairs,)
            Number of the image.
        place : ndarray of intp, shape (n_pairs,)
            Number of the place.
        holds : ndarray of bool, shape (n_pairs,)
            Whether the image holds the place's position.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Positions and nothing around."""

    vectors: Floats
    radius: float = 0.0

    @property
    def middles(self) -> Floats:
        """The positions."""
        return self.vectors

    def cover(self, nside: int) -> Cover:
        """Return the HEALPix pixel of each position."""
        hpix = np.atleast_1d(hpgeom.vector_to_pixel(nside, *self.vectors)).astype(np.int64)
        order = np.argsort(hpix, kind="stable")
        return Cover(hpix[order], order)

    def touched(self, images: SkyImages, which: Indices, place: Indices, holds: Bools) -> Bools:  # noqa: ARG002
        """Return whether images hold the positions."""
        return holds


@dataclass(frozen=True, slots=True, eq=False)
class Discs:
    """Discs about positions.

    Parameters
    ----------
    vectors : ndarray of float64, shape (3, n)
        Their centres.
    radius : float
        Degrees.
    """

    vectors: Floats
    radius: float

    def __post_init__(self) -> None:
        if not self.radius >= 0 or self.radius == np.inf:
            raise UsageError(f"radius is {self.radius}: expected degrees, 0 or more")

    @property
    def middles(self) -> Floats:
        """The centres."""
        return self.vectors

    def cover(self, nside: int) -> Cover:
        """Return the HEALPix pixels that each disc touches, and perhaps neighbours of those."""
        return _cover([_around(nside, each, self.radius) for each in self.vectors.T])

    def touched(self, images: SkyImages, which: Indices, place: Indices, holds: Bools) -> Bools:
        """Return whether images have a part in discs."""
        out = holds.copy()
        some, number = np.unique(which[~holds], return_inverse=True)
        outlines = images.outlines(some)
        out[~holds] = angle_to_outline(outlines, number, self.vectors[:, place[~holds]]) <= self.radius
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Polygon:
    """An area whose edges are great circles.

    Parameters
    ----------
    corners : ndarray of float64, shape (m, 3)
        Unit vectors; three at least, in order, all less than 90 degrees from their middle.
    vectors : ndarray of float64, shape (3, 1)
        The position asked about.
    middles : ndarray of float64, shape (3, 1)
        Unit vector.
    radius : float
        How far from the middle its corners are, degrees.
    """

    corners: Floats
    vectors: Floats
    middles: Floats
    radius: float

    @classmethod
    def of(cls, vertices: npt.ArrayLike, vectors: Floats | None = None) -> "Polygon":
        """Return the polygon of vertices.

        Parameters
        ----------
        vertices : array of float, shape (m, 2)
            Right ascension and declination, degrees. The last may be the first once more.
        vectors : ndarray of float64, shape (3, 1), optional
            The position asked about; by default the middle of the vertices.

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
            raise UsageError(f"polygon has shape {given.shape}: expected pairs (ra, dec) in degrees")
        if not np.isfinite(given).all() or (abs(given[:, 1]) > 90).any():
            raise UsageError(f"polygon is {given.tolist()}: expected degrees, declinations from -90 to 90")
        corners = unit_vectors(given[:, 0] % 360, given[:, 1]).T
        corners = corners[(corners != np.roll(corners, -1, axis=0)).any(axis=1)]
        if corners.shape[0] < 3:
            raise UsageError(f"polygon has {corners.shape[0]} different vertices: expected 3 or more")
        middle = corners.sum(axis=0)
        if np.linalg.norm(middle) < 1e-9 or (corners @ middle <= 0).any():
            raise UsageError("polygon reaches 90 degrees from its middle: expected a smaller one")
        middles = (middle / np.linalg.norm(middle))[:, np.newaxis]
        radius = float(np.degrees(np.arccos((corners @ middles).min().clip(-1, 1))))
        return cls(corners, middles if vectors is None else vectors, middles, radius)

    def cover(self, nside: int) -> Cover:
        """Return the HEALPix pixels that the polygon touches, and perhaps neighbours of those."""
        # a polygon of HEALPix's own would have to be convex
        hpix = _around(nside, self.middles[:, 0], self.radius)
        vectors = np.array(hpgeom.angle_to_vector(*hpgeom.pixel_to_angle(nside, hpix))).reshape(-1, 3).T
        own = np.zeros(hpix.size, np.intp)
        near = angle_to_outline(self.corners[np.newaxis], own, vectors) <= hpgeom.max_pixel_radius(nside)
        return _cover([hpix[near | inside_outline(self.corners, self.middles[:, 0], vectors)]])

    def touched(self, images: SkyImages, which: Indices, place: Indices, holds: Bools) -> Bools:  # noqa: ARG002
        """Return whether images have a part in the polygon."""
        some, number = np.unique(which, return_inverse=True)
        outlines = images.outlines(some)
        # where no edges cross, one lies inside the other or nothing is shared
        corner = np.repeat(self.corners[:1].T, some.size, axis=1)
        out = outlines_cross(outlines, self.corners)
        out |= inside_outline(self.corners, self.middles[:, 0], outlines[:, 0].T)
        out |= images.hold(some, images.positions(some, corner))
        return out[number]


def _around(nside: int, vector: Floats, radius: float) -> npt.NDArray[np.int64]:
    """Return the HEALPix pixels that a disc touches, and perhaps neighbours of those."""
    x, y, z = vector.tolist()
    ra, dec = np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))
    wide = min(max(radius, _LEAST_RADIUS), _WHOLE_SKY)
    found: npt.NDArray[np.int64] = hpgeom.query_circle(nside, ra, dec, wide, inclusive=True)
    return found


def _cover(of_places: list[npt.NDArray[np.int64]]) -> Cover:
    place = np.repeat(np.arange(len(of_places)), [each.size for each in of_places])
    hpix = np.concatenate([np.empty(0, np.int64), *of_places])
    order = np.argsort(hpix, kind="stable")
    return Cover(hpix[order], place[order])
