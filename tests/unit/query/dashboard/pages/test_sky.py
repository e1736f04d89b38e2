"""The sky page, without a browser."""

from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest
from bokeh.events import SelectionGeometry

from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.look.table import PagedTable
from goodpix.query.dashboard.pages import sky
from goodpix.query.dashboard.pages.sky import SkyView, _outline, _unwrapped
from goodpix.query.dashboard.url import SkyBox

from .....rowcatalogue import TILES
from ...conftest import RowCatalogue
from ..conftest import OpenPage, data_of

FIRST, SECOND, THIRD = TILES  # at RA 0.2, 359.6 and 21 degrees


@pytest.fixture(scope="module")
def page(rows_cache: CatalogueCache) -> OpenPage[SkyView]:
    return OpenPage(rows_cache, SkyView)


@pytest.fixture
def opened(page: OpenPage[SkyView]) -> OpenPage[SkyView]:
    page.show("statistic=n_epochs")
    return page


def corners(*centres: float, width: float = 0.6) -> npt.NDArray[np.float64]:
    offsets = np.array([1, -1, -1, 1]) * width / 2
    return (np.array(centres)[:, np.newaxis] + offsets) % 360


def test_tiles_are_coloured_by_their_statistic(opened: OpenPage[SkyView], sqlite_rows: RowCatalogue) -> None:
    drawn = data_of(opened.figure("sky-plot"))
    n_epochs = Counter(row["tilename"] for row in sqlite_rows.rows)
    found = dict(zip(drawn["name"], drawn["value"], strict=True))
    assert {name: n_epochs[name] for name in (FIRST, SECOND)} == {name: found[name] for name in (FIRST, SECOND)}
    assert sorted(drawn["name"]) == sorted(TILES)
    assert "n_epochs:" in opened.text


def test_neighbours_across_zero_are_beside_each_other(opened: OpenPage[SkyView]) -> None:
    drawn = data_of(opened.figure("sky-plot"))
    middle = {name: float(np.mean(xs)) for name, xs in zip(drawn["name"], drawn["xs"], strict=True)}
    assert middle[FIRST] - middle[SECOND] == pytest.approx(0.6)
    plot = opened.figure("sky-plot")
    # to the left, and the whole survey with a margin
    assert plot.x_range.start > middle[THIRD] > middle[SECOND] > plot.x_range.end


def test_tiles_without_a_value_are_counted(opened: OpenPage[SkyView]) -> None:
    opened.show("")
    drawn = data_of(opened.figure("sky-plot"))
    values = dict(zip(drawn["name"], drawn["value"], strict=True))
    assert np.isnan(values[THIRD])
    assert "Tiles without a value, in grey: 1." in opened.text
    shown = dict(zip(drawn["name"], drawn["shown"], strict=True))
    assert (shown[THIRD], shown[FIRST]) == ("—", f"{values[FIRST]:.2%}".replace("%", " %"))


def test_box_that_is_dragged_filters_the_table_and_fades_the_others(opened: OpenPage[SkyView]) -> None:
    opened.show("")
    plot = opened.figure("sky-plot")
    geometry = {"type": "rect", "x0": 0.5, "x1": -0.9, "y0": -34.0, "y1": -33.0}
    opened.do(lambda: plot._trigger_event(SelectionGeometry(plot, geometry=geometry, final=True)))
    assert opened.session.view.box == SkyBox.parse("-0.9:0.5,-34:-33")
    drawn = data_of(plot)
    assert dict(zip(drawn["name"], drawn["alpha"], strict=True)) == {FIRST: 1.0, SECOND: 1.0, THIRD: 0.25}
    (table,) = opened.parts(PagedTable)
    assert table.total == 4
    assert data_of(plot, 2)["right"] == pytest.approx([0.5])


@pytest.mark.parametrize(
    ("geometry", "final"),
    [
        ({"type": "rect", "x0": 1, "x1": 2, "y0": 1, "y1": 2}, False),
        ({"type": "rect", "x0": 1, "x1": 1, "y0": 1, "y1": 2}, True),
        ({"type": "point", "x": 1, "y": 1}, True),
    ],
)
def test_what_is_no_box_filters_nothing(opened: OpenPage[SkyView], geometry: dict[str, object], final: bool) -> None:
    plot = opened.figure("sky-plot")
    opened.do(lambda: plot._trigger_event(SelectionGeometry(plot, geometry=geometry, final=final)))
    assert opened.session.view.box is None


def test_nothing_that_matches_is_said(opened: OpenPage[SkyView]) -> None:
    opened.show("tile=nowhere")
    assert "No matching tiles." in opened.text
    assert data_of(opened.figure("sky-plot"))["xs"] == []
    assert opened.problems == ""


@pytest.mark.parametrize(
    ("centres", "first", "last"),
    [
        ((10.0, 20.0, 30.0), 10.0, 30.0),
        ((359.0, 1.0, 2.0), -1.0, 2.0),
        ((170.0, 190.0), 170.0, 190.0),
        ((0.0, 350.0, 20.0), -10.0, 20.0),
        ((200.0,), -160.0, -160.0),
        ((5.0,), 5.0, 5.0),
    ],
)
def test_survey_is_cut_at_its_widest_gap(centres: tuple[float, ...], first: float, last: float) -> None:
    ra = corners(*centres)
    found = _unwrapped(ra)
    np.testing.assert_allclose((found - ra + 180) % 360 - 180, 0, atol=1e-9)
    assert np.ptp(found, axis=1).max() == pytest.approx(0.6)
    middles = found.mean(axis=1)
    assert (middles.min(), middles.max()) == (pytest.approx(first), pytest.approx(last))


def test_no_tiles_stay_none() -> None:
    assert _unwrapped(np.empty((0, 4))).shape == (0, 4)
    assert _outline(SkyBox(1, 2, 3, 4), np.empty((0, 4)))["left"] == []


@pytest.mark.parametrize(
    ("box", "left", "right"),
    [(SkyBox(350, 10, -5, 5), -10.0, 10.0), (SkyBox(1, 3, -5, 5), 1.0, 3.0), (SkyBox(355, 357, -5, 5), -5.0, -3.0)],
)
def test_outline_of_a_box_lies_where_the_tiles_are_drawn(box: SkyBox, left: float, right: float) -> None:
    found = _outline(box, _unwrapped(corners(350.0, 0.0, 10.0)))
    assert found["left"] == pytest.approx([left])
    assert found["right"] == pytest.approx([right])
    assert (found["bottom"], found["top"]) == ([-5.0], [5.0])


def test_without_a_box_there_is_no_outline() -> None:
    assert _outline(None, corners(10.0)) == {name: [] for name in ("left", "right", "bottom", "top")}


def test_few_tiles_are_marked_however_small(opened: OpenPage[SkyView], monkeypatch: pytest.MonkeyPatch) -> None:
    opened.show("")
    marks, tiles = opened.figure("sky-plot").renderers[:2]
    assert marks.visible
    assert marks.glyph.size >= 8
    assert marks.data_source is tiles.data_source
    drawn = data_of(opened.figure("sky-plot"))
    assert drawn["x"] == pytest.approx(np.mean(drawn["xs"], axis=1))
    monkeypatch.setattr(sky, "MOST_MARKED", 2)
    opened.show("statistic=n_epochs")
    assert not marks.visible
