"""Facts common to all plots of a catalogue."""

from collections.abc import Callable

import matplotlib as mpl
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import goodpix
from goodpix.query.plots import plot_criteria, plot_focal_plane, plot_sky, plot_time

from ....pictures import within_its_figure
from .conftest import drawn, words

pytestmark = pytest.mark.slow  # drawing takes its time

PLOTS: list[Callable[..., Axes]] = [plot_sky, plot_focal_plane, plot_criteria, plot_time]


@pytest.mark.parametrize("plot", PLOTS)
def test_every_picture_can_be_drawn_with_and_without_axes(cat: goodpix.Catalogue, plot: Callable[..., Axes]) -> None:
    given = Figure().add_subplot()
    assert plot(cat, ax=given) is given
    own = plot(cat, band="r")
    assert own is not given
    assert "band" in words(own)
    for axes in (given, own):
        drawn(axes)


@pytest.mark.parametrize("plot", PLOTS)
def test_where_nothing_matches_the_picture_says_so(cat: goodpix.Catalogue, plot: Callable[..., Axes]) -> None:
    axes = plot(cat, band="Q")
    assert "matches" in words(axes)
    assert axes.get_title(loc="left").splitlines()[-1] == "band Q"
    assert not axes.patches
    assert not axes.collections
    drawn(axes)


@pytest.mark.parametrize("plot", PLOTS)
def test_many_filters_lie_within_the_figure(cat: goodpix.Catalogue, plot: Callable[..., Axes]) -> None:
    bands = ["r", *(f"of another name {k}" for k in range(9))]
    for given in (None, Figure(figsize=(7, 5)).add_subplot()):
        axes = plot(cat, ax=given, band=bands)
        assert within_its_figure(axes)


@pytest.mark.parametrize("plot", PLOTS)
def test_drawing_leaves_the_settings_of_others_alone(cat: goodpix.Catalogue, plot: Callable[..., Axes]) -> None:
    before = dict(mpl.rcParams)
    plot(cat)
    assert dict(mpl.rcParams) == before
