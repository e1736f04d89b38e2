"""Comparison of definitions of good: pixels kept, residual level and scatter."""

import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import numpy.typing as npt

from ...schema.criteria import Selection
from ...schema.errors import UsageError
from ..filters import FilterKeywords
from ..provenance import described
from ..source import Source
from .skyrow import StatisticName
from .statistics import Measure, make_measure, sky_statistics

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DEFINITION_COLUMNS", "Combined", "combine", "compare_definitions"]

Floats = npt.NDArray[np.float64]

logger = logging.getLogger(__name__)

DEFINITION_COLUMNS = {
    "definition": "name of the definition of good",
    "band": "filter band",
    "n_images": "images with a plane_level",
    "n_left_out": "images without one: too few good pixels, none around the middle, or unusable files",
    "n": "good pixels of all images with usable files",
    "fraction": "n over all pixels of those images",
    "level": "mean of plane_level over the images, weighted by formal error and scatter between images in quadrature",
    "level_error": "standard error of level, with both of these",
    "scatter": "standard deviation of plane_level between images beyond their errors; null for a single image",
    "noise_ratio": "median of noise_ratio over the images",
    "unit": "unit of the levels; null if images differ or the unit is unknown",
    "zero_point": "magnitude zero point of the levels; null if images differ or it is unknown",
    "calibrated": "true if values are scaled to a zero point of 30 by the info file's scale",
    "bkg_subtracted": "true if the residual background map (bkg_path) was subtracted",
    "selection": "definition of good",
}
"""Columns of the table that `compare_definitions` returns, with their meaning."""

_STATISTICS: tuple[StatisticName, ...] = ("median", "gradient", "noise")

_BISECTIONS = 200


def compare_definitions(
    source: Source,
    definitions: Mapping[str, Selection | None],
    options: Mapping[str, Any],
    *,
    executor: Executor | None,
    workers: int,
    **filters: Unpack[FilterKeywords],
) -> "pd.DataFrame":
    """Compare definitions of good; see `goodpix.Catalogue.compare_definitions`."""
    import pandas as pd  # slow to import

    if not isinstance(definitions, Mapping):
        raise UsageError(f"definitions is {definitions!r}: expected a mapping of names to selections")
    if not definitions:
        raise UsageError("definitions is empty: expected a mapping of names to selections")
    measures = {
        name: make_measure(source, selection, statistics=_STATISTICS, **options)
        for name, selection in definitions.items()
    }
    summaries = []
    for name, measure in measures.items():
        rows = sky_statistics(source, measure, executor=executor, workers=workers, **filters)
        summaries += [_summary(name, measure, str(band), of_band) for band, of_band in rows.groupby("band")]
    for line in _apart(summaries):
        logger.warning("%s", line)
    return described(pd.DataFrame(summaries, columns=list(DEFINITION_COLUMNS)), source.database.identity, "")


def _summary(name: str, measure: Measure, band: str, rows: "pd.DataFrame") -> dict[str, Any]:
    """Return the row of one definition and band."""
    # an image with no good pixels by this definition still counts in the fraction
    usable, used = rows[rows["n"].notna()], rows[rows["plane_level"].notna()]
    n, n_pixels = int(usable["n"].sum()), int(usable["n_pixels"].sum())
    units, zero_points = (usable[column].unique().tolist() for column in ("unit", "zero_point"))
    combined = combine(*(used[column].to_numpy(np.float64) for column in ("plane_level", "plane_level_error")))
    return {
        "definition": name,
        "band": band,
        "n_images": len(used),
        "n_left_out": len(rows) - len(used),
        "n": n,
        "fraction": n / n_pixels if n_pixels else float("nan"),
        "level": combined.level,
        "level_error": combined.error,
        "scatter": combined.scatter,
        "noise_ratio": used["noise_ratio"].median(),
        "unit": units[0] if len(units) == 1 else None,
        "zero_point": zero_points[0] if len(zero_points) == 1 else float("nan"),
        "calibrated": measure.calibrated,
        "bkg_subtracted": measure.subtract_background,
        "selection": str(measure.selection),
    }


def _apart(summaries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for the bands whose images are not on one zero point."""
    bands = {each["band"] for each in summaries if each["n_images"] > 1 and math.isnan(each["zero_point"])}
    if bands:
        yield (
            f"band {', '.join(sorted(bands))}: the images have different zero points, or unknown ones, so each level "
            "is in the unit of its own image: calibrated=True brings them to one"
        )


@dataclass(frozen=True, slots=True)
class Combined:
    """Mean level of images.

    Parameters
    ----------
    level, error : float
        The mean and its standard error; NaN without images.
    scatter : float
        Standard deviation between images beyond their errors; NaN with fewer than two images.
    """

    level: float
    error: float
    scatter: float


def combine(levels: Floats, errors: Floats) -> Combined:
    """Return the mean of levels, weighted by formal error and scatter between images in quadrature.

    Parameters
    ----------
    levels, errors : ndarray of float64, shape (n,)
        Levels of images and their standard errors.

    Notes
    -----
    The scatter is that of Paule & Mandel (1982, J. Res. NBS 87, 377): with it the weighted sum of squares about the
    mean equals n - 1. It is 0 where the errors alone explain the differences.
    """
    if not levels.size:
        return Combined(float("nan"), float("nan"), float("nan"))
    # exact images have an error too, however small, so that weights are finite
    smallest = 1e-9 * max(float(np.abs(levels).max()), float(errors.max()), 1e-300)
    variances = np.maximum(errors, smallest) ** 2
    between = _between(levels, variances)
    level, error = _weighted(levels, variances + between)
    return Combined(level, error, float(np.sqrt(between)) if levels.size > 1 else float("nan"))


def _between(levels: Floats, variances: Floats) -> float:
    """Return the variance between images."""

    def excess(between: float) -> float:
        mean, _ = _weighted(levels, variances + between)
        return float(((levels - mean) ** 2 / (variances + between)).sum()) - (levels.size - 1)

    if levels.size < 2 or excess(0.0) <= 0:
        return 0.0
    low, high = 0.0, float(((levels - levels.mean()) ** 2).sum()) + float(variances.max())
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return high


def _weighted(levels: Floats, variances: Floats) -> tuple[float, float]:
    """Return the weighted mean and its standard error."""
    weights = 1 / variances
    total = float(weights.sum())
    return float(weights @ levels) / total, total**-0.5
