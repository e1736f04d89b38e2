"""Bars of the criteria, as drawn."""

import pytest
from matplotlib.colors import to_hex, to_rgba
from matplotlib.patches import Rectangle

import goodpix
from goodpix.query.palette import (
    CRITERION_COLOURS,
)
from goodpix.query.plots import plot_criteria
from goodpix.query.plots.criteria import _percent
from goodpix.query.summary.costs import criteria_costs
from goodpix.schema.criteria import Criterion

pytestmark = pytest.mark.slow  # drawing takes its time


def test_bars_are_as_long_as_the_costs(cat: goodpix.Catalogue) -> None:
    axes = plot_criteria(cat)
    sums = criteria_costs(cat).groupby("criterion")[["n_fail", "n_only", "n_pixels"]].sum()
    totals, alones = (list(each) for each in axes.containers)
    for criterion, total, alone in zip(Criterion, totals, alones, strict=True):
        assert isinstance(total, Rectangle)
        assert isinstance(alone, Rectangle)
        costs = sums.loc[str(criterion.name)]
        expected = [100 * costs.n_fail / costs.n_pixels, 100 * costs.n_only / costs.n_pixels]
        assert [total.get_width(), alone.get_width()] == pytest.approx(expected)
        assert to_hex(alone.get_facecolor()) == CRITERION_COLOURS[criterion]
        assert total.get_facecolor()[:3] == to_rgba(CRITERION_COLOURS[criterion])[:3]


def test_swatches_have_the_colours_of_the_bars(cat: goodpix.Catalogue) -> None:
    axes = plot_criteria(cat)
    axes.figure.canvas.draw()
    legend = axes.get_legend()
    assert legend is not None
    assert [each.get_text() for each in legend.get_texts()] == ["fails alone", "others fail too"]
    totals, alones = ([bar.get_facecolor() for bar in each] for each in axes.containers)
    swatches = [
        each.get_facecolor()
        for each in legend.findobj(Rectangle)
        if each.get_width() < legend.get_window_extent().width / 3
    ]
    assert swatches == [*alones, *totals]


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0%"), (9.5e-5, "<0.01%"), (0.01, "0.01%"), (0.123, "0.12%"), (3.7, "3.7%")]
)
def test_percentages_are_short(value: float, text: str) -> None:
    assert _percent(value) == text
