"""Mask width: the residual around objects as a function of the radius by which the mask is grown."""

import functools
import logging
import math
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...schema.criteria import BoundSelection, Criterion, Selection
from ...schema.errors import FitsFileError, PlaneError, UsageError
from ...schema.jit import kernel
from ...schema.masks.dilation import squared_distance
from ...schema.masks.rle import decode_good
from ...schema.planes.reader import PlaneReader
from ...schema.rows import MaskKey
from ..masks.mask import Mask
from ..masks.parallel import Mapped, map_masks
from ..masks.reader import find_masks
from ..source import Source
from .epochplanes import EpochFiles, GoodRows, floats
from .problems import problem_of, said_together

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["WIDTH_COLUMNS", "MaskWidths", "WidthStudy"]

logger = logging.getLogger(__name__)

WIDTH_COLUMNS = {
    "band": "filter band",
    "radius": "pixels by which the criteria are grown",
    "n_epochs": "epochs used",
    "n_left_out": "epochs left out, for example without a background map or skysigma",
    "n": "good pixels",
    "median": "median over the good pixels of image / skysigma, or of (image - background) / skysigma",
    "median_error": "standard error of the median, assuming independent pixels",
    "scatter": "half the distance from the 16th to the 84th percentile",
    "bkg_subtracted": "true if the residual background map (bkg_path) was subtracted",
    "selection": "definition of good before growing",
}
"""Columns of the table that `goodpix.Catalogue.mask_width` returns, with their meaning."""

# Bin width and largest absolute residual of the histograms, in units of skysigma.
_BIN, _FURTHEST = 0.005, 6.0
_N_BINS = 2 + 2 * round(_FURTHEST / _BIN)

_LARGEST = 1000.0

# standard error of the median over that of the mean, for a normal distribution
_MEDIAN_ERROR = math.sqrt(math.pi / 2)

Histograms = npt.NDArray[np.int64]
"""Histogram of the residuals of good pixels for each radius; shape (n_radii, _N_BINS)."""


@dataclass(frozen=True, slots=True)
class _CountResiduals:
    """Function from the mask of an epoch to the histograms of its residuals."""

    files: EpochFiles
    selection: BoundSelection
    objects: int
    """Flags bits to grow."""
    radii: tuple[float, ...]
    subtract_background: bool

    def __call__(self, mask: Mask) -> Histograms:
        row = mask.row or {}
        sigma = row.get("skysigma")
        if sigma is None or not sigma > 0:
            raise PlaneError(f"{mask.key}: skysigma is {sigma}: expected a positive number in the image header")
        if not (row.get("se_seg_used") or Criterion.SE_SEG in self.selection.selection.ignore):
            raise FitsFileError(f"{mask.key}: no SE segmentation map to locate objects with")
        good = mask.good(self.selection)
        rows = GoodRows.of(good)
        with PlaneReader() as reader:
            planes = self.files.planes(mask, reader)
            residual = floats(planes.read("image", rows, subtract_background=self.subtract_background))
        span = slice(rows.start, rows.stop)
        # pixels beyond this distance have the squared distance reach**2 + 1, beyond every radius
        reach = math.ceil(self.radii[-1])
        distance = squared_distance(~decode_good(mask.encoded, self.objects), reach)
        # for each squared distance, the number of radii smaller than it: those for which the pixel stays good
        squares = np.arange(reach**2 + 2)
        n_good_for = np.searchsorted(np.square(self.radii), squares).astype(np.int64)
        counts = np.zeros((len(self.radii) + 1, _N_BINS), np.int64)
        _count(np.ascontiguousarray(residual.T), good.T[:, span], distance.T[:, span], n_good_for, float(sigma), counts)
        # a pixel that stays good for k radii does so for the k smallest
        histograms: Histograms = counts[:0:-1].cumsum(axis=0)[::-1]
        return histograms


@dataclass(frozen=True, slots=True, eq=False)
class MaskWidths:
    """Result of a mask width study.

    Parameters
    ----------
    table : DataFrame
        See `goodpix.Catalogue.mask_width`.
    left_out : list of str
        Epochs left out, with the reason.
    """

    table: "pd.DataFrame"
    left_out: list[str]


class WidthStudy:
    """Study of mask widths, with the parameters of `goodpix.Catalogue.mask_width`."""

    def __init__(
        self,
        source: Source,
        selection: Selection | None = None,
        *,
        radii: Iterable[float] = range(17),
        grow: Sequence[str] = ("SE_SEG", "COADD_SEG"),
        subtract_background: bool = True,
        allow_changed: bool = False,
    ) -> None:
        bound = source.bound(selection)
        self._radii = _check_radii(radii)
        single = isinstance(grow, str) or not hasattr(grow, "__iter__")
        objects = _grown_bits([str(grow)] if single else tuple(grow), bound)
        files = EpochFiles.of(source, allow_changed=allow_changed)
        self._source = source
        self._count = _CountResiduals(files, bound, objects, self._radii, subtract_background)

    def counted(
        self, filters: Mapping[str, Any], *, executor: Executor | None = None, workers: int = 1
    ) -> Iterator[Mapped]:
        """Yield the histograms of each epoch as it completes, or its error."""
        locations = find_masks(self._source.database, "epoch", filters)
        return map_masks(self._count, locations, self._source.database, executor=executor, workers=workers)

    def summed(self, counted: Iterable[Mapped]) -> MaskWidths:
        """Sum the histograms of epochs and return their statistics."""
        sums: dict[str, Histograms] = {}
        n_epochs: dict[str, list[int]] = {}
        left_out: list[tuple[MaskKey, str]] = []
        for mapped in counted:
            band = mapped.key.band
            numbers = n_epochs.setdefault(band, [0, 0])
            numbers[mapped.error is not None] += 1
            if mapped.error is not None:
                left_out.append((mapped.key, problem_of(mapped.key, mapped.error)))
                continue
            sums[band] = sums.get(band, 0) + mapped.value
        for line in said_together(left_out):
            logger.warning("left out: %s", line)
        common = (self._count.subtract_background, str(self._count.selection))
        return MaskWidths(_frame(sums, n_epochs, self._radii, common), [f"{key}: {text}" for key, text in left_out])


def _grown_bits(names: Sequence[str], bound: BoundSelection) -> int:
    """Return the flags bits to grow; reject names that are unknown or already grown by the selection."""
    if not names:
        raise UsageError("grow is empty: expected one or more criteria or bits, such as COADD_SEG")
    grown = replace(bound.selection, grow=dict.fromkeys(names, 1.0))
    growths = BoundSelection(grown, bound.bit_names).growths
    twice = sorted(set(grown.grow) & set(bound.selection.grow))
    if twice:
        raise UsageError(f"{twice[0]} is already grown by the selection {bound}: expected it in only one of the two")
    return functools.reduce(operator.or_, (growth.bits for growth in growths))


def _check_radii(radii: Iterable[float]) -> tuple[float, ...]:
    """Return the radii sorted, without duplicates."""
    try:
        distinct = sorted({float(radius) for radius in radii})
    except (TypeError, ValueError):
        raise UsageError(f"radii are {radii!r}: expected numbers of pixels") from None
    if not distinct or not 0 <= distinct[0] <= distinct[-1] <= _LARGEST:
        raise UsageError(f"radii are {distinct}: expected pixels, 0 to {_LARGEST:g}")
    return tuple(distinct)


def _frame(
    sums: Mapping[str, Histograms],
    n_epochs: Mapping[str, Sequence[int]],
    radii: Sequence[float],
    common: tuple[bool, str],
) -> "pd.DataFrame":
    import pandas as pd  # slow to import

    rows = []
    for band in sorted(n_epochs):
        empty = np.zeros((len(radii), _N_BINS), np.int64)
        for radius, counts in zip(radii, sums.get(band, empty), strict=True):
            n = int(counts.sum())
            low, median, high = (_quantile(counts, fraction) for fraction in (0.16, 0.5, 0.84))
            scatter = (high - low) / 2
            error = _MEDIAN_ERROR * scatter / math.sqrt(n) if n else math.nan
            rows.append((band, radius, *n_epochs[band], n, median, error, scatter, *common))
    kinds = {"radius": "float64", "n_epochs": "int64", "n_left_out": "int64", "n": "int64"}
    kinds |= dict.fromkeys(("median", "median_error", "scatter"), "float64") | {"band": "str", "selection": "str"}
    kinds |= {"bkg_subtracted": "bool"}
    return pd.DataFrame(rows, columns=list(WIDTH_COLUMNS)).astype(kinds)


def _quantile(counts: npt.NDArray[np.int64], fraction: float) -> float:
    """Return a quantile of a histogram of residuals, interpolated within its bin; NaN beyond the bins."""
    cumulative = np.cumsum(counts)
    if not cumulative[-1]:
        return math.nan
    rank = fraction * cumulative[-1]
    k = int(np.searchsorted(cumulative, rank))
    if k in (0, _N_BINS - 1):
        return math.nan
    inside = (rank - cumulative[k - 1]) / counts[k]
    return float(-_FURTHEST + (k - 1 + inside) * _BIN)


@kernel
def _count(
    residual: npt.NDArray[np.floating[Any]],
    good: npt.NDArray[np.bool_],
    distance: npt.NDArray[np.uint32],
    n_good_for: npt.NDArray[np.int64],
    sigma: float,
    counts: Histograms,
) -> None:
    """Add residuals of good pixels to histograms by the number of radii for which they stay good; column-major."""
    nx, ny = residual.shape
    for x in range(nx):
        for y in range(ny):
            value = residual[x, y]
            if good[x, y] and abs(value) < np.inf:
                k = math.floor((value / sigma + _FURTHEST) / _BIN) + 1
                counts[n_good_for[distance[x, y]], min(max(k, 0), _N_BINS - 1)] += 1
