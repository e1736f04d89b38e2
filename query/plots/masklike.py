"""Interface of a mask that can be drawn."""

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
    """A mask that can be drawn, such as `goodpix.query.masks.mask.Mask`."""

    @property
    def key(self) -> MaskKey:
        """The identity of the masked image."""

    @property
    def encoded(self) -> Runs:
        """The mask's runs."""

    @property
    def row(self) -> Mapping[str, Any] | None:
        """The mask's catalogue row, by column."""

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""

    @property
    def place(self) -> Region:
        """The region of the whole image that the mask covers."""

    def criteria(self, selection: Selection | None = None) -> npt.NDArray[np.uint8]:
        """Return the failing criteria of each pixel."""

    def count(self, selection: Selection | None = None) -> int:
        """Return the number of good pixels."""
