"""Where an image lies on the sky."""

from collections.abc import Mapping
from dataclasses import dataclass

import hpgeom
import numpy as np
import numpy.typing as npt

from ..amplifiers import Region
from ..errors import WcsError
from ..jit import kernel
from .pixelgrid import PixelGrid

__all__ = ["CELL_SHIFT", "EVERY_CELL", "NSIDE", "Footprint", "UniqueRegion", "footprint", "gather_cells", "split_cells"]

NSIDE = 256
"""HEALPix resolution of footprints, nested order: pixels of 13.7 arcmin."""

CELL_SHIFT = 3
"""How many times a side is halved for the cells of a pixel: 64 of them, of 1.7 arcmin."""

EVERY_CELL = -1
"""The cells of a pixel all of which are touched, or of which nothing is known."""

# Pixels. The polygon is drawn this much larger than the image, so that edges which the distortion bends outwards
# stay inside of it; or larger, by this many times what their middles bend.
_MARGIN = 8.0
_SAFETY = 3.0

_ARCSEC = np.degrees(1.0) * 3600

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Footprint:
    """Corners, centre and pixel size of an image on the sky.

    Parameters
    ----------
    ra, dec : tuple of float
        The outer corners of the corner pixels, degrees: first pixel, end of the first row, last
        pixel, end of the first column.
    ra_cent, dec_cent : float
        The image's centre, degrees.
    pixel_area : float
        Solid angle of a pixel at the centre, arcsec^2.
    hpix : mapping of int to int
        The HEALPix pixels that the image touches (`NSIDE`, nested), ascending, and the cells of each; perhaps also
        neighbours of those. See `split_cells`.
    """

    ra: tuple[float, ...]
    dec: tuple[float, ...]
    ra_cent: float
    dec_cent: float
    pixel_area: float
    hpix: Mapping[int, int]


def footprint(grid: PixelGrid) -> Footprint:
    """Return where an image lies on the sky."""
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
    """Return how far the middles of edges lie outside of the great circles between corners, radians; at least 0."""
    middle_x, middle_y = (np.append((each + np.roll(each, -1)) / 2, centre) for each, centre in ((x, cx), (y, cy)))
    vectors = grid.vectors(np.append(x, middle_x), np.append(y, middle_y))
    corners, middles, centre = vectors[:, :4], vectors[:, 4:8], vectors[:, 8]
    outwards = np.cross(corners, np.roll(corners, -1, axis=1), axis=0)
    outwards *= -np.sign(centre @ outwards) / np.linalg.norm(outwards, axis=0)
    return max(0.0, float((outwards * middles).sum(axis=0).max()))


def split_cells(cells: Ints) -> tuple[Ints, Ints]:
    """Return the HEALPix pixel that holds each cell, and which of its cells it is.

    Parameters
    ----------
    cells : ndarray of int64, shape (n,)
        HEALPix pixels, nested, whose sides are those of other pixels halved `CELL_SHIFT` times.

    Returns
    -------
    hpix, bits : ndarray of int64, shape (n,)
        Those other pixels, and bit `k` for the cell ``64 * hpix + k``; bit 63 is the sign.
    """
    bits = np.left_shift(np.uint64(1), (cells & (1 << 2 * CELL_SHIFT) - 1).astype(np.uint64))
    return cells >> 2 * CELL_SHIFT, bits.view(np.int64)


def gather_cells(cells: Ints) -> tuple[Ints, Ints]:
    """Return the HEALPix pixels that hold cells, ascending, each once with the bits of all its cells."""
    hpix, bits = split_cells(np.sort(cells))
    pixels, first = np.unique(hpix, return_index=True)
    return pixels, np.bitwise_or.reduceat(bits, first) if first.size else bits


@dataclass(frozen=True, slots=True)
class UniqueRegion:
    """The part of a tile that no other tile has: limits in right ascension and declination, degrees.

    The lower limits are inside, the upper ones are not, so that tiles part the sky. The region runs
    eastward from `west` to `east`, over RA = 0 if need be, and is less than 180 degrees wide.
    """

    west: float
    east: float
    south: float
    north: float

    def contains(self, vectors: Floats) -> npt.NDArray[np.bool_]:
        """Return which directions are inside.

        Parameters
        ----------
        vectors : ndarray of float64, shape (3, n)
            Directions in equatorial coordinates, of any length.

        Returns
        -------
        ndarray of bool, shape (n,)
            True is inside.
        """
        out = np.empty(vectors.shape[1], np.bool_)
        _inside_vectors(np.ascontiguousarray(vectors), self._limits(), out)
        return out

    def contains_rows(self, grid: PixelGrid, rows: slice) -> npt.NDArray[np.bool_]:
        """Return which pixels of some rows of an image have their centre inside.

        Parameters
        ----------
        grid : PixelGrid
            The image.
        rows : slice
            From start to stop.

        Returns
        -------
        ndarray of bool, shape (stop - start, nx)
            True is inside.
        """
        wcs, nx = grid.wcs, grid.shape[1]
        out = np.empty((rows.stop - rows.start, nx), np.bool_)
        if wcs.linear:
            # on a tangent plane directions, not made unit vectors, are linear in x and y
            east, north, centre = wcs.basis
            along = np.radians(wcs.cd.T @ np.array([east, north]))
            origin = centre + (grid.offset - wcs.crpix) @ along
            _inside_rows(origin, along, rows.start, self._limits(), out)
            return out
        return self.contains(grid.box(Region(0, nx, rows.start, rows.stop)).reshape(3, -1)).reshape(out.shape)

    def _limits(self) -> Floats:
        """Return cosine and sine of each meridian, and the sine of each parallel; shape (6,)."""
        west, east, south, north = np.radians([self.west, self.east, self.south, self.north])
        meridians = [np.cos(west), np.sin(west), np.cos(east), np.sin(east)]
        return np.array([*meridians, np.sin(south), np.sin(north)])


@kernel
def _inside(x: float, y: float, z: float, limits: Floats) -> bool:
    """Tell whether a direction is east of one meridian, west of the other, and between the parallels."""
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
        out[k] = _inside(vectors[0, k], vectors[1, k], vectors[2, k], limits)


@kernel
def _inside_rows(
    origin: Floats,
    along: Floats,
    y0: int,
    limits: Floats,
    out: npt.NDArray[np.bool_],
) -> None:
    """Directions are ``origin + x * along[0] + y * along[1]``."""
    for row in range(out.shape[0]):
        start = origin + (y0 + row) * along[1]
        for x in range(out.shape[1]):
            out[row, x] = _inside(
                start[0] + x * along[0, 0], start[1] + x * along[0, 1], start[2] + x * along[0, 2], limits
            )
