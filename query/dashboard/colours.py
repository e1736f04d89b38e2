"""The colour scales of the dashboard's plots."""

from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.models import LinearColorMapper

from ..palette import DIVERGING, NO_DATA_COLOUR, SEQUENTIAL

__all__ = ["colour_range", "diverging", "sequential"]

_N_COLOURS = 256
# The rare extremes must not make all the others look the same.
_LOW, _HIGH = 1.0, 99.0


def sequential() -> LinearColorMapper:
    """Return a scale from low to high; what is NaN has the colour of no data."""
    return LinearColorMapper(palette=_between(SEQUENTIAL), low=0.0, high=1.0, nan_color=NO_DATA_COLOUR)


def diverging() -> LinearColorMapper:
    """Return a scale from below to above zero; what is NaN has the colour of no data."""
    return LinearColorMapper(palette=_between(DIVERGING), low=-1.0, high=1.0, nan_color=NO_DATA_COLOUR)


def colour_range(values: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Return the ends of a scale for some values, NaN left out: their first and 99th percentile."""
    known = values[np.isfinite(values)]
    if not known.size:
        return {"low": 0.0, "high": 1.0}
    low, high = np.percentile(known, [_LOW, _HIGH])
    return {"low": float(low), "high": float(high) if high > low else float(low) + (abs(float(low)) or 1.0) * 1e-6}


def _between(steps: tuple[str, ...]) -> list[str]:
    """Return as many colours as a screen can tell apart, evenly between those of the palette."""
    rgb = np.array([[int(each[k : k + 2], 16) for k in (1, 3, 5)] for each in steps], np.float64)
    at = np.linspace(0, len(steps) - 1, _N_COLOURS)
    channels = [np.rint(np.interp(at, np.arange(len(steps)), channel)).astype(int).tolist() for channel in rgb.T]
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in zip(*channels, strict=True)]
