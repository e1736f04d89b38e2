"""Bokeh figures and colour scales in the dashboard's style."""

from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.models import (
    BasicTicker,
    ColorBar,
    CustomJS,
    CustomJSTickFormatter,
    CustomJSTransform,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    NoOverlap,
    NumeralTickFormatter,
)
from bokeh.plotting import figure

from ...palette import DIVERGING, NO_DATA_COLOUR, SEQUENTIAL, TEXT_COLOUR
from .markup import READING

__all__ = [
    "PERCENT",
    "SHORT_NUMBERS",
    "are_whole",
    "colour_bar",
    "colour_range",
    "diverging",
    "fit_scale",
    "ink",
    "keep_shape",
    "new_figure",
    "sequential",
    "whole_ticks",
]

_GRID = "#e6e6e6"
_QUIET = "#666666"

# About a single date on an axis, which would have microseconds otherwise.
_DAYS_OF_ONE_MS = 4 * 86_400_000.0

PERCENT = "0.[00] %"
"""Bokeh format of fractions on axes and in tooltips."""

_SHORT = """
const units = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];
for (const [size, unit] of units) if (Math.abs(tick) >= size) return `${+(tick / size).toPrecision(4)} ${unit}`;
return `${+tick.toPrecision(4)}`;
"""


def SHORT_NUMBERS() -> CustomJSTickFormatter:  # noqa: N802  # not a constant, because a Bokeh model belongs to one document
    """Return a formatter that writes 1500 as 1.5 k."""
    return CustomJSTickFormatter(code=_SHORT)


def ink(column: str = "colour") -> dict[str, Any]:
    """Return the colours of a column for lines and points, lighter ones where the page is dark; see ``page.js``."""
    code = "return Array.from(xs, (each) => window.goodpixInk ? window.goodpixInk(each) : each)"
    return {"field": column, "transform": CustomJSTransform(v_func=code)}


def new_figure(
    x_label: str,
    y_label: str,
    *,
    height: int = 280,
    percent: str = "",
    tooltips: Any = None,
    tools: str = "",
    **given: Any,
) -> Any:
    """Return an empty plot, whose title says that its data are being read; to be set with them.

    Parameters
    ----------
    x_label, y_label : str
        Labels of the axes.
    height : int
        Height in screen pixels; the width follows the page.
    percent : str
        Axes with fractions: ``"x"``, ``"y"`` or ``"xy"``.
    tooltips : sequence of (str, str), optional
        Bokeh tooltips: labels and column references. Bokeh escapes the values.
    tools : str
        Bokeh tools, shown on the right; empty for a static plot.
    **given
        Further arguments of `bokeh.plotting.figure`.
    """
    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        tools=tools,
        x_axis_label=x_label,
        y_axis_label=y_label,
        toolbar_location="right" if tools else None,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        min_border_right=12,
        **given,
    )
    plot.toolbar.logo = None
    if given.get("x_axis_type") == "datetime":
        plot.x_range.default_span = _DAYS_OF_ONE_MS
    plot.title.text = READING
    plot.title.text_font_style = "normal"
    plot.title.text_color = _QUIET
    for axis in plot.axis:
        axis.axis_line_color = _GRID
        axis.major_tick_line_color = _GRID
        axis.minor_tick_line_color = None
        axis.major_tick_in = 0
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = "12px"
        axis.axis_label_text_color = _QUIET
        axis.major_label_text_font_size = "12px"
        axis.major_label_text_color = TEXT_COLOUR
        axis.major_label_policy = NoOverlap()
    plot.grid.grid_line_color = _GRID
    for name in percent:
        getattr(plot, f"{name}axis").formatter = NumeralTickFormatter(format=PERCENT)
    if tooltips:
        plot.add_tools(HoverTool(tooltips=tooltips))
    return plot


_N_COLOURS = 256
# Percentiles at the ends of a colour scale, so that rare extremes do not wash out the rest.
_LOW, _HIGH = 1.0, 99.0


def sequential() -> LinearColorMapper:
    """Return a sequential colour scale; NaN has the no-data colour."""
    return LinearColorMapper(palette=_between(SEQUENTIAL), low=0.0, high=1.0, nan_color=NO_DATA_COLOUR)


def diverging() -> LinearColorMapper:
    """Return a diverging colour scale about zero; NaN has the no-data colour."""
    return LinearColorMapper(palette=_between(DIVERGING), low=-1.0, high=1.0, nan_color=NO_DATA_COLOUR)


def colour_range(values: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Return the ends of a colour scale: the 1st and 99th percentile of the finite values, of integers whole.

    A single value lies in the middle of its scale.
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return {"low": 0.0, "high": 1.0}
    low, high = (float(end) for end in np.percentile(known, [_LOW, _HIGH]))
    if are_whole(known):
        low, high = float(np.floor(low)), float(np.ceil(high))
    around = 0.0 if high > low else (abs(low) or 1.0) * 1e-6
    return {"low": low - around, "high": high + around}


def are_whole(values: npt.NDArray[np.float64]) -> bool:
    """Return whether there are finite values and all of them are integers."""
    known = values[np.isfinite(values)]
    return bool(known.size) and bool((known == np.rint(known)).all())


def whole_ticks() -> BasicTicker:
    """Return a ticker that marks integers only."""
    return BasicTicker(min_interval=1, mantissas=[1, 2, 5], num_minor_ticks=0)


def colour_bar(colours: LinearColorMapper, **given: Any) -> ColorBar:
    """Return the bar beside a plot that explains a colour scale; `given` are arguments of `bokeh.models.ColorBar`.

    Its ticks are for `fit_scale` to set, unless a ticker is given.
    """
    given.setdefault("ticker", FixedTicker(ticks=[]))
    given.setdefault("formatter", NumeralTickFormatter(format=PERCENT))
    return ColorBar(color_mapper=colours, width=12, padding=6, label_standoff=6, background_fill_color=None, **given)


def fit_scale(bar: ColorBar, values: npt.NDArray[np.float64], *, percent: bool) -> None:
    """Fit a colour scale and the labels of its bar to values: one label for one value, integers for integers."""
    ends = colour_range(values)
    known, whole = values[np.isfinite(values)], are_whole(values) and not percent
    single = known.size > 0 and known.min() == known.max()
    # the browser does not notice another ticker or formatter once the bar is drawn, but does notice other ticks
    bar.ticker.ticks = [float(known[0])] if single else _round_ticks(**ends, whole=whole)
    bar.formatter.update(format=PERCENT if percent else "0,0" if whole else "0,0.[0000]")
    bar.color_mapper.update(**ends)


def _round_ticks(low: float, high: float, *, whole: bool) -> list[float]:
    """Return about five round numbers in a range."""
    least = (high - low) / 6
    power = 10.0 ** np.floor(np.log10(least))
    step = max(next(m * power for m in (1, 2, 5, 10) if m * power >= least), 1.0 if whole else 0.0)
    numbers = np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1)
    return [float(f"{number * step:.12g}") for number in numbers]


_KEEP_SHAPE = """
const [half] = plot.tags, {inner_width, inner_height, x_range, y_range} = plot;
const shorter = Math.min(inner_width, inner_height);
if (half > 0 && shorter > 0) {
  const across = half * inner_width / shorter, up = half * inner_height / shorter;
  x_range.setv({start: across, end: -across});
  y_range.setv({start: -up, end: up});
}
"""


def keep_shape(plot: Any) -> None:
    """Let a plot about (0, 0) show x and y at the same scale whatever its size, with x to the left.

    The browser fits the ranges; the number in the plot's ``tags`` is what either has to reach.
    """
    fit = CustomJS(args={"plot": plot}, code=_KEEP_SHAPE)
    for name in ("inner_width", "inner_height", "tags"):
        plot.js_on_change(name, fit)


def _between(steps: tuple[str, ...]) -> list[str]:
    """Interpolate a palette to `_N_COLOURS` evenly spaced colours."""
    rgb = np.array([[int(step[k : k + 2], 16) for k in (1, 3, 5)] for step in steps], np.float64)
    at = np.linspace(0, len(steps) - 1, _N_COLOURS)
    channels = [np.rint(np.interp(at, np.arange(len(steps)), channel)).astype(int).tolist() for channel in rgb.T]
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in zip(*channels, strict=True)]
