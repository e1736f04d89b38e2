"""Pictures that a catalogue draws of itself."""

import goodpix
from goodpix.query.plots import plot_focal_plane, plot_sky
from goodpix.query.plots.style import new_axes

from .conftest import words


def test_methods_draw_what_the_functions_draw(cat: goodpix.Catalogue) -> None:
    assert words(cat.plot_focal_plane("n_se_bmask")) == words(plot_focal_plane(cat, "n_se_bmask"))
    assert words(cat.plot_sky("n_epochs", band="i")) == words(plot_sky(cat, "n_epochs", band="i"))


def test_methods_draw_into_given_axes(cat: goodpix.Catalogue) -> None:
    axes = new_axes(4.0, 3.0)
    assert cat.plot_focal_plane(ax=axes) is axes
    axes = new_axes(4.0, 3.0)
    assert cat.plot_sky(ax=axes) is axes
