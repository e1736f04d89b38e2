"""HEALPix maps of good pixels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import hpgeom
import numpy as np
import numpy.typing as npt

from ...schema.criteria import BoundSelection, Selection
from ...schema.errors import UsageError
from ...schema.extras import optional
from ...schema.wcs.footprint import UniqueRegion
from ..masks.mask import Mask
from ..source import Source
from .coaddgrid import find_grid

__all__ = ["healsparse_map"]

STATISTICS = ("fraction", "n_epochs")

# Columns of an image processed at a time.
_COLUMNS = 128

# HEALPix pixels held in memory before they are summed.
_PENDING = 4_000_000

_MAX_NSIDE = 1 << 29


def healsparse_map(
    source: Source,
    statistic: str = "fraction",
    *,
    nside: int = 4096,
    nside_coverage: int = 32,
    selection: Selection | None = None,
    unique: bool = True,
    **filters: Any,
) -> Any:
    """Return a HEALPix map of good pixels; see `goodpix.Catalogue.healsparse_map`."""
    if statistic not in STATISTICS:
        raise UsageError(f"statistic is {statistic!r}: expected {' or '.join(STATISTICS)}")
    _check_resolution("nside", nside)
    _check_resolution("nside_coverage", nside_coverage)
    if nside_coverage > nside:
        raise UsageError(f"nside_coverage is {nside_coverage}: expected nside, {nside}, or less")
    with optional("healsparse"):
        import healsparse  # an extra
    bound = source.bound(selection)
    counts = _total(_epoch_counts(source, bound, int(nside), unique, filters))
    if statistic == "fraction":
        values: npt.NDArray[Any] = (counts.n_good / counts.n_pixels).astype(np.float32)
    else:
        values = counts.n_epochs.astype(np.int32)
    out = healsparse.HealSparseMap.make_empty(int(nside_coverage), int(nside), dtype=values.dtype)
    out.update_values_pix(counts.hpix, values)
    return out


def _check_resolution(name: str, number: object) -> None:
    if not isinstance(number, int | np.integer) or not 0 < number <= _MAX_NSIDE or number & (number - 1):
        raise UsageError(f"{name} is {number!r}: expected a power of 2, up to 2**29")


@dataclass(frozen=True, slots=True, eq=False)
class _CellCounts:
    """Counts of image pixels and epochs in HEALPix pixels; all int64, shape (n,)."""

    hpix: npt.NDArray[np.int64]
    n_pixels: npt.NDArray[np.int64]
    n_good: npt.NDArray[np.int64]
    n_epochs: npt.NDArray[np.int64]

    @classmethod
    def summed(cls, parts: "Sequence[_CellCounts]") -> "_CellCounts":
        """Return the sum, with distinct HEALPix pixels in ascending order."""
        nothing = np.empty(0, np.int64)
        every = np.concatenate([nothing, *(part.hpix for part in parts)])
        order = np.argsort(every, kind="stable")
        hpix = every[order]
        starts = np.flatnonzero(np.append(True, hpix[1:] != hpix[:-1])[: hpix.size])
        sums = []
        for name in ("n_pixels", "n_good", "n_epochs"):
            values = np.concatenate([nothing, *(getattr(part, name) for part in parts)])[order]
            sums.append(np.add.reduceat(values, starts) if starts.size else nothing)
        return cls(hpix[starts], *sums)


def _total(counts: Iterator[_CellCounts]) -> _CellCounts:
    """Return the sum of counts; partial sums keep the memory of a survey small."""
    pending: list[_CellCounts] = []
    for epoch in counts:
        pending.append(epoch)
        if sum(part.hpix.size for part in pending[1:]) > _PENDING:
            pending = [_CellCounts.summed(pending)]
    return _CellCounts.summed(pending)


def _epoch_counts(
    source: Source, selection: BoundSelection, nside: int, unique: bool, filters: dict[str, Any]
) -> Iterator[_CellCounts]:
    masks = source.counted_masks(selection, **filters)
    for (tilename, band), of_tile in groupby(masks, lambda mask: (mask.key.tilename, mask.key.band)):
        region = find_grid(source.database, tilename, band).region if unique else None
        for mask in of_tile:
            yield _count(mask, mask.good(selection), nside, region)


def _count(mask: Mask, good: npt.NDArray[np.bool_], nside: int, region: UniqueRegion | None) -> _CellCounts:
    """Return the counts of one epoch in each HEALPix pixel."""
    grid = mask.grid
    columns = np.ascontiguousarray(good.T)
    parts = []
    for x0 in range(0, columns.shape[0], _COLUMNS):
        block = slice(x0, min(x0 + _COLUMNS, columns.shape[0]))
        vectors, is_good = grid.columns(block), columns[block].ravel()
        hpix = hpgeom.vector_to_pixel(nside, *vectors, nest=True)
        if region is not None:
            inside = region.contains(vectors)
            hpix, is_good = hpix[inside], is_good[inside]
        if hpix.size:
            parts.append(_count_stretches(hpix, is_good))
    total = _CellCounts.summed(parts)
    return _CellCounts(total.hpix, total.n_pixels, total.n_good, (total.n_good > 0).astype(np.int64))


def _count_stretches(hpix: npt.NDArray[np.int64], good: npt.NDArray[np.bool_]) -> _CellCounts:
    """Return the counts of each stretch of consecutive pixels in the same HEALPix pixel."""
    starts = np.append(0, np.flatnonzero(hpix[1:] != hpix[:-1]) + 1)
    n_pixels = np.diff(starts, append=hpix.size)
    n_good = np.add.reduceat(good, starts, dtype=np.int64)
    return _CellCounts(hpix[starts], n_pixels, n_good, np.zeros(starts.size, np.int64))
