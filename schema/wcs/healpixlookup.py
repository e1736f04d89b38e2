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

__all__ = ["BLOCK_NSIDE", "BLOCK_SIDE", "CENTRES_NSIDE", "GOOD", "SEEN", "CentreLookup", "morton"]

CENTRES_NSIDE = 1 << 19
"""HEALPix resolution of the centres: 0.4 arcsec, about two pixels of DECam."""

BLOCK_NSIDE = NSIDE << CELL_SHIFT
"""HEALPix resolution of blocks, which are the cells of footprints."""

BLOCK_SIDE = CENTRES_NSIDE // BLOCK_NSIDE
"""Centres along each side of a block."""

SEEN, GOOD = 1, 2
"""State of a centre that lies in a bad pixel, and in a good one; 0 is neither."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
States = npt.NDArray[np.uint8]

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
    """

    grid: PixelGrid
    plane: Wcs
    inverse: PixelMap

    @classmethod
    def of(cls, grid: PixelGrid) -> "CentreLookup":
        """Return the lookup of an image."""
        ny, nx = grid.shape
        ra, dec = grid.sky(np.array([(nx - 1) / 2]), np.array([(ny - 1) / 2]))
        cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": float(ra[0]), "CRVAL2": float(dec[0])}
        cards |= {"CRPIX1": 0.0, "CRPIX2": 0.0, "CD1_1": 1 / 3600, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 1 / 3600}
        plane = Wcs.from_header(cards, "a tangent plane")
        return cls(grid, plane, inverse_map(grid, PixelGrid(plane, (1, 1), 0.0)))

    def blocks(self) -> Iterator[int]:
        """Yield the blocks, nested HEALPix pixels of `BLOCK_NSIDE`, that the image may touch."""
        n_cells = 1 << 2 * CELL_SHIFT
        for hpix, bits in footprint(self.grid).hpix.items():
            yield from (n_cells * hpix + k for k in range(n_cells) if bits >> k & 1)

    def mark(self, block: int, columns: Bools, region: UniqueRegion | None, states: States) -> None:
        """Raise the states of the centres in a block to those of the pixels that contain them.

        Parameters
        ----------
        block : int
            Nested HEALPix pixel of `BLOCK_NSIDE`.
        columns : ndarray of bool, shape (nx, ny)
            Good pixels of the image.
        region : UniqueRegion or None
            Region to which centres are limited.
        states : ndarray of uint8, shape (BLOCK_SIDE, BLOCK_SIDE)
            States, changed in place; the index along each axis is that of the HEALPix pixel within the block, y first.
        """
        limits = _NO_LIMITS if region is None else region.limits()
        per_face = BLOCK_NSIDE * BLOCK_NSIDE
        x, y = morton(np.array([block % per_face]))
        corner = np.array([block // per_face, x[0] * BLOCK_SIDE, y[0] * BLOCK_SIDE], np.int64)
        if isinstance(self.inverse, PolynomialInverse):
            inverse = self.inverse
            scaling = np.array([inverse.centre, inverse.half])
            _mark(corner, self.plane.basis, inverse.coefficients, scaling, limits, columns, states)
            return
        images = np.empty((3, BLOCK_SIDE, BLOCK_SIDE))
        _centres(corner, images)
        vectors = images.reshape(3, -1)
        pixels = self.grid.wcs.wcslib_pixels(vectors) - self.grid.offset
        px, py = np.floor(np.nan_to_num(pixels, nan=-9.0) + 0.5)
        nx, ny = columns.shape
        inside = (px >= 0) & (py >= 0) & (px < nx) & (py < ny)
        if region is not None:
            inside &= region.contains(vectors)
        good = columns[px[inside].astype(np.intp), py[inside].astype(np.intp)]
        flat = states.reshape(-1)
        flat[inside] = np.maximum(flat[inside], np.where(good, GOOD, SEEN))


def morton(pixels: Ints) -> tuple[Ints, Ints]:
    """Return x and y of nested HEALPix pixels within their face: the even bits and the odd ones."""
    x, y = np.zeros_like(pixels), np.zeros_like(pixels)
    for k in range(31):
        x |= (pixels >> 2 * k & 1) << k
        y |= (pixels >> 2 * k + 1 & 1) << k
    return x, y


@kernel
def _centre(face: int, x: int, y: int) -> tuple[float, float, float]:
    """Return the unit vector of a HEALPix pixel's centre (Gorski et al. 2005, ApJ 622, 759, section 5.1)."""
    nside = CENTRES_NSIDE
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
    for y in range(vectors.shape[1]):
        for x in range(vectors.shape[2]):
            vectors[0, y, x], vectors[1, y, x], vectors[2, y, x] = _centre(corner[0], corner[1] + x, corner[2] + y)


@kernel
def _mark(
    corner: Ints, basis: Floats, coefficients: Floats, scaling: Floats, limits: Floats, columns: Bools, states: States
) -> None:
    n = coefficients.shape[1]
    nx, ny = columns.shape
    arcsec = 180.0 * 3600.0 / np.pi
    for row in range(states.shape[0]):
        for column in range(states.shape[1]):
            if states[row, column] == GOOD:
                continue
            x, y, z = _centre(corner[0], corner[1] + column, corner[2] + row)
            if limits.size and not inside_limits(x, y, z, limits):
                continue
            up = basis[2, 0] * x + basis[2, 1] * y + basis[2, 2] * z
            if not up > 0:
                continue
            east = (basis[0, 0] * x + basis[0, 1] * y + basis[0, 2] * z) / up * arcsec
            north = (basis[1, 0] * x + basis[1, 1] * y + basis[1, 2] * z) / up * arcsec
            u, v = (east - scaling[0, 0]) / scaling[1, 0], (north - scaling[0, 1]) / scaling[1, 1]
            if abs(u) > 1.0 or abs(v) > 1.0:
                continue
            px = py = 0.5
            to_p = 1.0
            for p in range(n):
                in_x = in_y = 0.0
                for q in range(n - 1 - p, -1, -1):
                    in_x = in_x * v + coefficients[0, p, q]
                    in_y = in_y * v + coefficients[1, p, q]
                px += to_p * in_x
                py += to_p * in_y
                to_p *= u
            if (px >= 0.0) & (px < nx) & (py >= 0.0) & (py < ny):
                states[row, column] = GOOD if columns[np.int64(px), np.int64(py)] else SEEN
