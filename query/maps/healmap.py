"""HEALPix maps of good pixels."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import hpgeom
import numpy as np
import numpy.typing as npt

from ...schema.criteria import BoundSelection, Selection
from ...schema.errors import UsageError
from ...schema.extras import optional
from ...schema.rows import MaskKey
from ...schema.wcs.footprint import UniqueRegion
from ...schema.wcs.healpixlookup import CENTRES_NSIDE
from ..masks.mask import Mask
from ..provenance import Provenance
from ..source import Source
from .coaddgrid import find_region
from .skyarea import sky_covers

__all__ = ["healsparse_map"]

Ints = npt.NDArray[np.int64]

STATISTICS = {
    "fraction": ("fraction of good pixels among the pixels of all epochs", "fraction"),
    "fracdet": ("fraction of the area that is good in at least one image", "fraction of area"),
    "n_images": ("number of CCD images with at least one good pixel", "images"),
}
"""What each map shows, and its unit."""

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
        renamed = ", which replaces n_epochs" if statistic == "n_epochs" else ""
        raise UsageError(f"statistic is {statistic!r}: expected fraction, fracdet or n_images{renamed}")
    _check_resolution("nside", nside, CENTRES_NSIDE if statistic == "fracdet" else _MAX_NSIDE)
    _check_resolution("nside_coverage", nside_coverage, _MAX_NSIDE)
    if nside_coverage > nside:
        raise UsageError(f"nside_coverage is {nside_coverage}: expected nside, {nside}, or less")
    with optional("healsparse"):
        import healsparse  # an extra
    bound = source.bound(selection)
    if statistic == "fracdet":
        if not unique:
            raise UsageError("statistic fracdet with unique=False: expected unique=True, since area counts once")
        hpix, values = _fracdet(source, bound, int(nside), filters)
    else:
        hpix, values = _counted(source, statistic, bound, int(nside), unique, filters)
    out = healsparse.HealSparseMap.make_empty(int(nside_coverage), int(nside), dtype=values.dtype)
    out.update_values_pix(hpix, values)
    out.metadata = _metadata(source, statistic, bound, unique, filters)
    return out


def _metadata(
    source: Source, statistic: str, selection: BoundSelection, unique: bool, filters: dict[str, Any]
) -> dict[str, Any]:
    """Return the header of a map: FITS cards by keyword."""
    what, unit = STATISTICS[statistic]
    provenance = Provenance.of(selection, catalogue=source.database.identity)
    chosen = ", ".join(f"{name}={value}" for name, value in sorted(filters.items()))
    cards = {"MAPTYPE": statistic, "WHAT": what, "BUNIT": unit, "UNIQUE": unique, "FILTERS": chosen or "none"}
    return cards | {card["name"]: card["value"] for card in provenance.cards()}


def _fracdet(
    source: Source, selection: BoundSelection, nside: int, filters: dict[str, Any]
) -> tuple[Ints, npt.NDArray[np.float32]]:
    """Return HEALPix pixels with the fraction of their area that is good in at least one image."""
    counts = (cover.counts(nside) for cover in sky_covers(source, selection, filters))
    total = _total(_CellCounts(hpix, 0 * n_good, n_good, 0 * n_good) for hpix, n_good in counts)
    return total.hpix, (total.n_good / (CENTRES_NSIDE // nside) ** 2).astype(np.float32)


def _counted(
    source: Source, statistic: str, selection: BoundSelection, nside: int, unique: bool, filters: dict[str, Any]
) -> tuple[Ints, npt.NDArray[Any]]:
    """Return HEALPix pixels with what the pixels of images in them add up to."""
    seen = _SeenImages({}, []) if statistic == "n_images" else None
    counts = _total(_epoch_counts(source, selection, nside, unique, filters, seen))
    if seen is None:
        return counts.hpix, (counts.n_good / counts.n_pixels).astype(np.float32)
    n_images = counts.n_images.copy()
    hpix, n_more = np.unique(seen.distinct()[0], return_counts=True)
    n_images[np.searchsorted(counts.hpix, hpix)] += n_more
    return counts.hpix, n_images.astype(np.int32)


def _check_resolution(name: str, number: object, most: int) -> None:
    if not isinstance(number, int | np.integer) or not 0 < number <= most or number & (number - 1):
        raise UsageError(f"{name} is {number!r}: expected a power of 2, up to 2**{most.bit_length() - 1}")


@dataclass(frozen=True, slots=True, eq=False)
class _CellCounts:
    """Counts in HEALPix pixels: of image pixels, and of images that no other tile has there; int64, shape (n,)."""

    hpix: Ints
    n_pixels: Ints
    n_good: Ints
    n_images: Ints

    @classmethod
    def summed(cls, parts: "Sequence[_CellCounts]") -> "_CellCounts":
        """Return the sum, with distinct HEALPix pixels in ascending order."""
        nothing = np.empty(0, np.int64)
        every = np.concatenate([nothing, *(part.hpix for part in parts)])
        order = np.argsort(every, kind="stable")
        hpix = every[order]
        starts = np.flatnonzero(np.append(True, hpix[1:] != hpix[:-1])[: hpix.size])
        sums = []
        for name in ("n_pixels", "n_good", "n_images"):
            values = np.concatenate([nothing, *(getattr(part, name) for part in parts)])[order]
            sums.append(np.add.reduceat(values, starts) if starts.size else nothing)
        return cls(hpix[starts], *sums)


@dataclass(frozen=True, slots=True, eq=False)
class _SeenImages:
    """Pairs of a HEALPix pixel and an image with a good pixel in it, where other tiles may have the same pair."""

    numbers: dict[tuple[object, ...], int]
    pairs: list[Ints]
    """Each of shape (2, n): HEALPix pixels, and numbers of images."""

    def add(self, hpix: Ints, key: MaskKey) -> None:
        number = self.numbers.setdefault((key.band, key.expnum, key.ccdnum), len(self.numbers))
        self.pairs.append(np.array([hpix, np.full_like(hpix, number)]))
        if sum(each.shape[1] for each in self.pairs[1:]) > _PENDING:
            self.pairs[:] = [self.distinct()]

    def distinct(self) -> Ints:
        """Return each pair once; shape (2, n)."""
        return np.unique(np.concatenate([np.empty((2, 0), np.int64), *self.pairs], axis=1), axis=1)


def _total(counts: Iterable[_CellCounts]) -> _CellCounts:
    """Return the sum of counts; partial sums keep the memory of a survey small."""
    pending: list[_CellCounts] = []
    for epoch in counts:
        pending.append(epoch)
        if sum(part.hpix.size for part in pending[1:]) > _PENDING:
            pending = [_CellCounts.summed(pending)]
    return _CellCounts.summed(pending)


def _epoch_counts(
    source: Source,
    selection: BoundSelection,
    nside: int,
    unique: bool,
    filters: dict[str, Any],
    seen: _SeenImages | None,
) -> Iterator[_CellCounts]:
    masks = source.counted_masks(selection, **filters)
    for (tilename, band), of_tile in groupby(masks, lambda mask: (mask.key.tilename, mask.key.band)):
        region = find_region(source.database, tilename, band) if unique else None
        for mask in of_tile:
            yield _count(mask, mask.good(selection), nside, region, seen)


def _count(
    mask: Mask, good: npt.NDArray[np.bool_], nside: int, region: UniqueRegion | None, seen: _SeenImages | None
) -> _CellCounts:
    """Return the counts of one epoch in each HEALPix pixel, and note where other tiles may have its image too."""
    grid = mask.grid
    columns = np.ascontiguousarray(good.T)
    parts = []
    for x0 in range(0, columns.shape[0], _COLUMNS):
        block = slice(x0, min(x0 + _COLUMNS, columns.shape[0]))
        vectors, is_good = grid.columns(block), columns[block].ravel()
        hpix = hpgeom.vector_to_pixel(nside, *vectors, nest=True)
        counted = np.ones(hpix.size, np.bool_) if region is None else region.contains(vectors)
        parts.append(_count_stretches(hpix, counted, is_good & counted))
    total = _CellCounts.summed(parts)
    held, is_good = total.n_pixels > 0, total.n_good > 0
    # n_images counts the pixels left out so far: where there are none, the region of no other tile has any
    shared = is_good if region is None else is_good & (total.n_images > 0)
    if seen is not None:
        seen.add(total.hpix[shared], mask.key)
    alone = (is_good & ~shared).astype(np.int64)
    return _CellCounts(total.hpix[held], total.n_pixels[held], total.n_good[held], alone[held])


def _count_stretches(hpix: Ints, counted: npt.NDArray[np.bool_], good: npt.NDArray[np.bool_]) -> _CellCounts:
    """Return the counts of each stretch of consecutive pixels in the same HEALPix pixel; images are pixels left out."""
    starts = np.append(0, np.flatnonzero(hpix[1:] != hpix[:-1]) + 1)
    n_all = np.diff(starts, append=hpix.size)
    n_pixels, n_good = (np.add.reduceat(each, starts, dtype=np.int64) for each in (counted, good))
    return _CellCounts(hpix[starts], n_pixels, n_good, n_all - n_pixels)
