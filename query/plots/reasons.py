"""Reasons for bad pixels, as plots show them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from ...schema.bits import OWN_CUT, Criterion
from ...schema.criteria import Selection
from ...schema.masks.rle import Runs
from ...schema.rows import MaskKey
from ..palette import CRITERION_COLOURS, OVER_IMAGE_COLOURS, OWN_CUT_COLOUR

__all__ = ["CRITERION_LABELS", "REASONS", "MaskLike", "Reason", "reason_image", "reason_table"]

CRITERION_LABELS = {
    Criterion.SE_SEG: "SE object",
    Criterion.SE_WEIGHT: "SE weight",
    Criterion.SE_BMASK: "SE mask bit",
    Criterion.OFF_COADD: "off the coadd",
    Criterion.COADD_SEG: "coadd object",
    Criterion.COADD_WEIGHT: "coadd weight",
    Criterion.COADD_BMASK: "coadd mask bit",
}
"""Legend labels of the criteria."""


class MaskLike(Protocol):
    """A mask that can be drawn, such as `goodpix.query.masks.mask.Mask`."""

    @property
    def key(self) -> MaskKey:
        """The identity of the masked image."""

    @property
    def formula(self) -> str:
        """What a combined mask is made of; else empty."""

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


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason for a bad pixel, as plots show it.

    Parameters
    ----------
    bit : int
        Its bit among the criteria.
    label : str
        Legend label.
    colour : str
        Hexadecimal RGB.
    over_image : str
        Hexadecimal RGB used over a grey image.
    """

    bit: int
    label: str
    colour: str
    over_image: str

    @property
    def name(self) -> str:
        """The label as one word."""
        return self.label.replace(" ", "-")

    def shown(self, *, over_image: bool) -> str:
        """Return its colour on white, or over an image in grey.

        Examples
        --------
        >>> from goodpix.query.plots import REASONS
        >>> REASONS[0].shown(over_image=False) == REASONS[0].colour
        True
        """
        return self.over_image if over_image else self.colour


_ORDER = (
    Criterion.OFF_COADD,
    Criterion.SE_BMASK,
    Criterion.SE_WEIGHT,
    Criterion.SE_SEG,
    Criterion.COADD_BMASK,
    Criterion.COADD_WEIGHT,
    Criterion.COADD_SEG,
)

REASONS = (
    Reason(OWN_CUT, "border or own cut", OWN_CUT_COLOUR, OWN_CUT_COLOUR),
    *(Reason(each, CRITERION_LABELS[each], CRITERION_COLOURS[each], OVER_IMAGE_COLOURS[each]) for each in _ORDER),
)
"""Reasons in order of precedence: where several criteria fail, plots show the first, which is the most informative."""


def reason_table(hidden: Collection[str] = ()) -> npt.NDArray[np.uint8]:
    """Return the code drawn for each combination of criteria: 0 for good, else 1 + the index in `REASONS`.

    Parameters
    ----------
    hidden : collection of str
        Names of reasons that are not shown; the next that holds is.

    Returns
    -------
    ndarray of uint8, shape (256,)
        At most the number of `REASONS`.
    """
    combinations = np.arange(1 << len(REASONS))
    shown = np.zeros(combinations.size, np.uint8)
    for number, reason in reversed(list(enumerate(REASONS, 1))):
        if reason.name not in hidden:
            shown[(combinations & int(reason.bit)) != 0] = number
    return shown


def reason_image(mask: MaskLike, selection: Selection | None = None) -> npt.NDArray[np.uint8]:
    """Return the reason that plots show at each pixel.

    Returns
    -------
    ndarray of uint8, shape (ny, nx)
        0 where the pixel is good, else 1 + the index in `REASONS` of the first reason that applies.

    Examples
    --------
    >>> reason_image(mask).shape == mask.shape
    True
    """
    return reason_table()[mask.criteria(selection)]
