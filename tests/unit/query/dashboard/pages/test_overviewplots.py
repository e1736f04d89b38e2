"""Plots of the overview: what their glyphs draw."""

import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from goodpix.query.dashboard.numbers.survey import Histograms, Ingests
from goodpix.query.dashboard.pages.overviewplots import Bars, GrowthPlot, HistogramPlot
from goodpix.query.palette import band_colour

from ..conftest import data_of

EDGES = np.array([0.5, 0.6, 0.8])
COUNTS = {"r": np.array([3, 1]), "i": np.array([0, 2])}


def test_histogram_has_a_bar_for_each_bin_and_band() -> None:
    histogram = HistogramPlot()
    histogram.show(Histograms("tiles", EDGES, COUNTS, 0))
    bars, steps = data_of(histogram.plot, 0), data_of(histogram.plot, 1)
    assert list(zip(bars["band"], bars["left"], bars["right"], bars["n"], strict=True)) == [
        ("r", 0.5, 0.6, 3),
        ("r", 0.6, 0.8, 1),
        ("i", 0.5, 0.6, 0),
        ("i", 0.6, 0.8, 2),
    ]
    assert steps["xs"] == [[0.5, 0.6, 0.6, 0.8]] * 2
    assert steps["ys"] == [[3, 3, 1, 1], [0, 0, 2, 2]]
    assert steps["colour"] == [band_colour("r"), band_colour("i")]


def test_histogram_spans_its_bins_and_names_what_it_counts() -> None:
    histogram = HistogramPlot()
    histogram.show(Histograms("tiles", EDGES, COUNTS, 0))
    assert (histogram.plot.x_range.start, histogram.plot.x_range.end) == (0.5, 0.8)
    assert histogram.plot.yaxis.axis_label == "tiles"
    assert histogram.plot.visible


def test_histogram_of_nothing_is_hidden() -> None:
    histogram = HistogramPlot()
    histogram.show(Histograms("epochs", EDGES, {}, 5))
    assert not histogram.plot.visible
    assert data_of(histogram.plot)["n"] == []


def test_first_bar_is_at_the_top_and_layers_lie_over_each_other() -> None:
    bars = Bars(["total", "alone"])
    data: dict[str, Sequence[Any]] = {"total": [0.4, 0.1], "alone": [0.2, 0.05], "colour": ["#000000"] * 2}
    bars.show(["A", "B"], data | dict.fromkeys(("error", "low", "high"), [np.nan] * 2))
    assert bars.plot.y_range.factors == ["B", "A"]
    drawn = data_of(bars.plot)
    assert (drawn["name"], drawn["total"], drawn["alone"]) == (["A", "B"], [0.4, 0.1], [0.2, 0.05])
    assert [renderer.glyph.right for renderer in bars.plot.renderers[:2]] == ["total", "alone"]


@pytest.mark.parametrize("n", [0, 1, 20])
def test_plot_grows_with_its_bars(n: int) -> None:
    bars, names = Bars(["total"]), [f"bit {k}" for k in range(n)]
    bars.show(names, dict.fromkeys(("total", "colour", "error", "low", "high"), [0.0] * n))
    assert bars.plot.visible == (n > 0)
    assert bars.plot.height == 70 + 26 * max(n, 4)


@pytest.mark.parametrize(("n", "visible"), [(0, False), (1, False), (2, True)])
def test_growth_is_shown_from_two_runs_on(n: int, visible: bool) -> None:
    growth = GrowthPlot()
    growth.show(Ingests([(f"2025-01-0{k + 1}T12:00:00", 10 * k) for k in range(n)], [], []))
    drawn = data_of(growth.plot)
    assert drawn["when"] == [datetime.datetime(2025, 1, k + 1, 12) for k in range(n)]
    assert drawn["n"] == [10 * k for k in range(n)]
    assert growth.pane.visible == visible
