"""Lambert equal-area projection of the sky about a position."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from ...schema.wcs.solution import ra_dec, unit_vectors

__all__ = ["Exit", "Flat", "graticule"]

Floats = npt.NDArray[np.float64]

_STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
_LINES = 6
_POINTS = 361


@dataclass(frozen=True, slots=True)
class Flat:
    """An equal-area projection of the sky about a position.

    Parameters
    ----------
    ra, dec : float
        The position, degrees.

    Notes
    -----
    A position at angle t from the centre is projected to the distance 2 sin(t / 2): zenithal equal-area, ZEA of
    Calabretta & Greisen (2002), section 5.1.7.
    """

    ra: float
    dec: float

    @classmethod
    def about(cls, ra: Floats, dec: Floats) -> Self:
        """Return the projection about the mean of some positions, given in degrees."""
        mean_ra, mean_dec = ra_dec(unit_vectors(ra, dec).sum(axis=1))
        return cls(float(mean_ra), float(mean_dec))

    def project(self, ra: Floats, dec: Floats) -> Floats:
        """Return the projected coordinates of positions.

        Parameters
        ----------
        ra, dec : ndarray of float64
            Degrees.

        Returns
        -------
        ndarray of float64, shape (2, ...)
            Degrees east and north of the centre.
        """
        shape = np.shape(ra)
        vectors = unit_vectors(np.ravel(ra), np.ravel(dec))
        a, d = np.radians(self.ra), np.radians(self.dec)
        middle = np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
        east = np.array([-np.sin(a), np.cos(a), 0.0])
        north = np.cross(middle, east)
        # the antipode of the centre maps to the whole edge
        scale = np.degrees(np.sqrt(2 / np.maximum(1 + middle @ vectors, 1e-12)))
        out: Floats = np.array([east @ vectors, north @ vectors]) * scale
        return out.reshape(2, *shape)


@dataclass(frozen=True, slots=True)
class Exit:
    """A point of a line on an edge of a box (``east``, ``west``, ``south``, ``north``), or on no edge (``none``)."""

    x: float
    y: float
    edge: str


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line of equal right ascension or declination.

    Parameters
    ----------
    label : str
        Its coordinate, in degrees.
    of_ra : bool
        Whether right ascension is constant along it.
    points : ndarray of float64, shape (2, n)
        Projected points, see `Flat.project`; a line of equal right ascension starts at the nearer pole.
    """

    label: str
    of_ra: bool
    points: Floats

    @property
    def middle(self) -> Exit:
        """The point halfway along, at no edge."""
        x, y = self.points[:, self.points.shape[1] // 2]
        return Exit(float(x), float(y), "none")

    def exits(self, low: Floats, high: Floats) -> list[Exit]:
        """Return where the line crosses the edges of a box with corners `low` and `high`, in order along the line."""
        crossings = []
        for axis, (first, last) in enumerate((("west", "east"), ("south", "north"))):
            for edge, name in ((low[axis], first), (high[axis], last)):
                beyond = self.points[axis] > edge
                for k in np.flatnonzero(beyond[1:] != beyond[:-1]):
                    here, there = self.points[:, k], self.points[:, k + 1]
                    x, y = here + (edge - here[axis]) / (there[axis] - here[axis]) * (there - here)
                    if low[1 - axis] < (y, x)[axis] < high[1 - axis]:
                        crossings.append((int(k), Exit(float(x), float(y), name)))
        return [crossing for _, crossing in sorted(crossings, key=lambda item: item[0])]


def graticule(flat: Flat, reach: float) -> list[Line]:
    """Return lines of equal right ascension and lines of equal declination.

    Parameters
    ----------
    flat : Flat
        The projection.
    reach : float
        Radius of the region shown, degrees.
    """
    step = _step(reach)
    south, north = max(flat.dec - 1.7 * reach, -90.0), min(flat.dec + 1.7 * reach, 90.0)
    # near a pole every right ascension is close by
    half = min(1.7 * reach / max(np.cos(np.radians(max(-south, north))), 1e-9), 180.0)
    along_dec, along_ra = np.linspace(south, north, _POINTS), np.linspace(flat.ra - half, flat.ra + half, _POINTS)
    if half == 180.0:
        right_ascensions = np.arange(0.0, 360.0, _STEPS[-1])
    else:
        right_ascensions = _multiples(flat.ra - half, flat.ra + half, _step(reach / np.cos(np.radians(flat.dec))))
    if flat.dec > 0:
        along_dec = along_dec[::-1]
    return [
        *(Line(_label_ra(ra), True, flat.project(np.full(_POINTS, ra), along_dec)) for ra in right_ascensions),
        *(
            Line(_label_dec(dec), False, flat.project(along_ra, np.full(_POINTS, dec)))
            for dec in _multiples(south, north, step)
        ),
    ]


def _multiples(low: float, high: float, step: float) -> Floats:
    return np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step


def _label_ra(ra: float) -> str:
    return f"{np.round(ra, 6) % 360:g}°"


def _label_dec(dec: float) -> str:
    # signed, so that it is not mistaken for a right ascension
    return f"{np.round(dec, 6) + 0.0:+g}°".replace("+0°", "0°").replace("-", "\N{MINUS SIGN}")


def _step(reach: float) -> float:
    return next((step for step in _STEPS if 2 * reach / step <= _LINES), _STEPS[-1])
