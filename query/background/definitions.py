"""What definitions of good leave, and what they do to the residual level."""

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
    "n_left_out": "epochs without: no good pixels, or files that could not be used",
    "n": "good pixels of all epochs whose files can be used",
    "fraction": "n over all pixels of those",
    "level": "mean of plane_level over the epochs",
    "level_error": "its standard error, as if pixels were independent",
    "scatter": "standard deviation of plane_level from epoch to epoch; null for a single one",
    "noise_ratio": "median of noise_ratio over the epochs",
    "unit": "unit of the levels; null where epochs differ or it is not known",
    "calibrated": "whether values are multiplied by the info file's scale, to a zero point of 30",
    "bkg_subtracted": "whether the residual background of bkg_path was subtracted here",
    "selection": "the definition of good",
}
"""Columns of what `compare_definitions` returns, with their meaning."""

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
    """Return what each definition of good leaves; see `goodpix.Catalogue.compare_definitions`."""
    import pandas as pd  # slow to import

    if not definitions:
        raise UsageError("definitions is empty: expected selections by name")
    measures = {
        name: make_measure(source, selection, statistics=_STATISTICS, **options)
        for name, selection in definitions.items()
    }
    found = []
    for name, measure in measures.items():
        rows = sky_statistics(source, measure, executor=executor, workers=workers, **filters)
        found += [_summary(name, measure, str(band), part) for band, part in rows.groupby("band")]
    return pd.DataFrame(found, columns=list(DEFINITION_COLUMNS))


def _summary(name: str, measure: Measure, band: str, rows: "pd.DataFrame") -> dict[str, Any]:
    """Return the numbers of one definition and band."""
    # a definition may leave nothing of an epoch, which counts as well
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
