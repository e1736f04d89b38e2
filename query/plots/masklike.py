"""A mask as pictures see it."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from ...schema.criteria import Selection
from ...schema.masks.rle import Runs
from ...schema.rows import MaskKey

__all__ = ["MaskLike"]


class MaskLike(Protocol):
    """A mask that can be drawn; a `goodpix.query.masks.mask.Mask` is one, and hands on to what draws it."""

    @property
    def key(self) -> MaskKey:
        """What it is the mask of."""

    @property
    def encoded(self) -> Runs:
        """Its runs."""

    @property
    def row(self) -> Mapping[str, Any] | None:
        """The catalogue's row of it, by column."""

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""

    @property
    def place(self) -> Region:
        """Where its pixels are in the whole image."""

    def criteria(self, selection: Selection | None = None) -> npt.NDArray[np.uint8]:
        """Return which criteria fail at each pixel."""

    def count(self, selection: Selection | None = None) -> int:
        """Return how many pixels are good."""
