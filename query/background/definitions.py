"""Comparison of definitions of good: pixels kept, residual level and scatter."""

from collections.abc import Mapping
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from ...schema.criteria import Selection
from ...schema.errors import UsageError
from ..source import Source
from .statistics import Measure, make_measure, sky_statistics

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DEFINITION_COLUMNS", "compare_definitions"]

DEFINITION_COLUMNS = {
    "definition": "name of the definition of good",
    "band": "filter band",
    "n_epochs": "epochs with a level",
    "n_left_out": "epochs without a level: no good pixels, or unusable files",
    "n": "good pixels of all epochs with usable files",
    "fraction": "n over all pixels of those epochs",
    "level": "mean of plane_level over the epochs",
    "level_error": "standard error of level, assuming independent pixels",
    "scatter": "standard deviation of plane_level from epoch to epoch; null for a single epoch",
    "noise_ratio": "median of noise_ratio over the epochs",
    "unit": "unit of the levels; null if epochs differ or the unit is unknown",
    "calibrated": "true if values are scaled to a zero point of 30 by the info file's scale",
    "bkg_subtracted": "true if the residual background map (bkg_path) was subtracted",
    "selection": "definition of good",
}
"""Columns of the table that `compare_definitions` returns, with their meaning."""

_STATISTICS = ("median", "gradient", "noise")


def compare_definitions(
    source: Source,
    definitions: Mapping[str, Selection | None],
    options: Mapping[str, bool],
    *,
    executor: Executor | None,
    workers: int,
    **filters: Any,
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
    return pd.DataFrame(summaries, columns=list(DEFINITION_COLUMNS))


def _summary(name: str, measure: Measure, band: str, rows: "pd.DataFrame") -> dict[str, Any]:
    """Return the row of one definition and band."""
    # an epoch with no good pixels by this definition still counts in the fraction
    usable, used = rows[rows["n"].notna()], rows[rows["plane_level"].notna()]
    n, n_pixels = int(usable["n"].sum()), int(usable["n_pixels"].sum())
    units = usable["unit"].unique().tolist()
    return {
        "definition": name,
        "band": band,
        "n_epochs": len(used),
        "n_left_out": len(rows) - len(used),
        "n": n,
        "fraction": n / n_pixels if n_pixels else float("nan"),
        "level": used["plane_level"].mean(),
        "level_error": (used["plane_level_error"] ** 2).sum() ** 0.5 / len(used) if len(used) else float("nan"),
        "scatter": used["plane_level"].std(),
        "noise_ratio": used["noise_ratio"].median(),
        "unit": units[0] if len(units) == 1 else None,
        "calibrated": measure.calibrated,
        "bkg_subtracted": measure.subtract_background,
        "selection": str(measure.selection),
    }
