"""Small HTML elements escape their text."""

import panel as pn

from goodpix.query.dashboard.look.markup import STYLE, band_legend, escaped, html_pane, note, title, under
from goodpix.query.palette import BAND_COLOURS, band_colour


def test_title_and_note_escape_their_text() -> None:
    assert title("<b> & co").object == "<h3>&lt;b&gt; &amp; co</h3>"
    assert note("<b> & co") == "<p class='note'>&lt;b&gt; &amp; co</p>"


def test_control_characters_are_shown_as_escapes() -> None:
    assert escaped("A\x1b[31m\u202eB\x9b\nµ < 5") == r"A\x1b[31m\u202eB\x9b" + "\nµ &lt; 5"
    assert title("\u202ereverse").object == r"<h3>\u202ereverse</h3>"
    assert r"\x07</span>" in band_legend(["r\x07"])


def test_pane_shows_html_as_it_is_in_the_style_of_the_pages() -> None:
    pane = html_pane("<b>5</b>")
    assert (pane.object, pane.stylesheets) == ("<b>5</b>", [STYLE])
    assert ".note" in STYLE


def test_legend_has_the_colour_and_name_of_each_band_in_order() -> None:
    found = band_legend(["r", "<N>"])
    assert found.index(BAND_COLOURS["r"]) < found.index("r</span>") < found.index(band_colour("<N>"))
    assert "&lt;N&gt;</span>" in found
    assert "<N>" not in found
    assert found.count("swatch") == 2
    assert band_legend([]) == ""


def test_panes_are_stacked_in_order() -> None:
    first, second = html_pane("1"), html_pane("2")
    found = under(first, second)
    assert isinstance(found, pn.Column)
    assert list(found) == [first, second]
