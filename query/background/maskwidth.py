"""Whether a mask is wide enough: what is left of objects around them, against the radius by which the mask is grown."""

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

from ...schema.criteria import Criterion, Selection
from ...schema.errors import FitsFileError, PlaneError, UsageError
from ...schema.jit import kernel
from ...schema.masks.boundselection import BoundSelection
from ...schema.masks.dilation import squared_distance
from ...schema.masks.rle import decode_good
from ...schema.planes.reader import PlaneReader
from ..masks.mask import Mask
from ..masks.parallel import Mapped, map_masks
from ..masks.reader import find_masks
from ..source import Source
from .epochplanes import EpochFiles, GoodRows, floats

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["WIDTH_COLUMNS", "MaskWidths", "WidthStudy"]

logger = logging.getLogger(__name__)

WIDTH_COLUMNS = {
    "band": "filter band",
    "radius": "pixels by which the criteria are grown",
    "n_epochs": "epochs that the numbers are of",
    "n_left_out": "epochs that could not be used: no background or skysigma, say",
    "n": "good pixels",
    "median": "median over them of image / skysigma, or of (image - background) / skysigma",
    "median_error": "its standard error, as if pixels were independent",
    "scatter": "half the distance from the 16th to the 84th percentile",
    "bkg_subtracted": "whether the residual background of bkg_path was subtracted here",
    "selection": "the definition of good before anything is grown",
}
"""Columns of what `goodpix.Catalogue.mask_width` returns, with their meaning."""

# Residuals are counted in bins of this width and out to this distance, in units of skysigma.
_BIN, _FURTHEST = 0.005, 6.0
_N_BINS = 2 + 2 * round(_FURTHEST / _BIN)

_LARGEST = 1000.0

# standard error of a normal distribution's median over that of its mean
_MEDIAN_ERROR = math.sqrt(math.pi / 2)

Histograms = npt.NDArray[np.int64]
"""Residuals of good pixels for each radius; shape (n_radii, _N_BINS)."""


@dataclass(frozen=True, slots=True)
class _CountResiduals:
    """The residuals of an epoch's good pixels for each radius, as a function of its mask."""

    files: EpochFiles
    selection: BoundSelection
    objects: int
    """The flags bits that are grown."""
    radii: tuple[float, ...]
    subtract_background: bool

    def __call__(self, mask: Mask) -> Histograms:
        row = mask.row or {}
        sigma = row.get("skysigma")
        if sigma is None or not sigma > 0:
            raise PlaneError(f"{mask.key}: skysigma is {sigma}: expected a positive number in the image's header")
        if not (row.get("se_seg_used") or Criterion.SE_SEG in self.selection.selection.ignore):
            raise FitsFileError(f"{mask.key}: there is no SE segmentation map, which tells where objects are")
        good = mask.good(self.selection)
        rows = GoodRows.of(good)
        with PlaneReader() as reader:
            planes = self.files.planes(mask, reader)
            residual = floats(planes.read("image", rows, subtract_background=self.subtract_background))
        part = slice(rows.start, rows.stop)
        # what is further away has the square of this and one more: beyond every radius
        reach = math.ceil(self.radii[-1])
        distance = squared_distance(~decode_good(mask.encoded, self.objects), reach)
        # of each squared distance, for how many radii a pixel is not reached
        squares = np.arange(reach**2 + 2)
        n_good_for = np.searchsorted(np.square(self.radii), squares).astype(np.int64)
        counts = np.zeros((len(self.radii) + 1, _N_BINS), np.int64)
        _count(np.ascontiguousarray(residual.T), good.T[:, part], distance.T[:, part], n_good_for, float(sigma), counts)
        # a pixel that is good for k radii is so for the first k
        found: Histograms = counts[:0:-1].cumsum(axis=0)[::-1]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class MaskWidths:
    """What a study found.

    Parameters
    ----------
    table : DataFrame
        See `goodpix.Catalogue.mask_width`.
    left_out : list of str
        Of each epoch that could not be used, why.
    """

    table: "pd.DataFrame"
    left_out: list[str]


class WidthStudy:
    """What is asked about the width of masks; the parameters are those of `goodpix.Catalogue.mask_width`."""

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
        wanted = BoundSelection.of(selection, source.database.identity.bit_names)
        self._radii = _check_radii(radii)
        objects = _grown_bits((grow,) if isinstance(grow, str) else tuple(grow), wanted)
        files = EpochFiles.of(source, allow_changed=allow_changed)
        self._source = source
        self._count = _CountResiduals(files, wanted, objects, self._radii, subtract_background)

    def counted(
        self, filters: Mapping[str, Any], *, executor: Executor | None = None, workers: int = 1
    ) -> Iterator[Mapped]:
        """Yield the residuals of epochs, or why there are none, each as it comes."""
        places = find_masks(self._source.database, "epoch", filters)
        return map_masks(self._count, places, self._source.database, executor=executor, workers=workers)

    def summed(self, counted: Iterable[Mapped]) -> MaskWidths:
        """Return what the residuals of epochs say together."""
        sums: dict[str, Histograms] = {}
        n_epochs: dict[str, list[int]] = {}
        left_out = []
        for each in counted:
            band = each.key.band
            numbers = n_epochs.setdefault(band, [0, 0])
            numbers[each.error is not None] += 1
            if each.error is not None:
                left_out.append(f"{each.key}: {each.error}")
                logger.warning("left out: %s", left_out[-1])
                continue
            sums[band] = sums.get(band, 0) + each.value
        common = (self._count.subtract_background, str(self._count.selection))
        return MaskWidths(_frame(sums, n_epochs, self._radii, common), left_out)


def _grown_bits(names: Sequence[str], wanted: BoundSelection) -> int:
    """Return the flags bits that are grown; refuse what cannot be, or is already."""
    if not names:
        raise UsageError("grow is empty: expected one or more criteria or bits, such as COADD_SEG")
    alone = replace(wanted.selection, grow=dict.fromkeys(names, 1.0))
    growths = BoundSelection(alone, wanted.bit_names).growths
    twice = sorted(set(alone.grow) & set(wanted.selection.grow))
    if twice:
        raise UsageError(f"{twice[0]} grows already in the selection {wanted}: expected it in one of the two")
    return functools.reduce(operator.or_, (each.bits for each in growths))


def _check_radii(radii: Iterable[float]) -> tuple[float, ...]:
    """Return radii in order, each once."""
    try:
        found = sorted({float(each) for each in radii})
    except (TypeError, ValueError):
        raise UsageError(f"radii are {radii!r}: expected numbers of pixels") from None
    if not found or not 0 <= found[0] <= found[-1] <= _LARGEST:
        raise UsageError(f"radii are {found}: expected pixels, 0 to {_LARGEST:g}")
    return tuple(found)


def _frame(
    sums: Mapping[str, Histograms],
    n_epochs: Mapping[str, Sequence[int]],
    radii: Sequence[float],
    common: tuple[bool, str],
) -> "pd.DataFrame":
    import pandas as pd  # slow to import

    rows = []
    for band in sorted(n_epochs):
        nothing = np.zeros((len(radii), _N_BINS), np.int64)
        for radius, counts in zip(radii, sums.get(band, nothing), strict=True):
            n = int(counts.sum())
            low, middle, high = (_quantile(counts, part) for part in (0.16, 0.5, 0.84))
            scatter = (high - low) / 2
            error = _MEDIAN_ERROR * scatter / math.sqrt(n) if n else math.nan
            rows.append((band, radius, *n_epochs[band], n, middle, error, scatter, *common))
    kinds = {"radius": "float64", "n_epochs": "int64", "n_left_out": "int64", "n": "int64"}
    kinds |= dict.fromkeys(("median", "median_error", "scatter"), "float64") | {"band": "str", "selection": "str"}
    kinds |= {"bkg_subtracted": "bool"}
    return pd.DataFrame(rows, columns=list(WIDTH_COLUMNS)).astype(kinds)


def _quantile(counts: npt.NDArray[np.int64], part: float) -> float:
    """Return a quantile of counted residuals, interpolated within its bin; NaN beyond the bins."""
    up_to = np.cumsum(counts)
    if not up_to[-1]:
        return math.nan
    wanted = part * up_to[-1]
    k = int(np.searchsorted(up_to, wanted))
    if k in (0, _N_BINS - 1):
        return math.nan
    inside = (wanted - up_to[k - 1]) / counts[k]
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
    """Count residuals of good pixels in bins, by the number of radii for which they are good; all column-major."""
    nx, ny = residual.shape
    for x in range(nx):
        for y in range(ny):
            value = residual[x, y]
            if good[x, y] and abs(value) < np.inf:
                place = math.floor((value / sigma + _FURTHEST) / _BIN) + 1
                counts[n_good_for[distance[x, y]], min(max(place, 0), _N_BINS - 1)] += 1
