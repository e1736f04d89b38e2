"""Areas on the sky as pixels of an image."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from ...schema.errors import UsageError
from ...schema.wcs.pixelgrid import PixelGrid
from ...schema.wcs.solution import unit_vectors

__all__ = ["in_discs", "in_polygons"]

Floats = npt.NDArray[np.float64]

# Pixels between the positions whose directions tell roughly where an area lies.
_STEP = 16


def in_discs(
    grid: PixelGrid, place: Region, ra: npt.ArrayLike, dec: npt.ArrayLike, radius: npt.ArrayLike
) -> npt.NDArray[np.bool_]:
    """Return which pixels have their centre within a disc.

    Parameters
    ----------
    grid : PixelGrid
        The image.
    place : Region
        The pixels wanted.
    ra, dec, radius : array of float, shape (n,), or float
        Centres and radii, degrees.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        Of the pixels of `place`.

    Raises
    ------
    UsageError
        If a number is not finite, a declination beyond a pole or a radius negative.
    """
    try:
        centres = np.broadcast_arrays(*(np.atleast_1d(np.asarray(each, np.float64)) for each in (ra, dec, radius)))
    except (TypeError, ValueError) as error:
        raise UsageError(f"discs of ra, dec, radius: {error}") from error
    if not all(np.isfinite(each).all() for each in centres):
        raise UsageError("discs: ra, dec or radius is not finite: expected degrees")
    _check_declinations(centres[1], "a disc")
    if (centres[2] < 0).any():
        raise UsageError(f"discs: a radius is {centres[2].min()}: expected degrees, 0 or more")
    coarse = _Coarse.of(grid, place)
    out: npt.NDArray[np.bool_] = np.zeros((place.y1 - place.y0, place.x1 - place.x0), np.bool_)
    for centre, each in zip(unit_vectors(centres[0], centres[1]).T, centres[2], strict=True):
        # chords, whose squares keep their digits where cosines of small angles lose them
        chord = 2 * np.sin(np.radians(min(each, 180.0)) / 2)
        for box in coarse.around(coarse.distance(centre) <= chord + coarse.reach):
            vectors = grid.box(box)
            inside = ((vectors - centre[:, None, None]) ** 2).sum(axis=0) <= chord**2
            out[box.y0 - place.y0 : box.y1 - place.y0, box.x0 - place.x0 : box.x1 - place.x0] |= inside
    return out


def in_polygons(grid: PixelGrid, place: Region, polygons: Sequence[npt.ArrayLike]) -> npt.NDArray[np.bool_]:
    """Return which pixels have their centre within a polygon, whose edges are great circles.

    Parameters
    ----------
    grid : PixelGrid
        The image.
    place : Region
        The pixels wanted.
    polygons : sequence of arrays of float, shape (n, 2)
        Right ascension and declination of the corners, degrees.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        Of the pixels of `place`.

    Raises
    ------
    UsageError
        If a polygon has fewer than three corners, reaches 90 degrees from its middle, or has a number
        that is not finite or a corner beyond a pole.
    """
    coarse = _Coarse.of(grid, place)
    out: npt.NDArray[np.bool_] = np.zeros((place.y1 - place.y0, place.x1 - place.x0), np.bool_)
    for polygon in polygons:
        frame, corners = _on_plane(polygon)
        near = coarse.near(frame, corners)
        for box in coarse.around(near):
            inside = _even_odd(frame, corners, grid.box(box))
            out[box.y0 - place.y0 : box.y1 - place.y0, box.x0 - place.x0 : box.x1 - place.x0] |= inside
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Coarse:
    """Directions of some pixels of an image, every `_STEP` of them and the last."""

    x: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64]
    vectors: Floats
    reach: float
    place: Region

    @classmethod
    def of(cls, grid: PixelGrid, place: Region) -> "_Coarse":
        x, y = (
            np.unique(np.append(np.arange(first, last, _STEP), last - 1))
            for first, last in ((place.x0, place.x1), (place.y0, place.y1))
        )
        down, across = (each.ravel().astype(np.float64) for each in np.meshgrid(y, x, indexing="ij"))
        vectors = grid.vectors(across, down).reshape(3, y.size, x.size)
        sides = [np.sqrt((np.diff(vectors, axis=axis) ** 2).sum(axis=0)).max(initial=0.0) for axis in (1, 2)]
        # no pixel is further from some grid position than the sides of a cell together, were they a little bent
        reach = 1.5 * float(sum(sides))
        return cls(x, y, vectors, reach, place)

    def distance(self, centre: Floats) -> Floats:
        """Return the chord between each position and a direction; shape (n_y, n_x)."""
        out: Floats = np.sqrt(((self.vectors - centre[:, None, None]) ** 2).sum(axis=0))
        return out

    def near(self, frame: Floats, corners: Floats) -> npt.NDArray[np.bool_]:
        """Return which positions lie in the box around a polygon on its tangent plane, or close to it."""
        across, up, front = np.einsum("ij,jyx->iyx", frame, self.vectors)
        # lengths on the plane are larger than on the sphere, by the cube of the secant at most
        margin = self.reach * (1 + (corners**2).sum(axis=0).max()) ** 1.5
        safe = np.where(front > 0, front, np.nan)
        out: npt.NDArray[np.bool_] = np.ones(across.shape, np.bool_)
        with np.errstate(invalid="ignore"):
            for each, of in ((across / safe, corners[0]), (up / safe, corners[1])):
                out &= (each >= of.min() - margin) & (each <= of.max() + margin)
        return out

    def around(self, near: npt.NDArray[np.bool_]) -> Iterator[Region]:
        """Yield the box of pixels around the positions that are near, if any."""
        rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        if rows.size:
            yield Region(
                max(self.place.x0, int(self.x[columns[0]]) - _STEP),
                min(self.place.x1, int(self.x[columns[-1]]) + _STEP + 1),
                max(self.place.y0, int(self.y[rows[0]]) - _STEP),
                min(self.place.y1, int(self.y[rows[-1]]) + _STEP + 1),
            )


def _on_plane(polygon: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return a tangent frame (rows east, north, middle) and the corners on its plane; shapes (3, 3) and (2, n)."""
    corners = np.asarray(polygon, np.float64)
    if corners.ndim != 2 or corners.shape[1] != 2 or corners.shape[0] < 3:
        raise UsageError(f"a polygon of shape {corners.shape}: expected three or more corners (ra, dec)")
    if not np.isfinite(corners).all():
        raise UsageError("a polygon has a corner that is not finite: expected degrees")
    _check_declinations(corners[:, 1], "a polygon")
    vectors = unit_vectors(corners[:, 0], corners[:, 1])
    middle = vectors.sum(axis=1)
    if np.linalg.norm(middle) < 1e-9 or (middle @ vectors <= 1e-6).any():
        raise UsageError("a polygon reaches 90 degrees from its middle: expected a smaller one")
    middle /= np.linalg.norm(middle)
    # any direction that is not that of the middle will do for north
    pole = np.eye(3)[np.argmin(np.abs(middle))]
    east = np.cross(pole, middle)
    east /= np.linalg.norm(east)
    frame = np.array([east, np.cross(middle, east), middle])
    across, up, front = frame @ vectors
    return frame, np.array([across / front, up / front])


def _check_declinations(dec: Floats, what: str) -> None:
    beyond = dec[np.abs(dec) > 90]
    if beyond.size:
        raise UsageError(f"{what} is at declination {beyond.flat[0]:g}: expected -90 to 90 degrees")


def _even_odd(frame: Floats, corners: Floats, vectors: Floats) -> npt.NDArray[np.bool_]:
    """Return which directions lie inside a polygon; great circles are straight on the tangent plane."""
    across, up, front = np.einsum("ij,jyx->iyx", frame, vectors)
    ahead = front > 0
    safe = np.where(ahead, front, 1.0)
    across, up = across / safe, up / safe
    inside: npt.NDArray[np.bool_] = np.zeros(across.shape, np.bool_)
    for (x1, y1), (x2, y2) in zip(corners.T, np.roll(corners, -1, axis=1).T, strict=True):
        if y1 != y2:
            crosses = (y1 > up) != (y2 > up)
            inside ^= crosses & (across < (x2 - x1) * (up - y1) / (y2 - y1) + x1)
    inside &= ahead
    return inside
