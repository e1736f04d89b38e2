"""Places on the sky that a user asks about: positions, discs, a polygon."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import hpgeom
import numpy as np
import numpy.typing as npt

from ...schema.errors import UsageError
from ...schema.wcs.footprint import CELL_SHIFT, EVERY_CELL, gather_cells, split_cells
from ...schema.wcs.solution import unit_vectors
from .images import SkyImages
from .polygon import angle_to_outline, inside_outline, outlines_cross

__all__ = ["Cover", "Discs", "Places", "Points", "Polygon"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]

_WHOLE_SKY = 180.0
# degrees; HEALPix wants a disc that is larger than a point
_LEAST_RADIUS = 1e-9
# degrees; a larger disc has too many cells, and pixels will do
_FINE_RADIUS = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    """HEALPix pixels that hold places, in nested order.

    Parameters
    ----------
    hpix : ndarray of int64, shape (n,)
        Pixels, ascending.
    cells : ndarray of int64, shape (n,)
        Which of their cells hold the place; see `goodpix.schema.wcs.footprint.split_cells`.
    place : ndarray of intp, shape (n,)
        Number of the place that each is for.
    """

    hpix: Ints
    cells: Ints
    place: Indices

    def __getitem__(self, wanted: slice) -> "Cover":
        return Cover(self.hpix[wanted], self.cells[wanted], self.place[wanted])


class Places(Protocol):
    """Places on the sky, each with a position of its own."""

    @property
    def vectors(self) -> Floats:
        """The positions: unit vectors, shape (3, n)."""

    def cover(self, nside: int) -> Cover:
        """Return the HEALPix pixels that hold each place, and perhaps neighbours of those."""

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

    def cover(self, nside: int) -> Cover:
        """Return the HEALPix pixel of each position."""
        cells = np.atleast_1d(hpgeom.vector_to_pixel(nside << CELL_SHIFT, *self.vectors)).astype(np.int64)
        order = np.argsort(cells, kind="stable")
        return Cover(*split_cells(cells[order]), order)

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

    def cover(self, nside: int) -> Cover:
        """Return the HEALPix pixels that each disc touches, and perhaps neighbours of those."""
        fine = self.radius <= _FINE_RADIUS
        wanted = nside << CELL_SHIFT if fine else nside
        return _cover(_covered(_around(wanted, each, self.radius), fine=fine) for each in self.vectors.T)

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
    middle : ndarray of float64, shape (3,)
        Unit vector.
    radius : float
        How far from the middle its corners are, degrees.
    """

    corners: Floats
    vectors: Floats
    middle: Floats
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
        middle /= np.linalg.norm(middle)
        radius = float(np.degrees(np.arccos((corners @ middle).min().clip(-1, 1))))
        return cls(corners, middle[:, np.newaxis] if vectors is None else vectors, middle, radius)

    def cover(self, nside: int) -> Cover:
        """Return the HEALPix pixels that the polygon touches, and perhaps neighbours of those."""
        # a polygon of HEALPix's own would have to be convex
        fine = self.radius <= _FINE_RADIUS
        wanted = nside << CELL_SHIFT if fine else nside
        pixels = _around(wanted, self.middle, self.radius)
        vectors = np.array(hpgeom.angle_to_vector(*hpgeom.pixel_to_angle(wanted, pixels))).reshape(-1, 3).T
        own = np.zeros(pixels.size, np.intp)
        near = angle_to_outline(self.corners[np.newaxis], own, vectors) <= hpgeom.max_pixel_radius(wanted)
        return _cover([_covered(pixels[near | inside_outline(self.corners, self.middle, vectors)], fine=fine)])

    def touched(self, images: SkyImages, which: Indices, place: Indices, holds: Bools) -> Bools:  # noqa: ARG002
        """Return whether images have a part in the polygon."""
        some, number = np.unique(which, return_inverse=True)
        outlines = images.outlines(some)
        # where no edges cross, one lies inside the other or nothing is shared
        corner = np.repeat(self.corners[:1].T, some.size, axis=1)
        out = outlines_cross(outlines, self.corners)
        out |= inside_outline(self.corners, self.middle, outlines[:, 0].T)
        out |= images.hold(some, images.positions(some, corner))
        return out[number]


def _around(nside: int, vector: Floats, radius: float) -> Ints:
    """Return the HEALPix pixels that a disc touches, and perhaps neighbours of those."""
    x, y, z = vector.tolist()
    ra, dec = np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))
    wide = min(max(radius, _LEAST_RADIUS), _WHOLE_SKY)
    found: Ints = hpgeom.query_circle(nside, ra, dec, wide, inclusive=True)
    return found


def _covered(pixels: Ints, *, fine: bool) -> tuple[Ints, Ints]:
    """Return pixels with their cells; `fine` are cells."""
    return gather_cells(pixels) if fine else (pixels, np.full_like(pixels, EVERY_CELL))


def _cover(of_places: Iterable[tuple[Ints, Ints]]) -> Cover:
    """Return the cover of places, of each its pixels and their cells."""
    parts = list(of_places)
    place = np.repeat(np.arange(len(parts)), [hpix.size for hpix, _ in parts])
    hpix, cells = (np.concatenate([np.empty(0, np.int64), *(part[k] for part in parts)]) for k in (0, 1))
    order = np.argsort(hpix, kind="stable")
    return Cover(hpix[order], cells[order], place[order])
