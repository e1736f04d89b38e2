"""Runs of the pixels of an image that lie in a tile's unique region."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...schema.wcs.footprint import UniqueRegion
from ...schema.wcs.pixelgrid import PixelGrid

__all__ = ["ColumnSamples", "RegionRuns"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# Rows between the samples of a column.
_STEP = 32

# An edge of the region that stays further from both samples than this multiple of their distance does not come
# between them: distortion bends the line of pixels between two samples by far less.
_REACH = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class RegionRuns:
    """Runs of pixels inside and outside a region, column-major.

    Parameters
    ----------
    lengths : ndarray of uint32, shape (n,)
        Lengths in pixels.
    inside : ndarray of int64, shape (n,)
        1 inside, 0 outside.
    """

    lengths: npt.NDArray[np.uint32]
    inside: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ColumnSamples:
    """Directions of every 32nd pixel of each column of an image.

    Parameters
    ----------
    grid : PixelGrid
        The image.
    rows : ndarray of int64, shape (n_samples,)
        Rows of the samples; the first and the last row are among them.
    vectors : ndarray of float64, shape (3, nx, n_samples)
        Unit vectors in equatorial coordinates.
    """

    grid: PixelGrid
    rows: npt.NDArray[np.int64]
    vectors: Floats

    @classmethod
    def of(cls, grid: PixelGrid) -> "ColumnSamples":
        """Return the samples of an image."""
        ny, nx = grid.shape
        rows = np.unique(np.append(np.arange(0, ny, _STEP), ny - 1))
        vectors = grid.columns(slice(0, nx), rows.astype(np.float64))
        return cls(grid, rows, vectors.reshape(3, nx, rows.size))

    def runs(self, region: UniqueRegion) -> RegionRuns:
        """Return the runs of the pixels inside and outside a region.

        Only pixels between samples that an edge may separate are looked at one by one.
        """
        inside = self._inside(region)
        flat = inside.ravel()
        starts = np.append(0, np.flatnonzero(flat[1:] != flat[:-1]) + 1)
        return RegionRuns(np.diff(starts, append=flat.size).astype(np.uint32), flat[starts].astype(np.int64))

    def _inside(self, region: UniqueRegion) -> Bools:
        """Return which pixels lie in a region; shape (nx, ny)."""
        samples = region.contains(self.vectors.reshape(3, -1)).reshape(self.vectors.shape[1:])
        between = np.diff(self.rows)
        inside = np.concatenate([np.repeat(samples[:, :-1], between, axis=1), samples[:, -1:]], axis=1)
        x, interval = np.nonzero(self._crossed(region))
        n_rows = between[interval] - 1
        columns = np.repeat(x, n_rows)
        # the rows after the first sample of each interval
        within = np.arange(n_rows.sum()) - np.repeat(np.cumsum(n_rows) - n_rows, n_rows)
        rows = np.repeat(self.rows[interval], n_rows) + 1 + within
        if rows.size:
            directions = self.grid.vectors(columns.astype(np.float64), rows.astype(np.float64))
            inside[columns, rows] = region.contains(directions)
        return inside

    def _crossed(self, region: UniqueRegion) -> Bools:
        """Return the intervals between samples in which an edge of the region may lie; shape (nx, n_samples - 1)."""
        # the scale of an image varies little: some of its columns tell
        steps = np.diff(self.vectors[:, ::_STEP], axis=2)
        reach = _REACH * np.sqrt((steps**2).sum(axis=0).max(initial=0.0))
        crossed = np.zeros((self.vectors.shape[1], self.rows.size - 1), np.bool_)
        for edge in region.edges(self.vectors):
            near, positive = np.abs(edge) <= reach, edge >= 0
            if near.any() or positive.any() != positive.all():
                crossed |= near[:, :-1] | near[:, 1:] | (positive[:, :-1] != positive[:, 1:])
        return crossed
