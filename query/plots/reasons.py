"""Which reason a picture shows of each bad pixel."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...schema.bits import OWN_CUT, Criterion
from ...schema.criteria import Selection
from ..palette import CRITERION_COLOURS, OVER_IMAGE_COLOURS, OWN_CUT_COLOUR
from .masklike import MaskLike

__all__ = ["CRITERION_LABELS", "REASONS", "Reason", "reason_image"]

CRITERION_LABELS = {
    Criterion.SE_SEG: "SE object",
    Criterion.SE_WEIGHT: "SE weight",
    Criterion.SE_BMASK: "SE mask bit",
    Criterion.OFF_COADD: "off the coadd",
    Criterion.COADD_SEG: "coadd object",
    Criterion.COADD_WEIGHT: "coadd weight",
    Criterion.COADD_BMASK: "coadd mask bit",
}
"""The words of a criterion in legends."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a pixel is bad, as a picture shows it.

    Parameters
    ----------
    bit : int
        The bit of the criteria that says it.
    label : str
        The words in the legend.
    colour : str
        Hexadecimal RGB.
    over_image : str
        The same over an image in grey.
    """

    bit: int
    label: str
    colour: str
    over_image: str


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
"""Where several criteria fail the first of these is shown: what says most about the pixel comes first."""


def reason_image(mask: MaskLike, selection: Selection | None = None) -> npt.NDArray[np.uint8]:
    """Return what a picture shows at each pixel.

    Returns
    -------
    ndarray of uint8, shape (ny, nx)
        0 where the pixel is good, else 1 + the index in `REASONS` of the first reason that holds.
    """
    shown = np.zeros(1 << len(REASONS), np.uint8)
    for number in range(len(REASONS), 0, -1):
        shown[(np.arange(shown.size) & REASONS[number - 1].bit) != 0] = number
    return shown[mask.criteria(selection)]
