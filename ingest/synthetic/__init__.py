"""Synthetic tiles: survey files with a known sky."""

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
    "TileSpec",
    "make_tile",
]
