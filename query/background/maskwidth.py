"""Mask width: the residual around objects as a function of the radius by which the mask is grown."""

import functools
import logging
import math
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from ...schema.criteria import BoundSelection, Criterion, Selection
from ...schema.errors import FitsFileError, PlaneError, UsageError
from ...schema.jit import kernel
from ...schema.masks.dilation import squared_distance
from ...schema.masks.rle import decode_good
from ...schema.planes.reader import PlaneReader
from ...schema.rows import MaskKey
from ..masks.mask import Mask
from ..masks.parallel import Mapped, map_masks
from ..provenance import described
from ..source import Source
from .boxstatistics import GoodPixels
from .epochplanes import EpochFiles, GoodRows, floats
from .problems import problem_of, said_together
from .skyrow import By, ByName
from .statistics import count_images, find_images

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["WIDTH_COLUMNS", "MaskWidths", "WidthStudy"]

logger = logging.getLogger(__name__)

WIDTH_COLUMNS = {
    "band": "filter band",
    "radius": "pixels by which the criteria are grown",
    "n_images": "images used",
    "n_left_out": "images left out, for example without a background map or skysigma",
    "n": "good pixels",
    "median": "median over the good pixels of image / skysigma, or of (image - background) / skysigma",
    "median_error": "standard error of the median, from the scatter between images and medians in boxes before growing",
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


@dataclass(frozen=True, slots=True, eq=False)
class ImageResiduals:
    """Residuals of one image, in units of skysigma.

    Parameters
    ----------
    histograms : ndarray of int64, shape (n_radii, _N_BINS)
        See `Histograms`.
    error : float
        Standard error of the image's level, from the scatter of medians in boxes of the good pixels before growing.
    """

    histograms: Histograms
    error: float


@dataclass(frozen=True, slots=True)
class _CountResiduals:
    """Function from the mask of an image to its residuals."""

    files: EpochFiles
    selection: BoundSelection
    objects: int
    """Flags bits to grow."""
    radii: tuple[float, ...]
    subtract_background: bool

    def __call__(self, mask: Mask) -> ImageResiduals:
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
        return ImageResiduals(counts[:0:-1].cumsum(axis=0)[::-1], _level_error(residual, good[span]) / float(sigma))


def _level_error(residual: npt.NDArray[np.floating[Any]], good: npt.NDArray[np.bool_]) -> float:
    """Return the standard error of the level of an image's good pixels; they are all that is left of `residual`."""
    if not good.size:
        return 0.0
    pixels = GoodPixels(residual, good, 0)
    ny, nx = good.shape
    region = Region(0, nx, 0, ny)
    (values,) = pixels.values([region], np.empty(good.size + 1, residual.dtype))
    values.sort()
    error = pixels.describe(region, values, None, ("clipped",)).get("clipped_mean_error", 0.0)
    return float(error)


@dataclass(frozen=True, slots=True, eq=False)
class MaskWidths:
    """Result of a mask width study.

    Parameters
    ----------
    table : DataFrame
        See `goodpix.Catalogue.mask_width`.
    left_out : list of str
        Images left out, with the reason.
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
        by: ByName = "ccd",
        radii: Iterable[float] = range(17),
        grow: Sequence[str] = ("SE_SEG", "COADD_SEG"),
        subtract_background: bool = True,
        allow_changed: bool = False,
    ) -> None:
        self._by = By.of(by)
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
        """Yield the residuals of each image as it completes, or its error."""
        locations = find_images(self._source, self._by, filters)
        count = functools.partial(count_images, self._source, self._by, filters)
        return map_masks(self._count, locations, self._source.database, executor=executor, workers=workers, count=count)

    def summed(self, counted: Iterable[Mapped]) -> MaskWidths:
        """Sum the histograms of images and return their statistics."""
        sums: dict[str, _BandSums] = {}
        left_out: list[tuple[MaskKey, str]] = []
        for mapped in counted:
            of_band = sums.setdefault(mapped.key.band, _BandSums.empty(len(self._radii)))
            if mapped.error is None:
                of_band.add(mapped.value)
            else:
                of_band.n_left_out += 1
                left_out.append((mapped.key, problem_of(mapped.key, mapped.error)))
        for line in said_together(left_out):
            logger.warning("left out: %s", line)
        common = (self._count.subtract_background, str(self._count.selection))
        table = described(_frame(sums, self._radii, common), self._source.database.identity, self._count.selection)
        return MaskWidths(table, [f"{key}: {text}" for key, text in left_out])


@dataclass(slots=True)
class _BandSums:
    """Sums over the images of a band; medians and errors have a row per image and a column per radius."""

    histograms: Histograms
    n_images: int = 0
    n_left_out: int = 0
    n: list[npt.NDArray[np.float64]] = field(default_factory=list)
    medians: list[list[float]] = field(default_factory=list)
    errors: list[npt.NDArray[np.float64]] = field(default_factory=list)

    @classmethod
    def empty(cls, n_radii: int) -> "_BandSums":
        return cls(np.zeros((n_radii, _N_BINS), np.int64))

    def add(self, image: ImageResiduals) -> None:
        """Add an image."""
        self.histograms = self.histograms + image.histograms
        self.n_images += 1
        n = image.histograms.sum(axis=1).astype(np.float64)
        self.n.append(n)
        self.medians.append([_quantile(counts, 0.5) for counts in image.histograms])
        # with fewer pixels the error is at least that of the pixels
        scatter = [(_quantile(counts, 0.84) - _quantile(counts, 0.16)) / 2 for counts in image.histograms]
        self.errors.append(np.fmax(image.error, _MEDIAN_ERROR * np.array(scatter) / np.sqrt(np.maximum(n, 1))))

    def error(self, radius: int) -> float:
        """Return the standard error of the median of all pixels at a radius; NaN without pixels."""
        if not self.n:
            return math.nan
        n, median, error = (np.array(each)[:, radius] for each in (self.n, self.medians, self.errors))
        used = (n > 0) & np.isfinite(median)
        n, median, error = n[used], median[used], error[used]
        if not n.size:
            return math.nan
        formal, between = float(((n * error) ** 2).sum()), 0.0
        if n.size > 1:
            mean = (n @ median) / n.sum()
            between = float(((n * (median - mean)) ** 2).sum()) * n.size / (n.size - 1)
        # the scatter between images has their errors in it
        return math.sqrt(max(formal, between)) / float(n.sum())


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


def _frame(sums: "Mapping[str, _BandSums]", radii: Sequence[float], common: tuple[bool, str]) -> "pd.DataFrame":
    import pandas as pd  # slow to import

    rows = []
    for band in sorted(sums):
        of_band = sums[band]
        for k, radius in enumerate(radii):
            counts = of_band.histograms[k]
            low, median, high = (_quantile(counts, fraction) for fraction in (0.16, 0.5, 0.84))
            numbers = (int(counts.sum()), median, of_band.error(k), (high - low) / 2)
            rows.append((band, radius, of_band.n_images, of_band.n_left_out, *numbers, *common))
    kinds = {"radius": "float64", "n_images": "int64", "n_left_out": "int64", "n": "int64"}
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
