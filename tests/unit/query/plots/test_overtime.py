"""Nights and exposures, as drawn."""

from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.dates import date2num

import goodpix
from goodpix.query.palette import (
    BAND_COLOURS,
    OUTLIER_COLOUR,
)
from goodpix.query.plots import plot_time
from goodpix.query.summary.overtime import over_time

from ....rowcatalogue import BANDS
from .conftest import colour_of

pytestmark = pytest.mark.slow  # drawing takes its time


def places_of(found: PathCollection) -> np.ndarray[Any, Any]:
    return np.asarray(found.get_offsets(), float)


def points(axes: Axes) -> dict[str, PathCollection]:
    return {str(each.get_label()): each for each in axes.collections if isinstance(each, PathCollection)}


@pytest.mark.parametrize("by", ["night", "exposure"])
def test_points_lie_at_their_time_and_number(cat: goodpix.Catalogue, by: Literal["night", "exposure"]) -> None:
    frame = over_time(cat, by=by)
    frame = frame[frame.nite.notna()]
    found = points(plot_time(cat, by=by))
    for band in BANDS:
        of_band = frame[frame.band == band]
        if by == "night":
            when = pd.to_datetime(of_band.nite.astype(str), format="%Y%m%d").to_numpy()
            days = date2num(when)
        else:
            days = of_band.mjd_obs.to_numpy(float) - 40587  # of 1970-01-01
        np.testing.assert_allclose(places_of(found[band]), np.column_stack([days, of_band.value]), atol=1e-5)
        assert colour_of(found[band]) == BAND_COLOURS[band]
    assert list(found)[: len(BANDS)] == ["r", "i"]


def test_what_has_no_date_or_number_is_counted(cat: goodpix.Catalogue) -> None:
    # of 8 exposures, 2 have no night; of the others, one has no exposure time, so that there is no rate
    assert plot_time(cat, by="exposure").get_title(loc="left") == "6 exposures, 2 without a date or value left out"
    rates = plot_time(cat, "sky_rate", by="exposure")
    assert rates.get_title(loc="left") == "4 exposures, 4 without a date or value left out"


def test_a_bad_night_has_a_ring(cat: goodpix.Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    nights = pd.DataFrame({"nite": range(20150101, 20150121), "band": "r", "n_ccd_images": 60})
    nights["value"] = 0.8 + 0.001 * (nights.nite % 5)
    nights.loc[7, "value"] = 0.5
    monkeypatch.setattr("goodpix.query.plots.overtime.over_time", lambda *_, **__: nights)
    (ring,) = (each for label, each in points(plot_time(cat)).items() if label.startswith("far"))
    np.testing.assert_allclose(places_of(ring), [[date2num(np.datetime64("2015-01-08")), 0.5]])
    assert colour_of(ring, "edgecolor") == OUTLIER_COLOUR
