"""Places on the sky that a user asks about: positions, discs, a polygon."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import hpgeom
import numpy as np
import numpy.typing as npt

from ...schema.wcs.footprint import CELL_SHIFT, EVERY_CELL, gather_cells, split_cells
from ...schema.wcs.solution import ra_dec
from ..shapes import Disc, Polygon
from .greatcircles import angle_to_outline, outlines_cross
from .images import SkyImages

__all__ = ["Cover", "DiscPlaces", "Places", "Points", "PolygonPlace"]

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
class DiscPlaces:
    """Discs about positions.

    Parameters
    ----------
    discs : sequence of Disc
        The discs.
    vectors : ndarray of float64, shape (3, n)
        Their centres.
    """

    discs: Sequence[Disc]
    vectors: Floats

    def cover(self, nside: int) -> Cover:
        """Return the HEALPix pixels that each disc touches, and perhaps neighbours of those."""
        parts = []
        for disc in self.discs:
            fine = disc.radius <= _FINE_RADIUS
            wanted = nside << CELL_SHIFT if fine else nside
            parts.append(_covered(_around(wanted, disc.centre, disc.radius), fine=fine))
        return _cover(parts)

    def touched(self, images: SkyImages, which: Indices, place: Indices, holds: Bools) -> Bools:
        """Return whether images have a part in discs."""
        out = holds.copy()
        some, number = np.unique(which[~holds], return_inverse=True)
        outlines = images.outlines(some)
        radius = np.array([disc.radius for disc in self.discs])[place[~holds]]
        out[~holds] = angle_to_outline(outlines, number, self.vectors[:, place[~holds]]) <= radius
        return out


@dataclass(frozen=True, slots=True, eq=False)
class PolygonPlace:
    """A polygon.

    Parameters
    ----------
    polygon : Polygon
        The polygon.
    vectors : ndarray of float64, shape (3, 1)
        The position asked about.
    """

    polygon: Polygon
    vectors: Floats

    def cover(self, nside: int) -> Cover:
        """Return the HEALPix pixels that the polygon touches, and perhaps neighbours of those."""
        # a polygon of HEALPix's own would have to be convex
        polygon = self.polygon
        fine = polygon.radius <= _FINE_RADIUS
        wanted = nside << CELL_SHIFT if fine else nside
        pixels = _around(wanted, polygon.middle, polygon.radius)
        vectors = np.array(hpgeom.angle_to_vector(*hpgeom.pixel_to_angle(wanted, pixels))).reshape(-1, 3).T
        own = np.zeros(pixels.size, np.intp)
        near = angle_to_outline(polygon.corners[np.newaxis], own, vectors) <= hpgeom.max_pixel_radius(wanted)
        return _cover([_covered(pixels[near | polygon.contains(vectors)], fine=fine)])

    def touched(self, images: SkyImages, which: Indices, place: Indices, holds: Bools) -> Bools:  # noqa: ARG002
        """Return whether images have a part in the polygon."""
        some, number = np.unique(which, return_inverse=True)
        outlines, corners = images.outlines(some), self.polygon.corners
        # where no edges cross, one lies inside the other or nothing is shared
        corner = np.repeat(corners[:1].T, some.size, axis=1)
        out = outlines_cross(outlines, corners)
        out |= self.polygon.contains(outlines[:, 0].T)
        out |= images.hold(some, images.positions(some, corner))
        return out[number]


def _around(nside: int, vector: Floats, radius: float) -> Ints:
    """Return the HEALPix pixels that a disc touches, and perhaps neighbours of those."""
    ra, dec = ra_dec(vector)
    wide = min(max(radius, _LEAST_RADIUS), _WHOLE_SKY)
    found: Ints = hpgeom.query_circle(nside, ra, dec, wide, inclusive=True)
    return found


def _covered(pixels: Ints, *, fine: bool) -> tuple[Ints, Ints]:
    """Return pixels with their cells; `fine` are cells."""
    return gather_cells(pixels) if fine else (pixels, np.full_like(pixels, EVERY_CELL))


def _cover(parts: Sequence[tuple[Ints, Ints]]) -> Cover:
    """Return the cover of places, of each its pixels and their cells."""
    place = np.repeat(np.arange(len(parts)), [hpix.size for hpix, _ in parts])
    hpix, cells = (np.concatenate([np.empty(0, np.int64), *(part[k] for part in parts)]) for k in (0, 1))
    order = np.argsort(hpix, kind="stable")
    return Cover(hpix[order], cells[order], place[order])
