"""Counts by another definition of good, from the runs."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...schema.amplifiers import Amplifiers
from ...schema.columns import columns, values_of
from ...schema.counts import Counts, count
from ...schema.errors import UsageError
from ...schema.masks.boundselection import BoundSelection
from .mask import Mask
from .parallel import Mapped

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COUNT_COLUMNS", "Recount", "counts_of", "recounted"]

logger = logging.getLogger(__name__)

COUNT_COLUMNS = frozenset(each.name for each in columns(Counts))
"""Columns that another definition of good can change."""

# The runs do not say which pixels lie in the tile's unique region; how many do is no matter of definition.
_NOT_KNOWN = ("n_good_unique", "area_good_unique")
_THE_SAME = ("n_unique",)


@dataclass(frozen=True, slots=True)
class Recount:
    """The counts of a mask by a definition of good.

    Parameters
    ----------
    selection : BoundSelection
        The definition.
    """

    selection: BoundSelection

    def __call__(self, mask: Mask) -> dict[str, Any]:
        """Return the columns of `COUNT_COLUMNS` of an epoch's mask, by name.

        Raises
        ------
        UsageError
            If the mask is not an epoch's of a catalogue.
        """
        return counts_of(mask.recut(self.selection))


def counts_of(mask: Mask) -> dict[str, Any]:
    """Return the columns of `COUNT_COLUMNS` of an epoch's mask, which may have been recut, by name.

    Raises
    ------
    UsageError
        If the mask is not an epoch's of a catalogue.
    """
    row = mask.row
    if row is None or mask.key.kind != "epoch":
        raise UsageError(f"{mask.key}: expected the mask of an epoch of a catalogue")
    counts, _ = count(
        mask.encoded,
        amplifiers=Amplifiers.of(row["dataseca"], row["datasecb"], mask.shape),
        pixel_area=row["pixel_area"],
        unique=None,
        se_seg_used=row["se_seg_used"],
    )
    return values_of(counts) | {name: row[name] for name in _THE_SAME}


def recounted(stored: "pd.DataFrame", found: Iterable[Mapped], selection: BoundSelection) -> "pd.DataFrame":
    """Return epochs with the counts of another definition of good.

    Parameters
    ----------
    stored : DataFrame
        The epochs with their stored counts.
    found : iterable of Mapped
        What `Recount` found for each.
    selection : BoundSelection
        The definition, named in a column ``selection`` of the result.

    Returns
    -------
    DataFrame
        The same epochs; counts are null where a mask could not be read, which is logged. What the runs
        do not tell, `n_good_unique` and `area_good_unique`, is null.
    """
    import pandas as pd  # slow to import

    key = ["tilename", "band", "expnum", "ccdnum"]
    rows = []
    for each in found:
        if each.error is not None:
            logger.warning("%s: not counted: %s", each.key, each.error)
        rows.append({name: getattr(each.key, name) for name in key} | (each.value or {}))
    names = [name for name in stored.columns if name in COUNT_COLUMNS]
    counts = pd.DataFrame(rows, columns=[*key, *names])
    kept = stored.drop(columns=names).merge(counts, on=key, how="left")[list(stored.columns)]
    for column in columns(Counts):
        if column.name in names:
            values = kept[column.name]
            if column.kind is float:
                kept[column.name] = values.astype("float64")
            else:
                kept[column.name] = values.astype("Int64") if values.isna().any() else values.astype("int64")
    return kept.assign(selection=str(selection))
