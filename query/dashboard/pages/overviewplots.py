"""Plots of the overview page."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, FactorRange, Range1d

from ...palette import band_colour
from ..look.figures import PERCENT, SHORT_NUMBERS, ink, new_figure, whole_ticks
from ..numbers.survey import Histograms, Ingests

__all__ = ["Bars", "GrowthPlot", "HistogramPlot"]


class HistogramPlot:
    """Histograms of the good fraction by band, as steps."""

    def __init__(self) -> None:
        self.plot = new_figure(
            "fraction_good_on_coadd",
            "",
            percent="x",
            x_range=Range1d(0.0, 1.0),
            tooltips=[("band", "@band"), ("n", "@n{0,0}"), ("share", f"@left{{{PERCENT}}}")],
        )
        self.plot.y_range.start = 0
        self.plot.yaxis.update(ticker=whole_ticks(), formatter=SHORT_NUMBERS())
        self._source = ColumnDataSource({name: [] for name in ("left", "right", "n", "band", "colour")})
        # invisible bars for the tooltips; only the steps are drawn
        self.plot.quad("left", "right", "n", 0, source=self._source, fill_alpha=0, line_color=None)
        self._steps = ColumnDataSource({"xs": [], "ys": [], "band": [], "colour": []})
        self.plot.multi_line("xs", "ys", source=self._steps, line_color=ink(), line_width=1.6)

    def show(self, histograms: Histograms) -> None:
        """Show histograms."""
        self.plot.visible = bool(histograms.counts)
        self.plot.title.text = ""
        edges = histograms.edges
        self.plot.x_range.update(start=edges[0], end=edges[-1])
        bands = list(histograms.counts)
        self.plot.yaxis.axis_label = histograms.of
        self.plot.xaxis.axis_label = histograms.statistic
        self._source.data = {
            "left": np.tile(edges[:-1], len(bands)),
            "right": np.tile(edges[1:], len(bands)),
            "n": np.concatenate([histograms.counts[band] for band in bands]) if bands else [],
            "band": np.repeat(bands, edges.size - 1).tolist(),
            "colour": np.repeat([band_colour(band) for band in bands], edges.size - 1).tolist(),
        }
        xs = np.repeat(edges, 2)[1:-1].tolist()
        self._steps.data = {
            "xs": [xs] * len(bands),
            "ys": [np.repeat(histograms.counts[band], 2).tolist() for band in bands],
            "band": bands,
            "colour": [band_colour(band) for band in bands],
        }


class Bars:
    """Horizontal bars of fractions by name.

    Parameters
    ----------
    layers : sequence of str
        Columns of the data drawn over each other, the longest bars first.
    """

    def __init__(self, layers: Sequence[str]) -> None:
        self._names = FactorRange(factors=[], range_padding=0.1)
        tooltips = [
            ("", "@name"),
            *((layer, f"@{layer}{{0.[0000] %}}") for layer in layers),
            ("±", "@error{0.[0000] %}"),
        ]
        self.plot = new_figure("fraction of pixels", "", percent="x", y_range=self._names, tooltips=tooltips)
        self.plot.ygrid.grid_line_color = None
        self.plot.x_range.start = 0
        self._source = ColumnDataSource({name: [] for name in ("name", "colour", "error", "low", "high", *layers)})
        for layer, alpha in zip(layers, (0.35, 1.0), strict=False):
            self.plot.hbar(
                y="name",
                right=layer,
                height=0.66,
                source=self._source,
                fill_color=ink(),
                fill_alpha=alpha,
                line_color=ink(),
            )
        self.plot.segment(x0="low", x1="high", y0="name", y1="name", source=self._source, line_color="#777777")

    def show(self, names: Sequence[str], data: Mapping[str, Sequence[Any]]) -> None:
        """Show bars, with the first at the top."""
        self.plot.visible = bool(names)
        self.plot.title.text = ""
        self._names.factors = list(names)[::-1]
        self.plot.height = 70 + 26 * max(len(names), 4)
        self._source.data = {"name": list(names), **data}


class GrowthPlot:
    """Number of epochs after each ingest run."""

    def __init__(self) -> None:
        self.plot = new_figure("", "epochs", height=170, x_axis_type="datetime", tooltips=[("epochs", "@n{0,0}")])
        self.plot.y_range.start = 0
        self.plot.yaxis.update(ticker=whole_ticks(), formatter=SHORT_NUMBERS())
        self._source = ColumnDataSource({"when": [], "n": []})
        self.plot.step("when", "n", source=self._source, mode="after", line_width=2, line_color="#0072b2")
        self.plot.scatter("when", "n", source=self._source, size=5, color="#0072b2")
        self.pane = pn.pane.Bokeh(self.plot, sizing_mode="stretch_width", margin=0)

    def show(self, history: Ingests) -> None:
        """Show the growth; hidden for a single run."""
        self.plot.title.text = ""
        times = [datetime.datetime.fromisoformat(when) for when, _ in history.growth]
        self._source.data = {"when": times, "n": [n for _, n in history.growth]}
        self.pane.visible = len(times) > 1
