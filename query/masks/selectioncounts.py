"""Pixel counts under a selection, from the runs of masks."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...schema.amplifiers import Amplifiers
from ...schema.columns import columns, values_of
from ...schema.counts import Counts, count
from ...schema.criteria import BoundSelection
from ...schema.errors import UsageError
from ...schema.views import IMAGE_AREA
from .mask import Mask
from .parallel import Mapped

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COUNT_COLUMNS", "Recount", "counts_of", "recounted"]

logger = logging.getLogger(__name__)

COUNT_COLUMNS = frozenset(each.name for each in columns(Counts)) | {IMAGE_AREA}
"""Columns that depend on the selection."""

# Good pixels in the unique region stay unknown, since runs do not record the region; its size needs no recount.
_UNCHANGED = ("n_unique",)


@dataclass(frozen=True, slots=True)
class Recount:
    """Function that counts the pixels of a mask under a selection.

    Parameters
    ----------
    selection : BoundSelection
        Selection to apply.
    """

    selection: BoundSelection

    def __call__(self, mask: Mask) -> dict[str, Any]:
        """Return the `COUNT_COLUMNS` of an epoch's mask; see `counts_of`."""
        return counts_of(mask.recut(self.selection))


def counts_of(mask: Mask) -> dict[str, Any]:
    """Return the `COUNT_COLUMNS` of an epoch's mask by name, possibly after `Mask.recut`.

    Raises
    ------
    UsageError
        If the mask is not that of an epoch in a catalogue.
    """
    row = mask.row
    if row is None or mask.key.kind != "epoch":
        raise UsageError(f"{mask.key}: expected the mask of an epoch in a catalogue")
    counts, _ = count(
        mask.encoded,
        amplifiers=Amplifiers.of_image(row, mask.shape),
        pixel_area=row["pixel_area"],
        unique=None,
        se_seg_used=row["se_seg_used"],
    )
    return values_of(counts) | {name: row[name] for name in _UNCHANGED}


def recounted(stored: "pd.DataFrame", found: Iterable[Mapped], selection: BoundSelection) -> "pd.DataFrame":
    """Replace the counts of epochs by those under a selection.

    Parameters
    ----------
    stored : DataFrame
        Epochs with their stored counts.
    found : iterable of Mapped
        Results of `Recount`.
    selection : BoundSelection
        Selection, recorded in a new column ``selection``.

    Returns
    -------
    DataFrame
        The same epochs. Counts are null, with a logged warning, where a mask could not be read;
        ``n_good_unique`` and ``good_area_images_unique``, which runs do not determine, are always null.
    """
    import pandas as pd  # slow to import

    key = ["tilename", "band", "expnum", "ccdnum"]
    rows = []
    for result in found:
        if result.error is not None:
            logger.warning("%s: not counted: %s", result.key, result.error)
        rows.append({name: getattr(result.key, name) for name in key} | (result.value or {}))
    names = [name for name in stored.columns if name in COUNT_COLUMNS]
    counts = pd.DataFrame(rows, columns=[*key, *names])
    epochs = stored.drop(columns=names).merge(counts, on=key, how="left")[list(stored.columns)]
    for column in columns(Counts):
        if column.name in names:
            values = epochs[column.name]
            if column.kind is float:
                epochs[column.name] = values.astype("float64")
            else:
                epochs[column.name] = values.astype("Int64") if values.isna().any() else values.astype("int64")
    if IMAGE_AREA in names:
        epochs[IMAGE_AREA] = epochs["area_good_unique"]
    return epochs.assign(selection=str(selection))
