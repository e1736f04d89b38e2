"""The colours of every picture of a catalogue, on paper and on screen.

They can be told apart with any kind of colour blindness: the single ones are those of Okabe & Ito (2008), some of
them darker; the lightness of `SEQUENTIAL` rises from end to end, and that of `DIVERGING` falls from its middle.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ..schema.criteria import Criterion

__all__ = [
    "BAND_COLOURS",
    "CRITERION_COLOURS",
    "DIVERGING",
    "GOOD_COLOUR",
    "NO_DATA_COLOUR",
    "OUTLIER_COLOUR",
    "OVER_IMAGE_COLOURS",
    "OWN_CUT_COLOUR",
    "SEQUENTIAL",
    "TEXT_COLOUR",
    "band_colour",
    "in_band_order",
]

CRITERION_COLOURS: Mapping[Criterion, str] = MappingProxyType(
    {
        Criterion.SE_SEG: "#0072b2",
        Criterion.SE_WEIGHT: "#000000",
        Criterion.SE_BMASK: "#d55e00",
        Criterion.OFF_COADD: "#bbbbbb",
        Criterion.COADD_SEG: "#56b4e9",
        Criterion.COADD_WEIGHT: "#e69f00",
        Criterion.COADD_BMASK: "#cc79a7",
    }
)
"""What each criterion is shown in: hexadecimal RGB, as everything here."""

OVER_IMAGE_COLOURS: Mapping[Criterion, str] = MappingProxyType(
    {**CRITERION_COLOURS, Criterion.SE_WEIGHT: "#ffff00", Criterion.OFF_COADD: "#8000e0"}
)
"""What each criterion is shown in over an image, where black and grey would be taken for sky."""

GOOD_COLOUR = "#ffffff"
"""Good pixels."""

OWN_CUT_COLOUR = "#009e73"
"""Pixels that a border or a cut of one's own leaves out."""

NO_DATA_COLOUR = "#d9d9d9"
"""Where there is nothing, which is not zero; with `TEXT_COLOUR` lines across where a picture can."""

OUTLIER_COLOUR = "#d55e00"
"""The edge of what is far from the others."""

TEXT_COLOUR = "#333333"
"""Text, axes and the lines of empty places."""

BAND_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "u": "#7e0ad0",
        "g": "#0a95c0",
        "r": "#d55e00",
        "i": "#105d3c",
        "z": "#72085c",
        "Y": "#000000",
    }
)
"""What each band is shown in; see `band_colour` for others."""

_OTHER_BANDS = ("#8c6d00", "#5b6a7a", "#3d8fa6")

SEQUENTIAL = (
    "#440154",
    "#482878",
    "#3e4989",
    "#31688e",
    "#26828e",
    "#1f9e89",
    "#35b779",
    "#6ece58",
    "#b5de2b",
    "#fde725",
)
"""From low to high: matplotlib's viridis, in ten steps to interpolate between."""

DIVERGING = (
    "#003c66",
    "#0072b2",
    "#57a3d1",
    "#a9cfe6",
    "#f2f2f2",
    "#f2c9a6",
    "#e69552",
    "#c85a00",
    "#6e3000",
)
"""From far below to far above the middle, in nine steps to interpolate between."""


def band_colour(band: str) -> str:
    """Return what a band is shown in; one without a colour of its own always gets the same."""
    return BAND_COLOURS.get(band) or _OTHER_BANDS[sum(band.encode()) % len(_OTHER_BANDS)]


def in_band_order(bands: Iterable[str]) -> list[str]:
    """Return bands, each once, from the bluest to the reddest; those that are not known come last."""
    known = list(BAND_COLOURS)
    return sorted(set(bands), key=lambda band: (known.index(band) if band in known else len(known), band))
