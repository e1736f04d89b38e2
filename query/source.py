"""The source of what is read: the database of a catalogue and the reader of its masks."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..schema.criteria import Criterion
from ..schema.database import Database, open_for_reading
from ..schema.masks.boundselection import BoundSelection
from ..schema.rows import MaskKey
from .filters import Filters
from .masks.mask import Mask
from .masks.reader import MaskReader, find_masks, read_mask, read_masks

__all__ = ["Source", "open_source"]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A catalogue, open for reading; whoever opened it closes it.

    Parameters
    ----------
    database : Database
        Its database.
    reader : MaskReader
        The reader of its masks.
    """

    database: Database
    reader: MaskReader

    def mask(self, key: MaskKey) -> Mask:
        """Return one mask; see `goodpix.Catalogue.mask`."""
        return read_mask(self.database, self.reader, key)

    def masks(self, filters: Mapping[str, Any], *, kind: str = "epoch") -> Iterator[Mask]:
        """Yield masks one at a time, by filters of their stored columns; see `goodpix.Catalogue.masks`."""
        return read_masks(self.database, self.reader, find_masks(self.database, kind, filters))

    def counted_masks(self, selection: BoundSelection, **filters: Any) -> Iterator[Mask]:
        """Yield the masks of epochs, file by file, that a map or an area is made of.

        Epochs without an SE segmentation map stay out, as they do of the views' sums, unless the
        selection ignores `SE_SEG`: nobody knows which of their pixels are in an object.

        Raises
        ------
        UnknownNameError, UsageError
            If a filter cannot be used, be there masks or none.
        """
        Filters.of(**filters)
        every = Criterion.SE_SEG in selection.selection.ignore
        for mask in self.masks(filters):
            if every or mask.row is None or mask.row["se_seg_used"]:
                yield mask


@contextmanager
def open_source(url: str | os.PathLike[str]) -> Iterator[Source]:
    """Open a catalogue read-only.

    Raises
    ------
    CatalogueError
        If there is no catalogue at the URL.
    CatalogueVersionError
        If it is of another version than this software reads.
    """
    with open_for_reading(url) as database:
        reader = MaskReader(database.root, database.identity.bit_names)
        try:
            yield Source(database, reader)
        finally:
            reader.close()
