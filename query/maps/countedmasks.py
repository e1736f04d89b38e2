"""The masks that a sum over epochs counts."""

from collections.abc import Iterator
from typing import Any

from ...schema.criteria import Criterion, Selection
from ..filters import Filters
from ..masks.mask import Mask
from ..source import Source

__all__ = ["counted_masks"]


def counted_masks(source: Source, selection: Selection | None, **filters: Any) -> Iterator[Mask]:
    """Yield the masks of epochs, file by file, that a map or an area is made of.

    Epochs without an SE segmentation map stay out, as they do of the views' sums, unless the
    selection ignores `SE_SEG`: nobody knows which of their pixels are in an object.

    Parameters
    ----------
    source : Source
        Where they are.
    selection : Selection or None
        The definition of good.
    **filters
        See `goodpix.Catalogue.epochs`.

    Raises
    ------
    UnknownNameError, UsageError
        If the selection or a filter cannot be used, be there masks or none.
    """
    Filters.of(**filters)
    wanted = Selection.of(selection)
    wanted.reject(source.database.identity.bit_names)
    wanted.growths(source.database.identity.bit_names)
    every = Criterion.SE_SEG in wanted.ignore
    for mask in source.masks(filters):
        if every or mask.row is None or mask.row["se_seg_used"]:
            yield mask
