"""Addresses: what a page shows, there and back, and what is wrong in one in words."""

from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest

from goodpix.query.dashboard.url import Pixel, SkyBox, Span, TableView, UrlQuery, View
from goodpix.schema.amplifiers import Region
from goodpix.schema.criteria import Selection
from goodpix.schema.errors import UnknownNameError, UsageError

FULL = View(
    band="r",
    tile="DES0131-3206",
    expnum=201000,
    ccdnum=12,
    nite=Span(20150101, None),
    box=SkyBox(350.1234, 10.0, -33.5, 2.25678),
    statistic="SE:TRAIL",
    by="exposure",
    tables={"tiles": TableView("-n_epochs", 3, "n_pixels", 12345678.25, 1e20), "ccds": TableView(page=2)},
    selection=Selection(
        ["COADD_SEG"],
        {"SE": ["STAR", "2048"]},
        {"SE:TRAIL": 5.5, "SE_SEG": 3},
        48,
        ["ccdnum=31,amplifier=A", "nite=20131115:"],
    ),
    hide=("SE-object", "coadd-object"),
    image=True,
    window=Region(100, 220, 40, 200),
    pixel=Pixel(111, 42),
)


def parse(query: str) -> UrlQuery:
    return UrlQuery.of(parse_qs(query))


def test_a_view_survives_its_address() -> None:
    found = parse(FULL.query())
    assert found.problems == ()
    assert found.view == FULL


def test_a_view_of_nothing_special_has_no_parameters() -> None:
    assert View().query() == ""
    assert parse("") == UrlQuery(View())


def test_the_words_of_a_selection_are_those_of_the_command_line() -> None:
    query = View(selection=FULL.selection).query()
    assert query == (
        "ignore=COADD_SEG&ignore-bit=SE:STAR&ignore-bit=SE:2048&grow=SE:TRAIL=5.5&grow=SE_SEG=3"
        "&exclude=ccdnum=31,amplifier=A&exclude=nite=20131115:&border=48"
    )


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "a&band=r#x?y", "ü %00 '", '"><img src=x>'])
def test_any_text_survives_and_stays_one_parameter(text: str) -> None:
    query = View(tile=text, band=text).query()
    assert not set(query) & set("<>\"'#? ")
    assert parse(query).view == View(tile=text, band=text)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("ccdnum=x", "ccdnum: 'x': expected a number"),
        ("nite=2015-01-01", "nite: '2015-01-01': expected a number, or a range A:B"),
        ("nite=:", "nite: ':': expected"),
        ("box=1:2", "box: '1:2': expected RA0:RA1,DEC0:DEC1 in degrees"),
        ("box=1:2,3:nan", "expected RA0:RA1,DEC0:DEC1"),
        ("box=1:2,3:-3", "DEC0 below DEC1"),
        ("window=5:5,0:9", "window: '5:5,0:9': expected X0:X1,Y0:Y1 in pixels"),
        ("pixel=1", "pixel: '1': expected X,Y in pixels"),
        ("by=moon", "by: 'moon': expected night or exposure"),
        ("image=yes", "image: 'yes': expected 0 or 1"),
        ("ignore=NOTHING", "unknown criterion 'NOTHING'"),
        ("ignore-bit=STAR", "ignore-bit STAR: expected PLANE:BIT"),
        ("grow=SE_SEG", "grow SE_SEG: expected WHAT=PIXELS"),
        ("grow=SE_SEG=-1", "expected a radius in pixels"),
        ("tiles.sort=n;drop", "tiles.sort: 'n;drop': expected a column, or -column"),
        ("tiles.page=0", "tiles.page: '0': expected a number from 1"),
        ("tiles.where=n:a", "tiles.where: 'n:a': expected COLUMN:LEAST:GREATEST with numbers"),
        ("tiles.where=n:inf", "expected COLUMN:LEAST:GREATEST with numbers"),
        ("statistic=a'b", "the name of a statistic"),
        ("colour=red", "colour: unknown parameter"),
        ("hide=SE-object&hide=nope", "hide: 'nope': expected one of border-or-own-cut, "),
        ("tile=" + "x" * 101, "tile: expected at most 100 characters"),
    ],
)
def test_what_cannot_be_understood_is_left_out_and_said(query: str, says: str) -> None:
    found = parse(f"{query}&band=r")
    assert len(found.problems) == 1
    assert says in found.problems[0]
    assert found.view == View(band="r")


def test_hidden_reasons_have_an_order() -> None:
    found = parse("hide=coadd-object&hide=SE-object&hide=coadd-object")
    assert found == UrlQuery(View(hide=("SE-object", "coadd-object")))


def test_too_many_parameters_are_none() -> None:
    found = parse("&".join(f"ignore=SE_SEG{k}" for k in range(101)))
    assert found.view == View()
    assert "more than 100 parameters" in found.problems[0]


def test_what_the_server_and_the_browser_add_is_no_problem() -> None:
    assert parse("bokeh-session-id=1&every=60") == UrlQuery(View())


def test_the_page_of_a_sorted_table_does_not_depend_on_the_order_of_the_parameters() -> None:
    expected = TableView("-n_good", 4, "n_good", 1.0, 2.0)
    for query in ("t.page=4&t.sort=-n_good&t.where=n_good:1:2", "t.where=n_good:1:2&t.sort=-n_good&t.page=4"):
        assert parse(query).view.table("t") == expected


def test_a_table_that_is_sorted_or_filtered_starts_again() -> None:
    before = TableView("n_good", 7, "n_good", 1.0)
    assert before.changed("sort", "-n_good") == TableView("-n_good", 1, "n_good", 1.0)
    assert before.changed("where", "") == TableView("n_good", 1)
    assert before.changed("where", "fraction_good_se::85%") == TableView("n_good", 1, "fraction_good_se", None, 0.85)
    with pytest.raises(UsageError, match="expected a number from 1"):
        before.changed("page", "-1")


@pytest.mark.parametrize(
    ("text", "span"), [("5", Span(5, 5)), ("5:", Span(5, None)), (":7", Span(None, 7)), (" 5 : 7 ", Span(5, 7))]
)
def test_a_span_has_both_ends(text: str, span: Span) -> None:
    assert Span.parse(text) == span
    assert Span.parse(str(span)) == span


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        (SkyBox(10, 20, -5, 5), [True, False, False, False]),
        (SkyBox(350, 12, -5, 5), [True, True, True, False]),
        (SkyBox(20, 10, -5, 5), [True, True, True, False]),
        (SkyBox.parse("-10:1,-5:6"), [False, True, True, True]),
        (SkyBox.parse("0:360,-5:5"), [True, True, True, False]),
        (SkyBox.parse("-40:359.9,-5:5"), [True, True, True, False]),
    ],
)
def test_a_box_goes_east_across_zero(box: SkyBox, inside: list[bool]) -> None:
    ra, dec = np.array([10.0, 355.0, 0.5, 0.5]), np.array([0.0, 0.0, 5.0, 5.5])
    if box == SkyBox(20, 10, -5, 5):
        ra = np.array([9.0, 21.0, 200.0, 15.0])
    found: Any = box.holds(ra, dec)
    assert found.tolist() == inside
    assert SkyBox.parse(str(box)) == box


WIDE = Selection(border=48, exclude=["ccdnum=31"])


def named(name: str) -> Selection:
    if name != "wide":
        raise UnknownNameError(f"unknown selection {name!r}")
    return WIDE.with_name(name)


def test_named_selection_is_in_the_address_by_its_name() -> None:
    query = View(selection=WIDE.with_name("wide")).query()
    assert query == "selection=wide"
    found = UrlQuery.of(parse_qs(query), named)
    assert (found.view.selection, found.view.selection.name, found.problems) == (WIDE, "wide", ())
    plain = View(selection=Selection().with_name("plain"))
    assert plain.query() == "selection=plain"


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("selection=wise", "unknown selection 'wise'"),
        ("selection=a b", "selection: name of a selection is 'a b'"),
        ("selection=wide&border=4", "selection: wide replaces the other parameters of a selection"),
        ("exclude=31", "exclude 31: cannot read '31'"),
        (f"exclude=band={'a' * 200}", "exclude: expected at most 200 characters"),
    ],
)
def test_selection_that_cannot_be_shown_is_a_problem(query: str, problem: str) -> None:
    (found,) = UrlQuery.of(parse_qs(query), named).problems
    assert found.startswith(problem)
