"""Plots of sky studies, as drawn."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer

from goodpix.query.background.definitions import DEFINITION_COLUMNS
from goodpix.query.background.maskwidth import WIDTH_COLUMNS
from goodpix.query.palette import band_colour
from goodpix.query.plots.background import plot_definitions, plot_mask_width

from .conftest import legend

WIDTHS = pd.DataFrame(
    {
        "band": ["i", "i", "r", "r"],
        "radius": [0.0, 4.0, 0.0, 4.0],
        "n_images": [3, 3, 2, 2],
        "n_left_out": 0,
        "n": [100, 75, 40, 10],
        "median": [0.2, 0.05, 0.3, 0.1],
        "median_error": 0.01,
        "scatter": 1.0,
        "bkg_subtracted": True,
        "selection": "border 5",
    }
)
DEFINITIONS = pd.DataFrame(
    {
        "definition": ["stored", "wide"],
        "band": "r",
        "n_images": [3, 2],
        "n": [50, 40],
        "fraction": [0.5, 0.4],
        "level": [2.5, 2.1],
        "level_error": 0.1,
        "scatter": [0.3, np.nan],
        "unit": "electrons",
    }
)


def bars(axes: Axes) -> list[ErrorbarContainer]:
    return [each for each in axes.containers if isinstance(each, ErrorbarContainer)]


def points(found: ErrorbarContainer) -> list[list[float]]:
    drawn: list[list[float]] = np.asarray(found.lines[0].get_xydata()).tolist()
    return drawn


def test_tables_of_these_tests_have_columns_that_exist() -> None:
    assert set(WIDTHS) <= set(WIDTH_COLUMNS)
    assert set(DEFINITIONS) <= set(DEFINITION_COLUMNS)


def test_width_has_a_line_for_each_band_in_its_colour() -> None:
    axes = plot_mask_width(WIDTHS)
    r, i = bars(axes)
    assert points(r) == [[0.0, 0.3], [4.0, 0.1]]
    assert points(i) == [[0.0, 0.2], [4.0, 0.05]]
    assert [to_hex(each.lines[0].get_color()) for each in (r, i)] == [band_colour("r"), band_colour("i")]
    assert axes.get_title(loc="left").splitlines()[-1] == "selection: border 5"


def test_legend_of_a_width_says_how_many_pixels_are_left() -> None:
    assert legend(plot_mask_width(WIDTHS)) == [
        "r: 2 images, 25% of good pixels left at 4 pixels",
        "i: 3 images, 75% of good pixels left at 4 pixels",
    ]
    none = WIDTHS.assign(n=[0, 0, 40, 10])
    assert legend(plot_mask_width(none))[1] == "i: 3 images, no good pixels"


@pytest.mark.parametrize(("subtracted", "label"), [(True, "(image - background)"), (False, "image")])
def test_axis_of_a_width_says_what_was_subtracted(subtracted: bool, label: str) -> None:
    axes = plot_mask_width(WIDTHS.assign(bkg_subtracted=subtracted))
    assert axes.get_ylabel() == f"median of good {label} / skysigma"


def test_definitions_lie_at_their_pixels_and_level() -> None:
    axes = plot_definitions(DEFINITIONS, truth=2.0)
    found = [points(each) for each in bars(axes)]
    assert found == [[[50.0, 2.5], [40.0, 2.1]]] * 2
    assert [text.get_text() for text in axes.texts] == ["stored", "wide"]
    assert legend(axes) == ["known: 2", "r: 3 images"]


@pytest.mark.parametrize(
    ("units", "given", "label"),
    [
        (["electrons", "electrons"], None, "residual level (electrons)"),
        (["electrons", "electrons"], "ADU", "residual level (electrons)"),
        (["electrons", None], "ADU", "residual level (ADU)"),
        ([None, None], None, "residual level"),
    ],
)
def test_unit_is_that_of_the_table_if_it_has_one(units: list[Any], given: str | None, label: str) -> None:
    assert plot_definitions(DEFINITIONS.assign(unit=units), unit=given).get_ylabel() == label


def test_nothing_to_draw_is_said() -> None:
    for axes in (
        plot_mask_width(WIDTHS.assign(n=0)),
        plot_mask_width(WIDTHS[:0]),
        plot_definitions(DEFINITIONS.assign(n=0)),
    ):
        assert [text.get_text() for text in axes.texts] == ["no image matches, or none is usable"]
        assert not axes.containers
