"""The time page, without a browser."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import panel as pn
import pytest
from bokeh.events import SelectionGeometry

from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.look.figures import PERCENT
from goodpix.query.dashboard.look.format import fraction
from goodpix.query.dashboard.look.table import PagedTable
from goodpix.query.dashboard.numbers.ccdhistory import AmplifierMonths
from goodpix.query.dashboard.pages import time
from goodpix.query.dashboard.pages.time import TimeView, _Months, _when
from goodpix.query.dashboard.url import Span
from goodpix.query.source import open_source

from ..... import rowcatalogue
from .....rowcatalogue import grouped, ratio
from ...conftest import RowCatalogue
from ..conftest import OpenPage, data_of, without_threads


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
    n_undated = len([row for row in sqlite_rows.ccd_images if row["nite"] is None])
    assert opened.figure("good-plot").title.text == f"CCD images without a night, not shown: {n_undated}"


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


@pytest.fixture
def undated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, CatalogueCache]]:
    """A catalogue of two exposures without dates."""
    monkeypatch.setattr(rowcatalogue, "NIGHTS", (None,) * 4)
    path = tmp_path / "undated.db"
    rowcatalogue.make_catalogue(f"sqlite:///{path}", tmp_path / "masks", n_exposures=2, ccdnums=[3, 4])
    with open_source(path) as source:
        cache = without_threads(source)
        yield path, cache
        cache.close()


def test_exposures_without_dates_are_in_the_order_of_their_numbers(undated: tuple[Path, CatalogueCache]) -> None:
    page = OpenPage(undated[1], TimeView)
    drawn, axis = data_of(page.figure("good-plot")), page.figure("good-plot").xaxis[0]
    assert len(drawn["x"]) == 2
    assert drawn["x"] == [int(expnum) for expnum in drawn["expnum"]]
    assert set(drawn["nite"]) == {"—"}
    assert (axis.axis_label, axis.formatter.format, axis.ticker.min_interval) == ("exposure number", "0", 1)
    assert page.figure("good-plot").title.text == ""
    assert "Each point is one of 2 exposures. Their dates are unknown; they are in order of number." in page.text
    assert "does not know the nights of these exposures, and so no months" in page.text
    assert page.parts(pn.widgets.RadioButtonGroup)[0].disabled
    geometry = {"type": "rect", "x0": 0.0, "x1": 1e9}
    plot = page.figure("good-plot")
    page.do(lambda: plot._trigger_event(SelectionGeometry(plot, geometry=geometry, final=True)))
    assert (page.session.view.nite, page.session.view.by, page.problems) == (None, "", "")


def test_exposures_without_nights_are_at_their_start(undated: tuple[Path, CatalogueCache]) -> None:
    path, cache = undated
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE exposure_summary SET mjd_obs = 57023.5 + expnum % 2")
    page = OpenPage(cache, TimeView)
    drawn = data_of(page.figure("good-plot"))
    first = datetime(2015, 1, 1, 12)
    assert sorted(drawn["x"]) == [first, first + timedelta(days=1)]
    assert not page.figure("good-plot").xaxis[0].axis_label
    assert "Each point is one of 2 exposures. Their nights are unknown." in page.text


def test_page_of_a_ccd_has_a_table_of_that_ccd(opened: OpenPage[TimeView], sqlite_rows: RowCatalogue) -> None:
    opened.show("ccdnum=7&by=exposure")
    images = [row for row in sqlite_rows.ccd_images if row["ccdnum"] == 7]
    (table,) = opened.parts(PagedTable)
    shown = dict(zip([each["name"] for each in table.columns], zip(*table.rows, strict=True), strict=True))
    worst = sorted(images, key=lambda row: (row["fraction_good_se"], row["expnum"]))
    assert table.total == len(images)
    assert f"Each point is one of {len(images)} exposures." in opened.text
    assert [cell["text"] for cell in shown["expnum"]] == [str(row["expnum"]) for row in worst[:10]]
    assert [cell["text"] for cell in shown["fraction_good_se"]] == [
        fraction(row["fraction_good_se"]) for row in worst[:10]
    ]
    assert {cell["text"] for cell in shown["n_ccds"]} == {"1"}
    assert all(cell["href"].endswith("&ccdnum=7") for cell in shown["expnum"])


def test_numbers_of_exposures_are_no_statistic_and_have_no_fractions(opened: OpenPage[TimeView]) -> None:
    assert not {"expnum", "nite"} & set(opened.widget("Third plot").options)
    opened.show("statistic=expnum&by=exposure")
    axis = opened.figure("third-plot").yaxis[0]
    assert (axis.formatter.format, axis.ticker.min_interval) == ("0", 1)
    opened.show("statistic=n_ccds&by=exposure")
    assert (axis.formatter.format, axis.ticker.min_interval) == ("0,0", 1)
    opened.show("")
    assert (axis.formatter.format, axis.ticker.min_interval) == (PERCENT, 0)
