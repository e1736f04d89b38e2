"""The time page, without a browser."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import panel as pn
import pytest
from bokeh.events import SelectionGeometry

from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.look.table import PagedTable
from goodpix.query.dashboard.numbers.ccdhistory import AmplifierMonths
from goodpix.query.dashboard.pages import time
from goodpix.query.dashboard.pages.time import TimeView, _Months, _when
from goodpix.query.dashboard.url import Span

from .....rowcatalogue import grouped, ratio
from ...conftest import RowCatalogue
from ..conftest import OpenPage, data_of


@pytest.fixture(scope="module")
def page(rows_cache: CatalogueCache) -> OpenPage[TimeView]:
    return OpenPage(rows_cache, TimeView)


@pytest.fixture
def opened(page: OpenPage[TimeView]) -> OpenPage[TimeView]:
    page.show("")
    return page


def day(nite: int) -> datetime:
    return datetime.strptime(str(nite), "%Y%m%d")


def test_points_are_nights_with_the_ratio_of_their_sums(opened: OpenPage[TimeView], sqlite_rows: RowCatalogue) -> None:
    drawn = data_of(opened.figure("good-plot"))
    dated = grouped([row for row in sqlite_rows.ccd_images if row["nite"] is not None], "nite", "band")
    found = dict(zip(zip(drawn["nite"], drawn["band"], strict=True), drawn["y"], strict=True))
    assert found == {key: pytest.approx(ratio(rows, "n_good_se", "n_pixels")) for key, rows in dated.items()}
    assert drawn["x"] == [day(nite) for nite in drawn["nite"]]
    assert set(drawn["expnum"]) == {"all"}
    n_undated = len(grouped([row for row in sqlite_rows.ccd_images if row["nite"] is None], "band"))
    assert opened.figure("good-plot").title.text == f"not shown, without a night: {n_undated}"


def test_points_are_exposures_when_asked_for(opened: OpenPage[TimeView], sqlite_rows: RowCatalogue) -> None:
    opened.do(lambda: setattr(opened.parts(pn.widgets.RadioButtonGroup)[0], "value", "by exposure"))
    assert opened.session.view.by == "exposure"
    drawn = data_of(opened.figure("good-plot"))
    dated = grouped([row for row in sqlite_rows.ccd_images if row["nite"] is not None], "expnum")
    assert sorted(drawn["expnum"]) == sorted(str(expnum) for (expnum,) in dated)
    n_exposures = len(grouped(sqlite_rows.ccd_images, "expnum"))
    assert f"Each point is one of {n_exposures} exposures." in opened.text
    (table,) = opened.parts(PagedTable)
    assert table.total == n_exposures


def test_too_many_exposures_are_shown_by_night(opened: OpenPage[TimeView], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "_MOST_EXPOSURES", 3)
    opened.show("by=exposure&ccdnum=7")
    assert set(data_of(opened.figure("good-plot"))["expnum"]) == {"all"}
    assert "8 exposures are too many to show individually (the limit is 3)" in opened.text


def test_third_plot_is_of_the_statistic_that_is_chosen(opened: OpenPage[TimeView]) -> None:
    assert opened.figure("third-plot").yaxis.axis_label == "fraction_se_bmask"
    choice = opened.widget("Third plot")
    assert not {"fraction_good_se", "sky_rate"} & set(choice.options)
    opened.do(lambda: setattr(choice, "value", "airmass"))
    assert opened.session.view.statistic == "airmass"
    assert opened.figure("third-plot").yaxis.axis_label == "airmass"


def test_sky_rate_is_a_number_and_not_a_fraction(opened: OpenPage[TimeView]) -> None:
    plot = opened.figure("sky-rate-plot")
    drawn = data_of(plot)
    assert plot.yaxis.axis_label == "sky brightness (BUNIT/s)"
    assert drawn["shown"] == [f"{value:.4g} BUNIT/s" for value in drawn["y"]]
    assert all(text.endswith("%") for text in data_of(opened.figure("good-plot"))["shown"])


def test_nights_that_are_dragged_over_are_chosen(opened: OpenPage[TimeView]) -> None:
    plot = opened.figure("good-plot")
    edges = [
        (day(nite) + timedelta(hours=hours)).replace(tzinfo=UTC).timestamp() * 1000
        for nite, hours in ((20150103, 1), (20150102, -1))
    ]
    geometry = {"type": "rect", "x0": edges[0], "x1": edges[1]}
    opened.do(lambda: plot._trigger_event(SelectionGeometry(plot, geometry=geometry, final=True)))
    assert opened.session.view.nite == Span(20150102, 20150103)
    assert set(data_of(plot)["nite"]) == {20150102, 20150103}


def test_drag_over_no_point_chooses_nothing(opened: OpenPage[TimeView]) -> None:
    plot = opened.figure("good-plot")
    geometry = {"type": "rect", "x0": 0.0, "x1": 1e6}
    opened.do(lambda: plot._trigger_event(SelectionGeometry(plot, geometry=geometry, final=True)))
    assert opened.session.view.nite is None


def test_where_nothing_matches_every_plot_says_so(opened: OpenPage[TimeView]) -> None:
    opened.show("tile=nowhere")
    for name in ("good-plot", "sky-rate-plot", "third-plot", "months-plot"):
        assert opened.figure(name).title.text == "no data"
    assert "Only exposures that overlap the tiles." in opened.text
    assert opened.problems == ""


def test_exposure_is_at_its_start_or_else_at_its_night() -> None:
    row = SimpleNamespace(mjd_obs=57023.25, nite=20150101)
    assert _when(row, True) == datetime(2015, 1, 1, 6)
    for mjd_obs in (None, np.nan):
        assert _when(SimpleNamespace(mjd_obs=mjd_obs, nite=20150102), True) == datetime(2015, 1, 2)
    assert _when(row, False) == datetime(2015, 1, 1)


def test_months_are_drawn_where_there_are_images() -> None:
    months = _Months()
    difference = np.array([[0.1, np.nan], [-0.2, 0.0]])
    months.show(AmplifierMonths([201501, 201512], ["1a", "1b"], difference + 0.8, difference))
    drawn = data_of(months.plot)
    assert list(zip(drawn["half"], drawn["month"], drawn["difference"], strict=True)) == [
        ("1a", "2015-01", 0.1),
        ("1b", "2015-01", -0.2),
        ("1b", "2015-12", 0.0),
    ]
    colours = months.plot.renderers[0].glyph.fill_color.transform
    assert colours.high == -colours.low == pytest.approx(0.2, rel=0.02)
    assert months.plot.y_range.factors == ["2015-01", "2015-12"]
