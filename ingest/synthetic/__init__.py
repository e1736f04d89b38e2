"""Synthetic tiles and exposures: survey files with a known sky."""

from .camera import CameraSpec, Worsening, make_cp_exposures, make_exposures
from .defects import StarHalo
from .maker import (
    FULL,
    RESIDUAL_GRADIENT,
    RESIDUAL_LEVEL,
    SCAMP_SHIFT,
    SMALL,
    TileSpec,
    make_tile,
)

__all__ = [
    "FULL",
    "RESIDUAL_GRADIENT",
    "RESIDUAL_LEVEL",
    "SCAMP_SHIFT",
    "SMALL",
    "CameraSpec",
    "StarHalo",
    "TileSpec",
    "Worsening",
    "make_cp_exposures",
    "make_exposures",
    "make_tile",
]
