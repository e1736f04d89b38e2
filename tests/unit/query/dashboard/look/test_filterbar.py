"""The filter bar: what it shows of a view, and what it makes of what is typed."""

from typing import Any

import panel as pn
import pytest

from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.look.filterbar import FilterBar, bands_of
from goodpix.query.dashboard.url import SkyBox, Span, View

NAMES = ("band", "tile", "nite", "ccdnum", "box")
FULL = View(band="r", tile="0124", nite=Span(20150101, 20150103), ccdnum=12, box=SkyBox(10, 20, -5, 5))


class Bar:
    """A filter bar, and the views that it asks for."""

    def __init__(self, view: View, names: tuple[str, ...] = NAMES) -> None:
        self.asked: list[View] = []
        self.bar = FilterBar(names, ["r", "g", "i"], view, self.asked.append)
        self.widgets: list[Any] = list(self.bar.row.select(pn.widgets.Widget))

    def field(self, placeholder: str) -> Any:
        return next(each for each in self.widgets if getattr(each, "placeholder", "").startswith(placeholder))

    @property
    def bands(self) -> Any:
        return next(each for each in self.widgets if isinstance(each, pn.widgets.RadioButtonGroup))

    @property
    def clear(self) -> Any:
        return next(each for each in self.widgets if isinstance(each, pn.widgets.Button))

    @property
    def summary(self) -> str:
        (pane,) = self.bar.row.select(pn.pane.HTML)
        return str(pane.object)


def test_bands_are_those_of_the_catalogue(rows_cache: CatalogueCache) -> None:
    assert bands_of(rows_cache, 0.0) == ["i", "r"]


def test_fields_hold_the_filters_of_the_view() -> None:
    bar = Bar(FULL)
    assert bar.bands.options == ["all", "g", "r", "i"]
    found = [bar.bands.value, *(bar.field(name).value for name in ("Tile", "Nights", "CCD"))]
    assert found == ["r", "0124", "20150101:20150103", "12"]
    assert bar.asked == []


def test_what_is_shown_is_said_in_words() -> None:
    assert "Shown: everything. Default definition of good." in Bar(View()).summary
    expected = "band r, tiles with 0124 in their name, nights 20150101:20150103, CCD 12, tiles centred in RA, Dec "
    assert expected in Bar(FULL).summary


def test_filters_of_other_pages_are_neither_shown_nor_said() -> None:
    bar = Bar(FULL, ("band",))
    assert "Shown: band r." in bar.summary
    assert len(bar.widgets) == 2
    assert not Bar(FULL, ()).bar.row.visible


@pytest.mark.parametrize(
    ("placeholder", "text", "view"),
    [
        ("Tile", "  0131 ", View(tile="0131")),
        ("Nights", "20150101:", View(nite=Span(20150101, None))),
        ("CCD", "7", View(ccdnum=7)),
    ],
)
def test_text_that_is_typed_asks_for_its_view(placeholder: str, text: str, view: View) -> None:
    bar = Bar(View())
    bar.field(placeholder).value = text
    assert bar.asked == [view]


def test_band_is_chosen_and_given_up() -> None:
    bar = Bar(View())
    bar.bands.value = "g"
    bar.bar.show(View(band="g"))
    bar.bands.value = "all"
    assert bar.asked == [View(band="g"), View()]


@pytest.mark.parametrize(
    ("placeholder", "text", "message"),
    [("Nights", "2015-01-01", "nite: "), ("CCD", "<b>", "ccdnum: &#x27;&lt;b&gt;&#x27;: expected a number")],
)
def test_text_that_is_no_filter_is_said_and_asks_for_nothing(placeholder: str, text: str, message: str) -> None:
    bar = Bar(FULL)
    bar.field(placeholder).value = text
    assert bar.asked == []
    assert f"<span class='problem'>{message}" in bar.summary


def test_clearing_gives_up_every_filter_and_nothing_else() -> None:
    bar = Bar(View(**{**{name: getattr(FULL, name) for name in NAMES}, "statistic": "n_good", "by": "exposure"}))
    assert bar.clear.visible
    bar.clear.clicks += 1
    assert bar.asked == [View(statistic="n_good", by="exposure")]
    bar.bar.show(bar.asked[0])
    assert not bar.clear.visible


def test_band_that_the_catalogue_does_not_have_leaves_the_buttons() -> None:
    bar = Bar(View(band="<Q>"))
    assert bar.bands.value == "all"
    assert "Shown: band &lt;Q&gt;." in bar.summary


def test_band_that_the_catalogue_has_got_is_offered_and_asks_for_nothing() -> None:
    bar = Bar(View(band="Q"))
    assert not bar.bar.offer(list(bar.bands.options[1:]))
    assert bar.bar.offer([*bar.bands.options[1:], "Q"])
    assert (bar.bands.value, bar.bands.options[-1]) == ("Q", "Q")
    assert bar.asked == []
