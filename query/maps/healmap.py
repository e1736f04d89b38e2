"""Maps of good pixels on the sky."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import hpgeom
import numpy as np
import numpy.typing as npt

from ...schema.criteria import Selection
from ...schema.errors import UsageError
from ...schema.masks.boundselection import BoundSelection
from ...schema.wcs.footprint import UniqueRegion
from ..masks.mask import Mask
from ..source import Source
from .coaddgrid import find_grid

__all__ = ["healsparse_map"]

STATISTICS = ("fraction", "n_epochs")

# Columns of an image done at a time.
_COLUMNS = 128

# HEALPix pixels that wait to be added up.
_WAITING = 4_000_000

_FINEST = 1 << 29


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
    """Return a map of good pixels on the sky; needs the extra ``maps``.

    Epochs without an SE segmentation map stay out unless the selection ignores `SE_SEG`.

    Parameters
    ----------
    source : Source
        Where the masks are.
    statistic : str
        ``"fraction"``: good pixels over all pixels of the epochs whose centre falls into the HEALPix
        pixel. ``"n_epochs"``: how many epochs have at least one good pixel there.
    nside : int
        Resolution; at 4096 pixels are of 0.86 arcmin.
    nside_coverage : int
        Resolution in which healsparse keeps track of where there is something.
    selection : Selection, optional
        A definition of good other than the default.
    unique : bool
        Count pixels within their tile's unique region alone, and all of a tile without limits. Of a CCD
        image that several tiles hold each pixel then counts once at most; a HEALPix pixel across the border
        between two tiles may still have it as two epochs. False counts every pixel with each tile that holds
        it, and as bad where it is off that tile's coadd.
    **filters
        Which epochs; see `goodpix.Catalogue.epochs`.

    Returns
    -------
    HealSparseMap
        Nested, of float32 (fraction) or int32 (n_epochs). Without a value where no epoch has a pixel; 0
        where none is good.

    Raises
    ------
    UsageError
        If healsparse is not installed, there is no such statistic, or a resolution is not a power of 2.
    """
    if statistic not in STATISTICS:
        raise UsageError(f"statistic is {statistic!r}: expected {' or '.join(STATISTICS)}")
    _check_resolution("nside", nside)
    _check_resolution("nside_coverage", nside_coverage)
    if nside_coverage > nside:
        raise UsageError(f"nside_coverage is {nside_coverage}: expected nside, {nside}, or less")
    try:
        import healsparse  # an extra
    except ModuleNotFoundError as error:
        raise UsageError("healsparse is not installed: pip install 'goodpix[maps]'") from error
    wanted = BoundSelection.of(selection, source.database.identity.bit_names)
    found = _total(_tallies(source, wanted, int(nside), unique, filters))
    if statistic == "fraction":
        values: npt.NDArray[Any] = (found.n_good / found.n_pixels).astype(np.float32)
    else:
        values = found.n_epochs.astype(np.int32)
    out = healsparse.HealSparseMap.make_empty(int(nside_coverage), int(nside), dtype=values.dtype)
    out.update_values_pix(found.hpix, values)
    return out


def _check_resolution(name: str, number: object) -> None:
    if not isinstance(number, int | np.integer) or not 0 < number <= _FINEST or number & (number - 1):
        raise UsageError(f"{name} is {number!r}: expected a power of 2, up to 2**29")


@dataclass(frozen=True, slots=True, eq=False)
class _CellCounts:
    """What falls into some HEALPix pixels; all of shape (n,), int64."""

    hpix: npt.NDArray[np.int64]
    n_pixels: npt.NDArray[np.int64]
    n_good: npt.NDArray[np.int64]
    n_epochs: npt.NDArray[np.int64]

    @classmethod
    def summed(cls, parts: "Sequence[_CellCounts]") -> "_CellCounts":
        """Return one with each HEALPix pixel once, in order."""
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


def _total(tallies: Iterator[_CellCounts]) -> _CellCounts:
    """Return the sum, adding up now and then so that a survey's fits in memory."""
    waiting: list[_CellCounts] = []
    for each in tallies:
        waiting.append(each)
        if sum(part.hpix.size for part in waiting[1:]) > _WAITING:
            waiting = [_CellCounts.summed(waiting)]
    return _CellCounts.summed(waiting)


def _tallies(
    source: Source, selection: BoundSelection, nside: int, unique: bool, filters: dict[str, Any]
) -> Iterator[_CellCounts]:
    masks = source.counted_masks(selection, **filters)
    for (tilename, band), of_tile in groupby(masks, lambda mask: (mask.key.tilename, mask.key.band)):
        region = find_grid(source.database, tilename, band).region if unique else None
        for mask in of_tile:
            yield _tally(mask, mask.good(selection), nside, region)


def _tally(mask: Mask, good: npt.NDArray[np.bool_], nside: int, region: UniqueRegion | None) -> _CellCounts:
    """Return what one epoch has in each HEALPix pixel."""
    grid = mask.grid
    columns = np.ascontiguousarray(good.T)
    parts = []
    for x0 in range(0, columns.shape[0], _COLUMNS):
        some = slice(x0, min(x0 + _COLUMNS, columns.shape[0]))
        vectors, is_good = grid.columns(some), columns[some].ravel()
        hpix = hpgeom.vector_to_pixel(nside, *vectors, nest=True)
        if region is not None:
            inside = region.contains(vectors)
            hpix, is_good = hpix[inside], is_good[inside]
        if hpix.size:
            parts.append(_stretches(hpix, is_good))
    found = _CellCounts.summed(parts)
    return _CellCounts(found.hpix, found.n_pixels, found.n_good, (found.n_good > 0).astype(np.int64))


def _stretches(hpix: npt.NDArray[np.int64], good: npt.NDArray[np.bool_]) -> _CellCounts:
    """Return what each stretch of pixels within one HEALPix pixel has: neighbours mostly lie in the same."""
    starts = np.append(0, np.flatnonzero(hpix[1:] != hpix[:-1]) + 1)
    n_pixels = np.diff(starts, append=hpix.size)
    n_good = np.add.reduceat(good, starts, dtype=np.int64)
    return _CellCounts(hpix[starts], n_pixels, n_good, np.zeros(starts.size, np.int64))
