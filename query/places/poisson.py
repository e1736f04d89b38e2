"""Random points on the sphere."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ...schema.wcs.footprint import CELL_SHIFT, NSIDE, UniqueRegion
from ...schema.wcs.solution import unit_vectors
from .sequence import DEEPEST, sky_of

__all__ = ["CellPoints", "RandomPoints", "Scatter", "TilePoints"]

Floats = npt.NDArray[np.float64]

# Points drawn from one state of the generator.
_DRAWN = 1024

_DEGREES2 = np.degrees(1.0) ** 2


@dataclass(frozen=True, slots=True, eq=False)
class Scatter:
    """Random points.

    Parameters
    ----------
    ra, dec : ndarray of float64, shape (n,)
        Degrees.
    density : ndarray of float64, shape (n,)
        Density from which on each point is there, per square degree.
    """

    ra: Floats
    dec: Floats
    density: Floats

    def __getitem__(self, wanted: "npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice") -> "Scatter":
        return Scatter(self.ra[wanted], self.dec[wanted], self.density[wanted])


class RandomPoints(Protocol):
    """Poisson processes of all densities in an area, each with the points of those below it."""

    @property
    def area(self) -> float:
        """Area, square degrees."""

    def up_to(self, density: float) -> Scatter:
        """Return the points of the process of a density, per square degree."""


@dataclass(frozen=True, slots=True)
class TilePoints:
    """Random points in the unique region of a tile, which no other tile changes.

    Parameters
    ----------
    seed : int
        Seed.
    tilename : str
        The tile.
    region : UniqueRegion
        Its unique region.
    """

    seed: int
    tilename: str
    region: UniqueRegion

    @property
    def area(self) -> float:
        """Area, square degrees."""
        south, north = np.sin(np.radians([self.region.south, self.region.north]))
        return float(np.radians(self._width) * (north - south) * _DEGREES2)

    @property
    def _width(self) -> float:
        return (self.region.east - self.region.west) % 360

    def up_to(self, density: float) -> Scatter:
        """Return the points of the process of a density; see `RandomPoints`."""
        south, north = np.sin(np.radians([self.region.south, self.region.north]))
        ra, dec, arrival = [], [], []
        for of_chunk, u in _drawn((self.seed, 0, _number(self.tilename)), density * self.area):
            ra.append((self.region.west + self._width * u[0]) % 360)
            dec.append(np.degrees(np.arcsin(south + (north - south) * u[1])))
            arrival.append(of_chunk)
        drawn = _scatter(ra, dec, arrival, self.area)
        # rounding may put a point on a limit, where it is another tile's
        return drawn[self.region.contains(unit_vectors(drawn.ra, drawn.dec))]


@dataclass(frozen=True, slots=True)
class CellPoints:
    """Random points in a HEALPix cell of footprints.

    Parameters
    ----------
    seed : int
        Seed.
    cell : int
        Nested HEALPix pixel; see `goodpix.schema.wcs.footprint.split_cells`.
    """

    seed: int
    cell: int

    @property
    def area(self) -> float:
        """Area, square degrees."""
        return float(4 * np.pi * _DEGREES2 / (12 * (NSIDE << CELL_SHIFT) ** 2))

    def up_to(self, density: float) -> Scatter:
        """Return the points of the process of a density; see `RandomPoints`."""
        shift = 2 * (DEEPEST - (NSIDE << CELL_SHIFT).bit_length() + 1)
        ra, dec, arrival = [], [], []
        for of_chunk, u in _drawn((self.seed, 1, self.cell), density * self.area):
            # pixels of one order have the same area
            at = sky_of((self.cell << shift) + (u[0] * (1 << shift)).astype(np.int64))
            ra.append(at[0])
            dec.append(at[1])
            arrival.append(of_chunk)
        return _scatter(ra, dec, arrival, self.area)


def _number(tilename: str) -> int:
    """Return a number for a tile that depends on its name alone."""
    return int.from_bytes(hashlib.sha256(tilename.encode()).digest()[:8], "little")


def _drawn(entropy: tuple[int, ...], until: float) -> Iterator[tuple[Floats, Floats]]:
    """Yield arrival times of a Poisson process of rate 1 in chunks, and two numbers from 0 to 1 for each arrival."""
    time, chunk = 0.0, 0
    while time < until:
        generator = np.random.default_rng((*entropy, chunk))
        arrivals = time + np.cumsum(generator.exponential(size=_DRAWN))
        u = generator.random((2, _DRAWN))
        time, chunk = float(arrivals[-1]), chunk + 1
        wanted = arrivals < until
        yield arrivals[wanted], u[:, wanted]


def _scatter(ra: list[Floats], dec: list[Floats], arrival: list[Floats], area: float) -> Scatter:
    at_ra, at_dec, time = (np.concatenate([np.empty(0), *each]) for each in (ra, dec, arrival))
    return Scatter(at_ra, at_dec, time / area)
