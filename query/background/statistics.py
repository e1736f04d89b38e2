"""Sky statistics of many epochs."""

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from ...schema.criteria import Selection
from ...schema.database import Database
from ..masks.parallel import map_masks
from ..masks.reader import MaskPlace, find_masks
from .epochplanes import EpochSource
from .measure import Measure, Row
from .parts import Box, check_box
from .skyrow import check_statistics, in_order, sky_frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["make_measure", "measure_epochs", "sky_statistics"]

logger = logging.getLogger(__name__)


def make_measure(
    database: Database,
    selection: Selection | None = None,
    *,
    box: Box = None,
    amplifiers: bool = False,
    statistics: Iterable[str] | None = None,
    subtract_background: bool = False,
    calibrated: bool = False,
    allow_changed: bool = False,
) -> Measure:
    """Return what measures the epochs of a catalogue; see `sky_statistics`.

    Raises
    ------
    UnknownNameError, UsageError
        If the selection, the box or a statistic cannot be used.
    """
    wanted = Selection.of(selection)
    wanted.reject(database.identity.bit_names)
    wanted.growths(database.identity.bit_names)
    return Measure(
        source=EpochSource.of(database, allow_changed=allow_changed),
        selection=wanted,
        box=check_box(box, amplifiers=amplifiers),
        amplifiers=amplifiers,
        statistics=check_statistics(statistics),
        subtract_background=subtract_background,
        calibrated=calibrated,
    )


def measure_epochs(
    database: Database,
    measure: Measure,
    places: Iterable[MaskPlace],
    *,
    executor: Executor | None = None,
    workers: int = 1,
) -> Iterator[list[Row]]:
    """Yield the rows of each epoch as they come, with a warning for each that cannot be used."""
    for each in map_masks(measure, places, database, executor=executor, workers=workers):
        rows: list[Row] = each.value if each.error is None else [measure.problem(each.key, each.error)]
        if rows[0]["problem"] is not None:
            logger.warning("%s: %s", each.key, rows[0]["problem"])
        yield rows


def sky_statistics(
    database: Database, measure: Measure, *, executor: Executor | None, workers: int, **filters: Any
) -> "pd.DataFrame":
    """Return the sky statistics of epochs over their good pixels; see `goodpix.Catalogue.background`."""
    places = find_masks(database, "epoch", filters)
    found = measure_epochs(database, measure, places, executor=executor, workers=workers)
    return sky_frame(in_order(row for rows in found for row in rows), measure.statistics)
