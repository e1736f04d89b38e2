"""Footprints of images on the sky."""

from collections.abc import Mapping
from dataclasses import dataclass

import hpgeom
import numpy as np
import numpy.typing as npt

from ..amplifiers import Region
from ..errors import WcsError
from ..jit import kernel
from .pixelgrid import PixelGrid

__all__ = [
    "CELL_SHIFT",
    "EVERY_CELL",
    "NSIDE",
    "Footprint",
    "UniqueRegion",
    "footprint",
    "gather_cells",
    "inside_limits",
    "split_cells",
]

NSIDE = 256
"""HEALPix resolution of footprints, nested order: pixels of 13.7 arcmin."""

CELL_SHIFT = 3
"""Halvings of a pixel's side that give its cells: 64 cells of 1.7 arcmin."""

EVERY_CELL = -1
"""Cell bits of a pixel whose cells are all touched, or unknown."""

# The polygon must contain edges that distortion bends outwards. It is larger than the image by this many pixels, or
# by this multiple of the bend if that is more.
_MARGIN = 8.0
_SAFETY = 3.0

_ARCSEC = np.degrees(1.0) * 3600

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Footprint:
    """Corners, centre, pixel area and HEALPix pixels of an image.

    Parameters
    ----------
    ra, dec : tuple of float
        Outer corners of the corner pixels, degrees: first pixel, end of the first row, last pixel, end of the first
        column.
    ra_cent, dec_cent : float
        Centre of the image, degrees.
    pixel_area : float
        Solid angle of a pixel at the centre, arcsec^2.
    hpix : mapping of int to int
        HEALPix pixels (`NSIDE`, nested) that the image touches, in ascending order, and the bits of their cells; may
        include neighbouring pixels and cells. See `split_cells`.
    """

    ra: tuple[float, ...]
    dec: tuple[float, ...]
    ra_cent: float
    dec_cent: float
    pixel_area: float
    hpix: Mapping[int, int]


def footprint(grid: PixelGrid) -> Footprint:
    """Return the footprint of an image."""
    ny, nx = grid.shape
    x = np.array([-0.5, nx - 0.5, nx - 0.5, -0.5])
    y = np.array([-0.5, -0.5, ny - 0.5, ny - 0.5])
    ra, dec = grid.sky(x, y)
    cx, cy = (nx - 1) / 2, (ny - 1) / 2
    ra_cent, dec_cent = grid.sky(np.array([cx]), np.array([cy]))
    steps = grid.vectors(cx + np.array([0.5, -0.5, 0, 0]), cy + np.array([0, 0, 0.5, -0.5]))
    along_x, along_y = steps[:, 0] - steps[:, 1], steps[:, 2] - steps[:, 3]
    area = float(np.linalg.norm(np.cross(along_x, along_y)) * _ARCSEC**2)
    bend = _bend(grid, x, y, cx, cy) * _ARCSEC / np.sqrt(area)
    margin = max(_MARGIN, _SAFETY * bend)
    wide_x = x + np.array([-1, 1, 1, -1]) * margin
    wide_y = y + np.array([-1, -1, 1, 1]) * margin
    polygon = grid.sky(wide_x, wide_y)
    try:
        cells = hpgeom.query_polygon(NSIDE << CELL_SHIFT, *polygon, inclusive=True, nest=True, lonlat=True)
    except (RuntimeError, ValueError) as error:
        raise WcsError(f"the corners are at ra {ra.tolist()}, dec {dec.tolist()}: {error}") from error
    return Footprint(
        tuple(ra.tolist()),
        tuple(dec.tolist()),
        float(ra_cent[0]),
        float(dec_cent[0]),
        area,
        dict(zip(*(each.tolist() for each in gather_cells(cells)), strict=True)),
    )


def _bend(grid: PixelGrid, x: Floats, y: Floats, cx: float, cy: float) -> float:
    """Return how far the midpoints of edges lie outside the great circles between corners, radians; at least 0."""
    middle_x, middle_y = (np.append((each + np.roll(each, -1)) / 2, centre) for each, centre in ((x, cx), (y, cy)))
    vectors = grid.vectors(np.append(x, middle_x), np.append(y, middle_y))
    corners, middles, centre = vectors[:, :4], vectors[:, 4:8], vectors[:, 8]
    outwards = np.cross(corners, np.roll(corners, -1, axis=1), axis=0)
    outwards *= -np.sign(centre @ outwards) / np.linalg.norm(outwards, axis=0)
    return max(0.0, float((outwards * middles).sum(axis=0).max()))


def split_cells(cells: Ints) -> tuple[Ints, Ints]:
    """Return the HEALPix pixel that contains each cell, and the bit of the cell.

    Parameters
    ----------
    cells : ndarray of int64, shape (n,)
        Nested HEALPix pixels, `CELL_SHIFT` levels finer than the pixels that contain them.

    Returns
    -------
    hpix, bits : ndarray of int64, shape (n,)
        The coarser pixels, and bit `k` for the cell ``64 * hpix + k``; bit 63 is the sign.
    """
    bits = np.left_shift(np.uint64(1), (cells & (1 << 2 * CELL_SHIFT) - 1).astype(np.uint64))
    return cells >> 2 * CELL_SHIFT, bits.view(np.int64)


def gather_cells(cells: Ints) -> tuple[Ints, Ints]:
    """Return the distinct HEALPix pixels that contain cells, ascending, with the bits of all their cells."""
    hpix, bits = split_cells(np.sort(cells))
    pixels, first = np.unique(hpix, return_index=True)
    return pixels, np.bitwise_or.reduceat(bits, first) if first.size else bits


@dataclass(frozen=True, slots=True)
class UniqueRegion:
    """Limits of a tile's unique region in right ascension and declination, degrees.

    Lower limits are inclusive and upper limits exclusive, so the unique regions of a survey do not overlap. The region
    extends eastward from `west` to `east`, across RA = 0 if necessary, and is less than 180 degrees wide.
    """

    west: float
    east: float
    south: float
    north: float

    def contains(self, vectors: Floats) -> npt.NDArray[np.bool_]:
        """Return which directions lie in the region.

        Parameters
        ----------
        vectors : ndarray of float64, shape (3, n)
            Directions in equatorial coordinates, of any length.

        Returns
        -------
        ndarray of bool, shape (n,)
            True inside.
        """
        out = np.empty(vectors.shape[1], np.bool_)
        _inside_vectors(np.ascontiguousarray(vectors), self.limits(), out)
        return out

    def edges(self, vectors: Floats) -> tuple[Floats, ...]:
        """Return how far directions lie from each meridian and parallel: the numbers whose signs `contains` tests.

        Parameters
        ----------
        vectors : ndarray of float64, shape (3, ...)
            Unit vectors in equatorial coordinates.

        Returns
        -------
        tuple of ndarray of float64, shape (...)
            Numbers that vary smoothly over the sphere and are zero on the western and eastern meridian and the
            southern and northern parallel; per radian they change by 1 at most.
        """
        west_x, west_y, east_x, east_y, south, north = self.limits()
        x, y, z = vectors
        return y * west_x - x * west_y, y * east_x - x * east_y, z - south, z - north

    def contains_rows(self, grid: PixelGrid, rows: slice) -> npt.NDArray[np.bool_]:
        """Return which pixels in a range of rows have their centre in the region.

        Parameters
        ----------
        grid : PixelGrid
            The image.
        rows : slice
            Zero-based rows.

        Returns
        -------
        ndarray of bool, shape (stop - start, nx)
            True inside.
        """
        wcs, nx = grid.wcs, grid.shape[1]
        out = np.empty((rows.stop - rows.start, nx), np.bool_)
        if wcs.linear:
            # on a tangent plane, directions that are not normalised are linear in x and y
            east, north, centre = wcs.basis
            along = np.radians(wcs.cd.T @ np.array([east, north]))
            origin = centre + (grid.offset - wcs.crpix) @ along
            _inside_rows(origin, along, rows.start, self.limits(), out)
            return out
        return self.contains(grid.box(Region(0, nx, rows.start, rows.stop)).reshape(3, -1)).reshape(out.shape)

    def limits(self) -> Floats:
        """Return the limits as numbers for `inside_limits`; shape (6,).

        They are the cosine and sine of each meridian, and the sine of each parallel.
        """
        west, east, south, north = np.radians([self.west, self.east, self.south, self.north])
        meridians = [np.cos(west), np.sin(west), np.cos(east), np.sin(east)]
        return np.array([*meridians, np.sin(south), np.sin(north)])


@kernel
def inside_limits(x: float, y: float, z: float, limits: Floats) -> bool:
    """Return whether a direction lies east of one meridian, west of the other, and between the parallels."""
    length = np.sqrt(x * x + y * y + z * z)
    return bool(
        (y * limits[0] - x * limits[1] >= 0)
        & (y * limits[2] - x * limits[3] < 0)
        & (z >= limits[4] * length)
        & (z < limits[5] * length)
    )


@kernel
def _inside_vectors(vectors: Floats, limits: Floats, out: npt.NDArray[np.bool_]) -> None:
    for k in range(out.size):
        out[k] = inside_limits(vectors[0, k], vectors[1, k], vectors[2, k], limits)


@kernel
def _inside_rows(
    origin: Floats,
    along: Floats,
    y0: int,
    limits: Floats,
    out: npt.NDArray[np.bool_],
) -> None:
    """Write which of the directions ``origin + x * along[0] + y * along[1]`` lie in the region."""
    for row in range(out.shape[0]):
        start = origin + (y0 + row) * along[1]
        for x in range(out.shape[1]):
            out[row, x] = inside_limits(
                start[0] + x * along[0, 0], start[1] + x * along[0, 1], start[2] + x * along[0, 2], limits
            )
