"""Outlines of connected pixels."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

__all__ = ["outlines"]

Ints = npt.NDArray[np.int64]

# Steps along x and y of the directions east, north, west and south.
_DX, _DY = np.array([1, 0, -1, 0]), np.array([0, 1, 0, -1])


def outlines(inside: npt.NDArray[np.bool_], min_pixels: int = 1) -> Iterator[Ints]:
    """Yield a closed polygon around each connected area of pixels, along their edges.

    Parameters
    ----------
    inside : ndarray of bool, shape (ny, nx)
        Pixels; those that share a corner are connected.
    min_pixels : int
        Smallest area to yield, pixels.

    Yields
    ------
    ndarray of int64, shape (n, 2)
        x and y of the corners, which are corners of pixels: pixel (x, y) lies between (x, y) and (x + 1, y + 1). By the
        even-odd rule the polygon contains the centres of the area's pixels and no others: the outline of a hole is
        joined to the area's by a straight line that is passed twice.
    """
    x, y, following = _edges(inside)
    joined = _Joined(x, y, following, inside.shape)
    for corners in joined.polygons():
        if _area(corners) >= min_pixels:
            yield _without_straight_corners(corners)


def _edges(inside: npt.NDArray[np.bool_]) -> tuple[Ints, Ints, Ints]:
    """Return x and y of the start of each edge of an area, which lies on its left, and the edge that follows it.

    Where two pixels touch at a corner alone, the edge to the right follows, which is one of the other pixel.
    """
    nx = inside.shape[1]
    padded = np.pad(inside, 1)
    core = padded[1:-1, 1:-1]
    # the neighbour beyond an edge, and the edge's start, for each direction
    beyond = (padded[:-2, 1:-1], padded[1:-1, 2:], padded[2:, 1:-1], padded[1:-1, :-2])
    starts = ((0, 0), (1, 0), (1, 1), (0, 1))
    x, y, direction = [], [], []
    for each, (other, (dx, dy)) in enumerate(zip(beyond, starts, strict=True)):
        down, across = np.nonzero(core & ~other)
        x.append(across + dx)
        y.append(down + dy)
        direction.append(np.full(across.size, each))
    x_start, y_start, towards = (np.concatenate(values) for values in (x, y, direction))
    key = (y_start * (nx + 1) + x_start) * 4 + towards
    order = np.argsort(key)
    x_start, y_start, towards, key = x_start[order], y_start[order], towards[order], key[order]
    end = (y_start + _DY[towards]) * (nx + 1) + x_start + _DX[towards]
    following = np.full(key.size, -1)
    for turn in (1, 0, -1):  # the last that exists stands: to the right
        wanted = end * 4 + (towards + turn) % 4
        found = np.minimum(np.searchsorted(key, wanted), key.size - 1)
        following = np.where(key[found] == wanted, found, following)
    return x_start, y_start, following


class _Joined:
    """Outlines as circles of corners, each of which knows the next; holes are joined to the outline of their area.

    A hole is joined westwards from its most western corner: the first corner of an outline there is one of its area.
    It is the outer one, or that of a hole that reaches farther west and is joined already.
    """

    def __init__(self, x: Ints, y: Ints, following: Ints, shape: tuple[int, int]) -> None:
        self._x, self._y, self._next = x.tolist(), y.tolist(), following.tolist()
        # the corner of an outline at each corner of pixels, plus 1
        self._at = np.zeros((shape[0] + 1, shape[1] + 1), np.int32)
        rings = self._rings()
        corners = [np.stack([x[ring], y[ring]], axis=1) for ring in rings]
        areas = [_area(each) for each in corners]
        self._firsts = [ring[0] for ring, area in zip(rings, areas, strict=True) if area > 0]
        for ring, each, area in zip(rings, corners, areas, strict=True):
            if area > 0:
                self._register(ring, each)
        holes = [number for number, area in enumerate(areas) if area < 0]
        for number in sorted(holes, key=lambda each: int(corners[each][:, 0].min())):
            self._join(rings[number], int(corners[number][:, 0].argmin()))
            self._register(rings[number], corners[number])

    def polygons(self) -> Iterator[Ints]:
        """Yield the corners of each area, in order."""
        for first in self._firsts:
            corners: list[tuple[int, int]] = []
            node = first
            while not corners or node != first:
                corners.append((self._x[node], self._y[node]))
                node = self._next[node]
            yield np.array(corners)

    def _rings(self) -> list[list[int]]:
        seen, rings = bytearray(len(self._next)), []
        for first in range(len(self._next)):
            ring, node = [], first
            while not seen[node]:
                seen[node] = 1
                ring.append(node)
                node = self._next[node]
            if ring:
                rings.append(ring)
        return rings

    def _register(self, ring: list[int], corners: Ints) -> None:
        self._at[corners[:, 1], corners[:, 0]] = np.array(ring) + 1

    def _join(self, hole: list[int], west: int) -> None:
        """Insert the outline of a hole, from its corner of index `west` on, into that of its area."""
        here, last = hole[west], hole[west - 1]
        row = self._at[self._y[here], : self._x[here] + 1]
        there = int(row[np.flatnonzero(row)[-1]]) - 1
        back, again = len(self._next), len(self._next) + 1
        self._x += [self._x[here], self._x[there]]
        self._y += [self._y[here], self._y[there]]
        self._next += [again, self._next[there]]
        self._next[there], self._next[last] = here, back


def _area(corners: Ints) -> int:
    """Return the area inside a polygon; below 0 if it runs clockwise, as around a hole."""
    x, y = np.concatenate([corners, corners[:1]]).T
    return int(x[:-1] @ y[1:] - x[1:] @ y[:-1]) // 2


def _without_straight_corners(corners: Ints) -> Ints:
    """Return a polygon without corners that are none, and without any that stands twice in a row."""
    closed = np.concatenate([corners[-1:], corners])
    corners = corners[(closed[1:] != closed[:-1]).any(axis=1)]
    step = np.sign(np.diff(np.concatenate([corners[-1:], corners, corners[:1]]), axis=0))
    kept: Ints = corners[(step[1:] != step[:-1]).any(axis=1)]
    return kept
