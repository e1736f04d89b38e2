"""Axes as notebooks show them."""

import pickle
from io import BytesIO

from matplotlib.image import imread
from matplotlib.pyplot import get_fignums

from goodpix.query.plots.shownaxes import ShownAxes
from goodpix.query.plots.style import new_axes


def test_axes_are_shown_as_the_whole_figure() -> None:
    axes = new_axes(2.0, 1.0)
    assert isinstance(axes, ShownAxes)
    assert imread(BytesIO(axes._repr_png_())).shape == (120, 240, 4)
    assert get_fignums() == [], "pyplot would show it a second time"


def test_axes_can_be_stored() -> None:
    axes = new_axes(2.0, 1.0)
    axes.set_title("stored")
    assert pickle.loads(pickle.dumps(axes)).get_title() == "stored"
