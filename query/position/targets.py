"""Targets of a position search: points, discs or a polygon."""

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

__all__ = ["Cover", "DiscTargets", "Points", "PolygonTarget", "Targets"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]

_WHOLE_SKY = 180.0
# degrees; hpgeom needs a disc larger than a point
_MIN_RADIUS = 1e-9
# degrees; larger targets are covered by pixels, because they have too many cells
_FINE_RADIUS = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    """HEALPix pixels, nested, that cover targets.

    Parameters
    ----------
    hpix : ndarray of int64, shape (n,)
        Pixels, ascending.
    cells : ndarray of int64, shape (n,)
        Bits of the cells that cover the target; see `goodpix.schema.wcs.footprint.split_cells`.
    target : ndarray of intp, shape (n,)
        Index of the target that the pixel covers.
    """

    hpix: Ints
    cells: Ints
    target: Indices

    def __getitem__(self, wanted: slice) -> "Cover":
        return Cover(self.hpix[wanted], self.cells[wanted], self.target[wanted])


class Targets(Protocol):
    """Targets on the sky, each with a position."""

    @property
    def vectors(self) -> Floats:
        """Positions: unit vectors, shape (3, n)."""

    def cover(self, nside: int) -> Cover:
        """Return HEALPix pixels that cover each target; may include neighbours."""

    def touched(self, images: SkyImages, which: Indices, target: Indices, holds: Bools) -> Bools:
        """Return which images overlap targets.

        Parameters
        ----------
        images : SkyImages
            The images.
        which : ndarray of intp, shape (n_pairs,)
            Index of the image.
        target : ndarray of intp, shape (n_pairs,)
            Index of the target.
        holds : ndarray of bool, shape (n_pairs,)
            Whether the target's position is on the image.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Positions without extent."""

    vectors: Floats

    def cover(self, nside: int) -> Cover:
        """Return the HEALPix pixel of each position."""
        cells = np.atleast_1d(hpgeom.vector_to_pixel(nside << CELL_SHIFT, *self.vectors)).astype(np.int64)
        order = np.argsort(cells, kind="stable")
        return Cover(*split_cells(cells[order]), order)

    def touched(self, images: SkyImages, which: Indices, target: Indices, holds: Bools) -> Bools:  # noqa: ARG002
        """Return which images contain the positions."""
        return holds


@dataclass(frozen=True, slots=True, eq=False)
class DiscTargets:
    """Discs about positions.

    Parameters
    ----------
    discs : sequence of Disc
        The discs.
    vectors : ndarray of float64, shape (3, n)
        Centres of the discs.
    """

    discs: Sequence[Disc]
    vectors: Floats

    def cover(self, nside: int) -> Cover:
        """Return HEALPix pixels that cover each disc; may include neighbours."""
        covers = []
        for disc in self.discs:
            fine = disc.radius <= _FINE_RADIUS
            resolution = nside << CELL_SHIFT if fine else nside
            covers.append(_with_cells(_disc_pixels(resolution, disc.centre, disc.radius), fine=fine))
        return _cover(covers)

    def touched(self, images: SkyImages, which: Indices, target: Indices, holds: Bools) -> Bools:
        """Return which images overlap discs."""
        out = holds.copy()
        distinct, number = np.unique(which[~holds], return_inverse=True)
        outlines = images.outlines(distinct)
        radius = np.array([disc.radius for disc in self.discs])[target[~holds]]
        out[~holds] = angle_to_outline(outlines, number, self.vectors[:, target[~holds]]) <= radius
        return out


@dataclass(frozen=True, slots=True, eq=False)
class PolygonTarget:
    """A single polygon.

    Parameters
    ----------
    polygon : Polygon
        The polygon.
    vectors : ndarray of float64, shape (3, 1)
        The position whose pixels are reported.
    """

    polygon: Polygon
    vectors: Floats

    def cover(self, nside: int) -> Cover:
        """Return HEALPix pixels that cover the polygon; may include neighbours."""
        # hpgeom's polygons must be convex
        polygon = self.polygon
        fine = polygon.radius <= _FINE_RADIUS
        resolution = nside << CELL_SHIFT if fine else nside
        pixels = _disc_pixels(resolution, polygon.middle, polygon.radius)
        vectors = np.array(hpgeom.angle_to_vector(*hpgeom.pixel_to_angle(resolution, pixels))).reshape(-1, 3).T
        distance = angle_to_outline(polygon.corners[np.newaxis], np.zeros(pixels.size, np.intp), vectors)
        near = distance <= hpgeom.max_pixel_radius(resolution)
        return _cover([_with_cells(pixels[near | polygon.contains(vectors)], fine=fine)])

    def touched(self, images: SkyImages, which: Indices, target: Indices, holds: Bools) -> Bools:  # noqa: ARG002
        """Return which images overlap the polygon."""
        distinct, number = np.unique(which, return_inverse=True)
        outlines, corners = images.outlines(distinct), self.polygon.corners
        # if no edges cross, one lies inside the other or they are disjoint
        corner = np.repeat(corners[:1].T, distinct.size, axis=1)
        out = outlines_cross(outlines, corners)
        out |= self.polygon.contains(outlines[:, 0].T)
        out |= images.hold(distinct, images.positions(distinct, corner))
        return out[number]


def _disc_pixels(nside: int, centre: Floats, radius: float) -> Ints:
    """Return HEALPix pixels that cover a disc; may include neighbours."""
    ra, dec = ra_dec(centre)
    pixels: Ints = hpgeom.query_circle(nside, ra, dec, min(max(radius, _MIN_RADIUS), _WHOLE_SKY), inclusive=True)
    return pixels


def _with_cells(pixels: Ints, *, fine: bool) -> tuple[Ints, Ints]:
    """Return pixels and the bits of their cells; if `fine`, from cells."""
    return gather_cells(pixels) if fine else (pixels, np.full_like(pixels, EVERY_CELL))


def _cover(covers: Sequence[tuple[Ints, Ints]]) -> Cover:
    """Return the cover of all targets, from the pixels and cells of each."""
    target = np.repeat(np.arange(len(covers)), [hpix.size for hpix, _ in covers])
    hpix, cells = (np.concatenate([np.empty(0, np.int64), *(cover[k] for cover in covers)]) for k in (0, 1))
    order = np.argsort(hpix, kind="stable")
    return Cover(hpix[order], cells[order], target[order])
