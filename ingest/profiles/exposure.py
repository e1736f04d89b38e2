"""Exposures without a coadd, as profiles describe them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer

from ...schema.planes.conversion import Conversion
from ...schema.planes.imagefiles import PlaneFile
from ..exposurefacts import ExposureFacts
from ..infofile import EpochInfo, TileInfo

__all__ = ["CcdInfo", "Conversions", "ExposureInfo"]


def _values(conversions: Mapping[str, Conversion]) -> dict[str, Any]:
    return {plane: conversion.values for plane, conversion in conversions.items()}


Conversions = Annotated[Mapping[str, Conversion], PlainSerializer(_values)]
"""Conversions by plane, of which a fingerprint holds what is not the default: it stays if they gain a parameter."""


class CcdInfo(EpochInfo):
    """One CCD image, with what a profile knows of its planes and headers.

    The key is the profile's, and is not compared with the headers.
    """

    conversions: Conversions = Field(default_factory=dict)
    """Conversion of the stored pixels of a plane, by its name."""

    facts: ExposureFacts | None = None
    """Exposure metadata; by default those of the headers by the keywords of DES."""

    wcs_ok: bool | None = None
    """Whether the pipeline vouches for the WCS; None if it does not say."""

    def file(self, plane: str) -> PlaneFile | None:
        """Return the file of a plane with its conversion."""
        file = super().file(plane)
        return file and replace(file, conversion=self.conversions.get(plane))

    @property
    def identity(self) -> dict[str, object]:
        """No keywords."""
        return {}

    @property
    def wcs_vouched(self) -> bool | None:
        """Whether the pipeline vouches for the WCS; None if it does not say."""
        return self.wcs_ok

    def exposure(self, header: Mapping[str, Any], primary: Mapping[str, Any]) -> ExposureFacts:
        """Return the exposure metadata of the profile."""
        return self.facts or super().exposure(header, primary)


class ExposureInfo(TileInfo):
    """The CCD images of an exposure that has no coadd; its tile name is that of the exposure."""

    image_path: Literal[""] = ""
    image_ext: Literal[0] = 0
    weight_path: Literal[""] = ""
    weight_ext: Literal[0] = 0
    bmask_path: Literal[""] = ""
    bmask_ext: Literal[0] = 0
    seg_path: Literal[""] = ""
    src_info: tuple[CcdInfo, ...] = Field(min_length=1)

    @property
    def has_coadd(self) -> bool:
        """False."""
        return False

    @property
    def lists_epochs(self) -> bool:
        """False: an exposure has no info file."""
        return False
