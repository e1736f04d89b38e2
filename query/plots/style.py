"""Common style of all plots: sizes, fonts, colour scales and placeholders for missing data."""

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from ...schema.database import Database
from ...schema.extras import optional
from ..palette import DIVERGING, NO_DATA_COLOUR, SEQUENTIAL, TEXT_COLOUR
from ..summary.statistic import RATIOS, statistic_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Patch

__all__ = [
    "HATCH",
    "OUTLINE",
    "band_marker",
    "colour_bar",
    "colour_scale",
    "filter_words",
    "in_one_look",
    "limits",
    "new_axes",
    "no_data_patch",
    "say_nothing",
    "statistic_words",
    "tidy",
    "title",
]

HATCH = "////"
"""Hatching drawn over `goodpix.query.palette.NO_DATA_COLOUR` where there is no value."""

OUTLINE = "#ffffff"
"""Colour of the thin lines between filled areas."""

# tell bands apart without relying on colour
_MARKERS = {"u": "P", "g": "o", "r": "s", "i": "^", "z": "D", "Y": "v"}
_OTHER_MARKER = "X"

Given = ParamSpec("Given")
Found = TypeVar("Found")

_DPI = 120
_LONG_PATH = re.compile(r"(\S{20,50}/)(?=\S)")
_LOOK: Any = {
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "axes.titlesize": 10.0,
    "axes.edgecolor": TEXT_COLOUR,
    "axes.labelcolor": TEXT_COLOUR,
    "axes.titlecolor": TEXT_COLOUR,
    "text.color": TEXT_COLOUR,
    "xtick.color": TEXT_COLOUR,
    "ytick.color": TEXT_COLOUR,
    "legend.fontsize": 9.0,
    "axes.linewidth": 0.8,
    "hatch.linewidth": 0.6,
}


def in_one_look(draw: Callable[Given, Found]) -> Callable[Given, Found]:
    """Return a function that draws in the common style."""

    @functools.wraps(draw)
    def drawn(*args: Given.args, **kwargs: Given.kwargs) -> Found:
        with optional("matplotlib"):
            from matplotlib import rc_context  # an extra, and slow to import

        with rc_context(_LOOK):
            return draw(*args, **kwargs)

    return drawn


def new_axes(width: float, height: float) -> "Axes":
    """Return the axes of a new figure.

    Parameters
    ----------
    width, height : float
        Inches.
    """
    # without pyplot, the user's current figure is left alone and no figure has to be closed
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from .shownaxes import ShownAxes  # imports matplotlib, too

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot(axes_class=ShownAxes)


def band_marker(band: str) -> str:
    """Return the marker of a band, used with its `goodpix.query.palette.band_colour`."""
    return _MARKERS.get(band, _OTHER_MARKER)


def colour_scale(values: Sequence[str] = SEQUENTIAL) -> "LinearSegmentedColormap":
    """Return the palette's `SEQUENTIAL` or `DIVERGING` scale as a matplotlib colormap."""
    from matplotlib.colors import LinearSegmentedColormap

    name = "goodpix diverging" if values is DIVERGING else "goodpix sequential"
    return LinearSegmentedColormap.from_list(name, list(values))


def limits(values: npt.NDArray[np.float64], *, share: float = 0.0) -> tuple[float, float]:
    """Return the ends of a colour scale for some values.

    Parameters
    ----------
    values : ndarray of float64
        The values; NaN is ignored.
    share : float
        Fraction of the values that may lie beyond each end.
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    low, high = (float(each) for each in np.quantile(known, [share, 1 - share]))
    if low == high:
        margin = abs(low) * 0.01 or 0.01
        return low - margin, high + margin
    return low, high


def colour_bar(ax: "Axes", values: npt.NDArray[np.float64], ends: tuple[float, float], label: str) -> Any:
    """Add a colour bar of the `SEQUENTIAL` scale beside axes and return its mappable."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    mappable = ScalarMappable(Normalize(*ends), colour_scale())
    known = values[np.isfinite(values)]
    below, above = (bool(known.size and side) for side in (np.any(known < ends[0]), np.any(known > ends[1])))
    extend = {(True, True): "both", (True, False): "min", (False, True): "max"}.get((below, above), "neither")
    figure = ax.get_figure(root=True)
    assert figure is not None  # axes to draw into have one
    # one value has one label; matplotlib would write the same number several times
    single = [float(known[0])] if known.size and known.min() == known.max() else None
    figure.colorbar(mappable, ax=ax, label=label, shrink=0.85, extend=extend, ticks=single)
    return mappable


def title(ax: "Axes", *lines: str, pad: float = 6.0) -> None:
    """Write the non-empty lines `pad` points above axes, left-aligned and within the figure."""
    # matplotlib breaks lines only at spaces, and the path of a file has none
    lines_text = "\n".join(_LONG_PATH.sub(r"\1 ", line) for line in lines if line)
    text = ax.set_title(lines_text, loc="left", pad=pad, wrap=True)
    figure = ax.get_figure(root=True)
    assert figure is not None  # axes to draw into have one
    ax.apply_aspect()
    # only a layout engine makes room for more lines
    for size in (9, 8, 7, 6, 5):
        if not figure.get_layout_engine() and text.get_window_extent().y1 > figure.bbox.y1:
            text.set_fontsize(size)


def tidy(ax: "Axes", *, frame: bool = True) -> None:
    """Hide the upper and right spines of axes, or without a frame all spines and ticks."""
    for side, spine in ax.spines.items():
        spine.set_visible(frame and side in ("left", "bottom"))
    if not frame:
        ax.set_xticks([])
        ax.set_yticks([])


def say_nothing(ax: "Axes", text: str = "nothing matches") -> "Axes":
    """Write a message into axes that have nothing to show."""
    tidy(ax, frame=False)
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=TEXT_COLOUR, wrap=True)
    return ax


def no_data_patch(label: str = "no data") -> "Patch":
    """Return the legend entry of areas without a value."""
    from matplotlib.patches import Patch

    return Patch(facecolor=NO_DATA_COLOUR, edgecolor=TEXT_COLOUR, hatch=HATCH, linewidth=0.5, label=label)


def statistic_words(name: str, database: Database) -> str:
    """Return a statistic with its formula and unit, such as ``sky_rate = skybrite / exptime (ADU/s)``."""
    if ":" in name:
        return f"pixels with bit {name} / n_pixels"
    ratio, unit = RATIOS.get(name), statistic_unit(database, name)
    words = name if ratio is None else f"{name} = {ratio.part} / {ratio.whole}"
    return f"{words} ({unit})" if unit else words


def filter_words(filters: Mapping[str, Any]) -> str:
    """Return filters as text for a title, such as ``band r, nite 20150101:20151231``; empty if there are none."""
    return ", ".join(f"{name} {_value(value)}" for name, value in filters.items() if value is not None)


def _value(value: Any) -> str:
    if isinstance(value, slice):
        return ":".join("" if each is None else str(each) for each in (value.start, value.stop))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return " ".join(_value(each) for each in value)
    return str(value)
