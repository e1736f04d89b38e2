"""The source of all queries: the database of a catalogue and the reader of its masks."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Unpack

from ..schema.criteria import AnySelection, BoundSelection, Criterion
from ..schema.database import Database, open_for_reading
from ..schema.rows import MaskKey
from .filters import FilterKeywords, Filters
from .masks.mask import Mask
from .masks.reader import Kind, MaskReader, find_masks, read_mask, read_masks
from .namedselections import unmatched_exclusions

__all__ = ["Source", "open_source"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A catalogue open for reading, closed by whoever opened it.

    Parameters
    ----------
    database : Database
        Database of the catalogue.
    reader : MaskReader
        Reader of its masks.
    """

    database: Database
    reader: MaskReader

    def bound(self, selection: AnySelection) -> BoundSelection:
        """Return a selection bound to the catalogue; warn of each exclusion that matches nothing in it.

        Raises
        ------
        UnknownNameError, UsageError
            If the selection cannot be used.
        """
        bound = BoundSelection.of(selection, self.database.identity.bit_names)
        for line in unmatched_exclusions(self.database, bound.selection):
            logger.warning("%s", line)
        return bound

    def mask(self, key: MaskKey) -> Mask:
        """Return one mask; see `goodpix.Catalogue.mask`."""
        return read_mask(self.database, self.reader, key)

    def masks(self, filters: Mapping[str, Any], *, kind: Kind = "epoch") -> Iterator[Mask]:
        """Yield masks one at a time, filtered by their stored columns; see `goodpix.Catalogue.masks`."""
        return read_masks(self.database, self.reader, find_masks(self.database, kind, filters))

    def counted_masks(self, selection: BoundSelection, **filters: Unpack[FilterKeywords]) -> Iterator[Mask]:
        """Yield the epoch masks that contribute to a map or an area, file by file.

        Epochs without an SE segmentation map are excluded, as from the sums in views, because their
        objects are unknown, unless the selection ignores `SE_SEG`; and so are those whose WCS the pipeline does not
        vouch for, unless ``any_wcs`` is set.

        Raises
        ------
        UnknownNameError, UsageError
            If a filter is invalid, even when there are no masks.
        """
        wanted = Filters.of(**filters)
        seg_ignored = Criterion.SE_SEG in selection.selection.ignore
        for mask in self.masks(filters):
            row = mask.row or {}
            if wanted.places(row) and (seg_ignored or row.get("se_seg_used", True)):
                yield mask


@contextmanager
def open_source(url: str | os.PathLike[str]) -> Iterator[Source]:
    """Open a catalogue read-only.

    Raises
    ------
    CatalogueError
        If there is no catalogue at the URL.
    CatalogueVersionError
        If this software does not read the catalogue's version.
    """
    with open_for_reading(url) as database:
        reader = MaskReader(database.root, database.identity)
        try:
            yield Source(database, reader)
        finally:
            reader.close()
