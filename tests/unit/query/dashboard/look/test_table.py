"""A table whose pages come from the server."""

import math
from typing import Any

import pytest

from goodpix.query.dashboard.look.format import NO_VALUE
from goodpix.query.dashboard.look.table import PagedTable, TableColumn, TablePage, check_columns
from goodpix.query.dashboard.url import TableView
from goodpix.schema.errors import UnknownNameError

COLUMNS = (
    TableColumn("tilename", "Tile", link=lambda row: f"mask?tile={row['tilename']}"),
    TableColumn("share", "Good", "fraction", bounded=True),
    TableColumn("n", "Epochs", "count", doc="number of epochs", bounded=True),
    TableColumn("message", "Message", "words", sortable=False),
)
ROWS = [{"tilename": "A", "share": 0.5, "n": 1234, "message": "x"}]


@pytest.fixture
def table() -> PagedTable:
    return PagedTable.of_columns(COLUMNS)


def test_table_is_empty_and_says_so_until_it_is_read(table: PagedTable) -> None:
    assert (table.rows, table.total, table.words) == ([], 0, "Reading …")
    assert [each["kind"] for each in table.columns] == ["text", "number", "number", "words"]
    assert [(each["sortable"], each["bounded"]) for each in table.columns] == [
        (True, False),
        (True, True),
        (True, True),
        (False, False),
    ]


def test_page_shows_its_cells_and_how_it_was_sorted(table: PagedTable) -> None:
    table.show(COLUMNS, TableView("-n", 3, "share", 0.25, None), TablePage(ROWS, 21, "none", "worst"))
    assert table.rows == [[{"text": "A", "href": "mask?tile=A"}, {"text": "50.00 %"}, {"text": "1,234"}, {"text": "x"}]]
    assert (table.total, table.sort, table.page, table.of) == (21, "-n", 3, "worst")
    assert (table.where, table.words) == ("share:0.25:", "")


def test_empty_page_has_words_in_its_place(table: PagedTable) -> None:
    table.show(COLUMNS, TableView(), TablePage([], 0, "No failures."))
    assert (table.rows, table.words) == ([], "No failures.")


@pytest.mark.parametrize("value", [None, math.nan])
@pytest.mark.parametrize("column", COLUMNS)
def test_missing_value_is_a_dash_without_a_link(column: TableColumn, value: float | None) -> None:
    assert column.cell({column.name: value}) == {"text": NO_VALUE, "title": "no value (not zero)"}


def test_cell_shows_control_characters_as_escapes_and_its_link_stays() -> None:
    cell = COLUMNS[0].cell({"tilename": "A\x1b\u202e"})
    assert cell == {"text": r"A\x1b\u202e", "href": "mask?tile=A\x1b\u202e"}


def test_column_of_coadds_goes_where_there_are_none_and_comes_again() -> None:
    columns = (TableColumn("a", "A"), TableColumn("b", "B", "fraction", of_coadds=True), TableColumn("c", "C", "count"))
    shown = PagedTable.of_columns(columns)
    for values, labels in (((None, None), "AC"), ((None, 0.5), "ABC"), ((), "ABC"), ((None,), "AC")):
        rows = [{"a": "x", "b": value, "c": None} for value in values]
        shown.show(columns, TableView(), TablePage(rows, len(rows)))
        assert "".join(each["label"] for each in shown.columns) == labels
        assert [len(row) for row in shown.rows] == [len(labels)] * len(values)


def test_zero_is_a_value() -> None:
    assert COLUMNS[2].cell({"n": 0}) == {"text": "0"}


@pytest.mark.parametrize(("name", "value", "text"), [("sort", "-n", "-n"), ("where", "n:5:", "n:5:"), ("page", 2, "2")])
def test_change_by_the_user_is_told_by_name_and_text(table: PagedTable, name: str, value: Any, text: str) -> None:
    told: list[tuple[str, str]] = []
    table.listen(lambda *change: told.append(change))
    setattr(table, name, value)
    assert told == [(name, text)]


@pytest.mark.parametrize("view", [TableView(), TableView("tilename"), TableView("-share", 1, "n", 1.0)])
def test_columns_that_can_be_used_are_accepted(view: TableView) -> None:
    check_columns(view, COLUMNS)


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (TableView("message"), "cannot be sorted by 'message': expected one of tilename, share, n$"),
        (TableView("-none"), "cannot be sorted by '-none'"),
        (TableView(column="tilename"), "cannot be limited by 'tilename': expected one of share, n$"),
    ],
)
def test_column_that_cannot_be_used_is_refused_with_those_that_can(view: TableView, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        check_columns(view, COLUMNS)


def test_value_may_be_shown_in_another_unit_too() -> None:
    seeing = TableColumn("fwhm", "Seeing, pixels (arcsec)", "number", also="fwhm_arcsec")
    assert seeing.cell({"fwhm": 4.0, "fwhm_arcsec": 1.0520}) == {"text": "4 (1.052)"}
    assert seeing.cell({"fwhm": 4.0, "fwhm_arcsec": None}) == {"text": "4"}
