"""Plots for papers and notebooks, drawn into given axes or a new figure; they need the extra ``plot``."""

from .background import plot_definitions, plot_mask_width
from .criteria import plot_criteria
from .focalplane import plot_focal_plane
from .mask import plot_mask, thumbnail
from .overtime import plot_time
from .reasons import REASONS, Reason, reason_image
from .sky import plot_sky
from .tile import plot_tile

__all__ = [
    "REASONS",
    "Reason",
    "plot_criteria",
    "plot_definitions",
    "plot_focal_plane",
    "plot_mask",
    "plot_mask_width",
    "plot_sky",
    "plot_tile",
    "plot_time",
    "reason_image",
    "thumbnail",
]
