"""Image pixels that contain the centres of HEALPix pixels."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..jit import kernel
from .footprint import CELL_SHIFT, NSIDE, UniqueRegion, footprint, inside_limits
from .inversemap import PolynomialInverse, inverse_map
from .pixelgrid import PixelGrid
from .pixelmap import PixelMap
from .solution import Wcs

__all__ = ["BLOCK_NSIDE", "CENTRES_NSIDE", "GOOD", "OUTSIDE", "SEEN", "CentreLookup", "block_nside", "morton"]

CENTRES_NSIDE = 1 << 18
"""Default HEALPix resolution of the centres: one every 0.8 arcsec, three pixels of DECam."""

BLOCK_NSIDE = NSIDE << CELL_SHIFT
"""HEALPix resolution of blocks, which are the cells of footprints, where centres are not sparser."""

OUTSIDE = -1
"""Number in place of a pixel's where a centre lies in none."""

SEEN, GOOD = 1, 2
"""State of a centre that lies in a bad pixel, and in a good one; 0 is neither."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
States = npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.int32]

_NO_LIMITS = np.empty(0)


@dataclass(frozen=True, slots=True, eq=False)
class CentreLookup:
    """Lookup of the pixels of an image that contain the centres of HEALPix pixels.

    Parameters
    ----------
    grid : PixelGrid
        The image.
    plane : Wcs
        A tangent plane at its centre, with pixels of 1 arcsec.
    inverse : PixelMap
        Mapping from that plane's pixels to those of the image.
    nside : int
        HEALPix resolution of the centres.
    """

    grid: PixelGrid
    plane: Wcs
    inverse: PixelMap
    nside: int = CENTRES_NSIDE

    @classmethod
    def of(cls, grid: PixelGrid, nside: int = CENTRES_NSIDE) -> "CentreLookup":
        """Return the lookup of an image."""
        ny, nx = grid.shape
        ra, dec = grid.sky(np.array([(nx - 1) / 2]), np.array([(ny - 1) / 2]))
        cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": float(ra[0]), "CRVAL2": float(dec[0])}
        cards |= {"CRPIX1": 0.0, "CRPIX2": 0.0, "CD1_1": 1 / 3600, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 1 / 3600}
        plane = Wcs.from_header(cards, "a tangent plane")
        return cls(grid, plane, inverse_map(grid, PixelGrid(plane, (1, 1), 0.0)), nside)

    @property
    def side(self) -> int:
        """Number of centres along each side of a block."""
        return self.nside // block_nside(self.nside)

    def blocks(self) -> Iterator[int]:
        """Yield the blocks, nested HEALPix pixels of `block_nside`, that the image may touch, in ascending order."""
        n_cells = 1 << 2 * CELL_SHIFT
        cells = (
            n_cells * hpix + k
            for hpix, bits in footprint(self.grid).hpix.items()
            for k in range(n_cells)
            if bits >> k & 1
        )
        coarser = 2 * ((BLOCK_NSIDE // block_nside(self.nside)).bit_length() - 1)
        yield from dict.fromkeys(cell >> coarser for cell in cells)

    def mark(self, block: int, columns: Bools, region: UniqueRegion | None, states: States) -> None:
        """Raise the states of the centres in a block to those of the pixels that contain them.

        Parameters
        ----------
        block : int
            Nested HEALPix pixel of `block_nside`.
        columns : ndarray of bool, shape (nx, ny)
            Good pixels of the image.
        region : UniqueRegion or None
            Region to which centres are limited.
        states : ndarray of uint8, shape (side, side)
            States, changed in place; the index along each axis is that of the HEALPix pixel within the block, y first.
        """
        pixels = np.empty(states.shape, np.int32)
        self.locate(block, region, pixels)
        _raise_states(pixels, columns.reshape(-1), states)

    def locate(self, block: int, region: UniqueRegion | None, pixels: Pixels) -> None:
        """Write the numbers of the pixels that contain the centres in a block.

        Parameters
        ----------
        block : int
            Nested HEALPix pixel of `block_nside`.
        region : UniqueRegion or None
            Region to which centres are limited.
        pixels : ndarray of int32, shape (side, side)
            Overwritten with ``x * ny + y`` of the pixel, or `OUTSIDE`; indices as in `mark`.
        """
        corner = self._corner(block)
        if isinstance(self.inverse, PolynomialInverse):
            limits = _NO_LIMITS if region is None else region.limits()
            inverse = self.inverse
            scaling = np.array([inverse.centre, inverse.half])
            shape = np.array(self.grid.shape)
            _locate(corner, self.plane.basis, inverse.coefficients, scaling, limits, shape, pixels)
            return
        centres = np.empty((3, *pixels.shape))
        _centres(corner, centres)
        vectors = centres.reshape(3, -1)
        positions = self.grid.wcs.wcslib_pixels(vectors) - self.grid.offset
        px, py = np.floor(np.nan_to_num(positions, nan=-9.0) + 0.5)
        ny, nx = self.grid.shape
        inside = (px >= 0) & (py >= 0) & (px < nx) & (py < ny)
        if region is not None:
            inside &= region.contains(vectors)
        pixels.reshape(-1)[:] = np.where(inside, px * ny + py, OUTSIDE)

    def _corner(self, block: int) -> Ints:
        """Return the resolution, the face, and x and y of the first centre of a block."""
        per_face, x, y = block_nside(self.nside) ** 2, 0, 0
        face, pixel = divmod(block, per_face)
        for k in range(per_face.bit_length() // 2):
            x |= (pixel >> 2 * k & 1) << k
            y |= (pixel >> 2 * k + 1 & 1) << k
        return np.array([self.nside, face, x * self.side, y * self.side], np.int64)


def block_nside(nside: int) -> int:
    """Return the HEALPix resolution of the blocks of centres of a resolution: `BLOCK_NSIDE` or coarser."""
    return min(BLOCK_NSIDE, nside)


def morton(pixels: Ints) -> tuple[Ints, Ints]:
    """Return x and y of nested HEALPix pixels within their face: the even bits and the odd ones."""
    x, y = np.zeros_like(pixels), np.zeros_like(pixels)
    for k in range(31):
        x |= (pixels >> 2 * k & 1) << k
        y |= (pixels >> 2 * k + 1 & 1) << k
    return x, y


@kernel
def _centre(nside: int, face: int, x: int, y: int) -> tuple[float, float, float]:
    """Return the unit vector of a HEALPix pixel's centre (Gorski et al. 2005, ApJ 622, 759, section 5.1)."""
    ring = (face // 4 + 2) * nside - x - y - 1
    n = nside
    if ring < nside or ring > 3 * nside:
        n = min(ring, 4 * nside - ring)
        from_pole = n * n / (3.0 * nside * nside)
        z = 1.0 - from_pole
        across = np.sqrt(from_pole * (2.0 - from_pole))
        if ring > nside:
            z = -z
    else:
        z = (2 * nside - ring) * 2.0 / (3.0 * nside)
        across = np.sqrt((1.0 - z) * (1.0 + z))
    first = 2 * (face % 4) + (0 if face // 4 == 1 else 1)
    longitude = (first * n + x - y) * (np.pi / 4) / n
    return across * np.cos(longitude), across * np.sin(longitude), z


@kernel
def _centres(corner: Ints, vectors: Floats) -> None:
    for row in range(vectors.shape[1]):
        for column in range(vectors.shape[2]):
            x, y, z = _centre(corner[0], corner[1], corner[2] + column, corner[3] + row)
            vectors[0, row, column], vectors[1, row, column], vectors[2, row, column] = x, y, z


@kernel
def _locate(
    corner: Ints, basis: Floats, coefficients: Floats, scaling: Floats, limits: Floats, shape: Ints, pixels: Pixels
) -> None:
    """Write pixel numbers row by row, in loops over a row that processors run several centres at a time."""
    side = pixels.shape[0]
    ny, nx = shape
    nside, face, first_x, first_y = corner
    nearest, farthest = first_x + first_y, first_x + first_y + 2 * side - 2
    in_belt = (face // 4 - 1) * nside - nearest - 1 <= 0 and (face // 4 + 1) * nside - farthest - 1 >= 0
    heights, longitudes = np.empty((2, 2 * side)), np.empty((2, 2 * side))
    if in_belt:
        _belt(corner, heights, longitudes)
    centres, work = np.empty((3, side)), np.empty((7, side))
    for row in range(side):
        for column in range(side):
            if in_belt:
                across, difference = heights[1, column + row], column - row + side - 1
                centres[0, column] = across * longitudes[0, difference]
                centres[1, column] = across * longitudes[1, difference]
                centres[2, column] = heights[0, column + row]
            else:
                x, y, z = _centre(nside, face, first_x + column, first_y + row)
                centres[0, column], centres[1, column], centres[2, column] = x, y, z
        line = pixels[row]
        if not _scaled(centres, basis, scaling, work):
            line[:] = OUTSIDE
            continue
        _positions(coefficients, work)
        for column in range(side):
            u, v, px, py = work[0, column], work[1, column], work[2, column], work[3, column]
            near = (abs(u) <= 1.0) & (abs(v) <= 1.0)
            inside = near & (px >= 0.0) & (px < nx) & (py >= 0.0) & (py < ny)
            line[column] = np.int32(px) * np.int32(ny) + np.int32(py) if inside else np.int32(OUTSIDE)
        if limits.size:
            for column in range(side):
                if line[column] != OUTSIDE and not inside_limits(
                    centres[0, column], centres[1, column], centres[2, column], limits
                ):
                    line[column] = OUTSIDE


@kernel
def _belt(corner: Ints, heights: Floats, longitudes: Floats) -> None:
    """Write heights z of centres and their distances from the axis by x + y, cos and sin of longitudes by x - y."""
    nside, face, first_x, first_y = corner
    side = heights.shape[1] // 2
    for k in range(2 * side - 1):
        x, y, z = _centre(nside, face, first_x + min(k, side - 1), first_y + max(k - side + 1, 0))
        heights[0, k], heights[1, k] = z, np.sqrt((1.0 - z) * (1.0 + z))
        x, y, z = _centre(nside, face, first_x + max(k - side + 1, 0), first_y + max(side - 1 - k, 0))
        across = np.sqrt((1.0 - z) * (1.0 + z))
        longitudes[0, k], longitudes[1, k] = x / across, y / across


@kernel
def _scaled(centres: Floats, basis: Floats, scaling: Floats, work: Floats) -> bool:
    """Write the scaled coordinates u and v on the tangent plane; return whether any is within -1 to 1."""
    arcsec = 180.0 * 3600.0 / np.pi
    u, v = work[0], work[1]
    n_near = 0
    for k in range(u.size):
        x, y, z = centres[0, k], centres[1, k], centres[2, k]
        up = basis[2, 0] * x + basis[2, 1] * y + basis[2, 2] * z
        east = (basis[0, 0] * x + basis[0, 1] * y + basis[0, 2] * z) / up * arcsec
        north = (basis[1, 0] * x + basis[1, 1] * y + basis[1, 2] * z) / up * arcsec
        near_u, near_v = (east - scaling[0, 0]) / scaling[1, 0], (north - scaling[0, 1]) / scaling[1, 1]
        u[k] = near_u if up > 0.0 else 9.0
        v[k] = near_v
        n_near += (abs(u[k]) <= 1.0) & (abs(v[k]) <= 1.0)
    return n_near > 0


@kernel
def _positions(coefficients: Floats, work: Floats) -> None:
    """Write the positions in pixels, plus a half, of the scaled coordinates in the first two rows to the next two."""
    u, v, px, py, to_p, in_x, in_y = work[0], work[1], work[2], work[3], work[4], work[5], work[6]
    n, m = coefficients.shape[1], u.size
    for k in range(m):
        px[k] = py[k] = 0.5
        to_p[k] = 1.0
    for p in range(n):
        for k in range(m):
            in_x[k] = in_y[k] = 0.0
        for q in range(n - 1 - p, -1, -1):
            x_term, y_term = coefficients[0, p, q], coefficients[1, p, q]
            for k in range(m):
                in_x[k] = in_x[k] * v[k] + x_term
                in_y[k] = in_y[k] * v[k] + y_term
        for k in range(m):
            px[k] += to_p[k] * in_x[k]
            py[k] += to_p[k] * in_y[k]
            to_p[k] *= u[k]


@kernel
def _raise_states(pixels: Pixels, good: Bools, states: States) -> None:
    for row in range(states.shape[0]):
        for column in range(states.shape[1]):
            pixel = pixels[row, column]
            if pixel != OUTSIDE:
                states[row, column] = max(states[row, column], GOOD if good[pixel] else SEEN)
