"""The look of the dashboard's plots."""

import numpy as np
import pytest
from bokeh.models import NoOverlap

from goodpix.query.dashboard.look.figures import (
    PERCENT,
    _round_ticks,
    are_whole,
    colour_bar,
    colour_range,
    fit_scale,
    ink,
    keep_shape,
    new_figure,
    sequential,
    whole_ticks,
)


def test_labels_of_axes_never_overlap() -> None:
    axes = new_figure("x", "y", x_axis_type="datetime").axis
    assert len(axes) == 2
    assert all(isinstance(axis.major_label_policy, NoOverlap) for axis in axes)


@pytest.mark.parametrize(
    ("values", "whole"), [([1, 5, np.nan], True), ([1.5, 2], False), ([np.nan], False), ([], False)]
)
def test_integers_are_known_as_such(values: list[float], whole: bool) -> None:
    assert are_whole(np.array(values, float)) is whole


def test_one_value_lies_in_the_middle_of_its_scale_with_one_label() -> None:
    bar = colour_bar(sequential())
    fit_scale(bar, np.array([0.8315, np.nan, 0.8315]), percent=True)
    assert bar.ticker.ticks == [0.8315]
    assert bar.formatter.format == PERCENT
    ends = bar.color_mapper.low, bar.color_mapper.high
    assert ends[0] < 0.8315 < ends[1]
    assert np.mean(ends) == pytest.approx(0.8315)


def test_scale_of_integers_is_labelled_with_integers() -> None:
    bar, values = colour_bar(sequential()), np.array([3.0] * 99 + [4.0])
    ticker = bar.ticker
    fit_scale(bar, values, percent=False)
    assert (bar.ticker.ticks, bar.formatter.format) == ([3, 4], "0,0")
    assert colour_range(values) == {"low": 3.0, "high": 4.0}
    fit_scale(bar, np.array([0.25, 0.5]), percent=False)
    assert (bar.ticker.ticks, bar.formatter.format) == ([0.3, 0.35, 0.4, 0.45], "0,0.[0000]")
    assert bar.ticker is ticker  # the browser does not notice another


@pytest.mark.parametrize(
    ("ends", "ticks"),
    [
        ((-0.3, 0.3), [-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3]),
        ((0, 9_000_000), [0, 2_000_000, 4_000_000, 6_000_000, 8_000_000]),
        ((150, 150.5), [150, 150.1, 150.2, 150.3, 150.4, 150.5]),
    ],
)
def test_ticks_are_round_and_a_few(ends: tuple[float, float], ticks: list[float]) -> None:
    assert _round_ticks(*ends, whole=False) == pytest.approx(ticks, rel=1e-12)


def test_scale_without_values_is_empty_and_not_wrong() -> None:
    bar = colour_bar(sequential())
    fit_scale(bar, np.array([np.nan]), percent=True)
    assert (bar.color_mapper.low, bar.color_mapper.high) == (0.0, 1.0)


def test_whole_ticks_are_an_integer_apart_at_least() -> None:
    assert whole_ticks().min_interval == 1


def test_shape_is_kept_in_the_browser_whenever_the_plot_changes_its_size() -> None:
    plot = new_figure("", "")
    keep_shape(plot)
    assert {"change:inner_width", "change:inner_height", "change:tags"} <= set(plot.js_property_callbacks)


def test_colours_of_lines_are_those_of_the_column_unless_the_page_is_dark() -> None:
    assert ink()["field"] == "colour"
    assert "goodpixInk" in ink()["transform"].v_func


def test_single_date_has_days_about_it() -> None:
    assert new_figure("", "", x_axis_type="datetime").x_range.default_span == 4 * 86400e3
