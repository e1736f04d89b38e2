"""Tiles on the sky, as drawn."""

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, PolyCollection

import goodpix
from goodpix.query.palette import (
    NO_DATA_COLOUR,
)
from goodpix.query.plots import plot_sky, sky
from goodpix.query.plots.style import HATCH

from ....rowcatalogue import TILES
from .conftest import colour_of, legend

pytestmark = pytest.mark.slow  # drawing takes its time


def outlines(axes: Axes) -> list[Any]:
    """Return the polygons of tiles, in the order of tiles."""
    (found,) = (each for each in axes.collections if isinstance(each, PolyCollection) and not each.get_hatch())
    return [path.vertices for path in found.get_paths()]


def test_right_ascension_grows_to_the_left_across_zero(cat: goodpix.Catalogue) -> None:
    axes = plot_sky(cat, "n_epochs", band="r")
    assert axes.xaxis_inverted()
    assert not axes.yaxis_inverted()
    polygons = dict(zip(sorted(TILES), outlines(axes), strict=True))
    east, west, far = (polygons[name].mean(axis=0) for name in ("DES0001-3332", "DES2359-3332", "DES0124-3332"))
    left, right = (axes.transData.transform(each)[0] for each in (east, west))
    assert left < right
    # side by side, and not 360 degrees apart
    assert east[0] - west[0] == pytest.approx(0.6 * np.cos(np.radians(33.5)), abs=0.02)
    assert far[0] - east[0] > 15


def test_tiles_have_the_shape_of_their_corners(cat: goodpix.Catalogue) -> None:
    for vertices in outlines(plot_sky(cat, "n_epochs", band="r")):
        ring = np.asarray(vertices)
        assert ring.shape == (5, 2)
        x, y = ring[:-1].T
        area = 0.5 * abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))))
        assert area == pytest.approx(0.6 * np.cos(np.radians(33.5)) * 0.5, rel=0.01)


def test_tiles_without_a_number_are_hatched(cat: goodpix.Catalogue) -> None:
    # no epoch is in the third tile
    axes = plot_sky(cat, band="r")
    (none,) = (each for each in axes.collections if isinstance(each, PolyCollection) and each.get_hatch())
    assert none.get_hatch() == HATCH
    assert colour_of(none) == NO_DATA_COLOUR
    assert len(none.get_paths()) == 1
    assert legend(axes) == ["no data: 1"]


def test_few_tiles_are_marked_by_squares_of_at_least_8_pixels(
    cat: goodpix.Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    axes = plot_sky(cat, "n_epochs", band="r")
    (marks,) = (each for each in axes.collections if isinstance(each, PathCollection))
    offsets = np.asarray(marks.get_offsets())
    assert len(offsets) == len(TILES)
    side = np.sqrt(marks.get_sizes()) / 72 * axes.figure.dpi
    assert (side >= 8).all()
    (tiles,) = (each for each in axes.collections if isinstance(each, PolyCollection) and not each.get_hatch())
    assert marks.get_zorder() < tiles.get_zorder()
    for offset, vertices in zip(offsets, outlines(axes), strict=True):
        assert vertices.min(axis=0) == pytest.approx(offset, abs=0.5)
    monkeypatch.setattr(sky, "MOST_MARKED", 2)
    axes = plot_sky(cat, "n_epochs", band="r")
    assert not any(isinstance(each, PathCollection) for each in axes.collections)


def test_one_value_has_one_label(cat: goodpix.Catalogue) -> None:
    axes = plot_sky(cat, "n_epochs", band="r", tilename=TILES[0])
    _, bar = axes.figure.axes
    assert len(bar.get_yticks()) == 1
