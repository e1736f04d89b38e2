"""Colours of all plots and dashboard pages.

They can be distinguished with any kind of colour blindness: individual colours are those of Okabe & Ito (2008), some
darkened; the lightness of `SEQUENTIAL` rises from end to end, and that of `DIVERGING` falls from its middle.
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
"""Colour of each criterion, in hexadecimal RGB like all colours here."""

OVER_IMAGE_COLOURS: Mapping[Criterion, str] = MappingProxyType(
    {**CRITERION_COLOURS, Criterion.SE_WEIGHT: "#ffff00", Criterion.OFF_COADD: "#8000e0"}
)
"""Colour of each criterion over an image, where black and grey would be mistaken for sky."""

GOOD_COLOUR = "#ffffff"
"""Colour of good pixels."""

OWN_CUT_COLOUR = "#009e73"
"""Colour of pixels excluded by a border or a user's own cut."""

NO_DATA_COLOUR = "#d9d9d9"
"""Colour of missing data, as opposed to zero; hatched with `TEXT_COLOUR` where possible."""

OUTLIER_COLOUR = "#d55e00"
"""Edge colour of outliers."""

TEXT_COLOUR = "#333333"
"""Colour of text, axes and the hatching of missing data."""

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
"""Colour of each DECam band; see `band_colour` for other bands."""

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
"""Colours from low to high: matplotlib's viridis in ten steps, to be interpolated."""

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
"""Colours from far below to far above the middle in nine steps, to be interpolated."""


def band_colour(band: str) -> str:
    """Return the colour of a band; an unknown band always gets the same one."""
    return BAND_COLOURS.get(band) or _OTHER_BANDS[sum(band.encode()) % len(_OTHER_BANDS)]


def in_band_order(bands: Iterable[str]) -> list[str]:
    """Return the distinct bands from bluest to reddest, with unknown bands last."""
    known = list(BAND_COLOURS)
    return sorted(set(bands), key=lambda band: (known.index(band) if band in known else len(known), band))
