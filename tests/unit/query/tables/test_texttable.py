"""Tables as text."""

import numpy as np
import pandas as pd
import pytest

from goodpix.query.tables.texttable import LEADING, TextTable, render_table, terminal_width

ROWS = pd.DataFrame(
    {
        "tilename": ["DES0001-0001"] * 2,
        "band": ["r", "i"],
        "expnum": [201000, 201003],
        "ccdnum": [12, 42],
        "fraction_good_se": [0.25, 0.5],
        "fraction_good_on_coadd": [np.nan, np.nan],
        "n_good": [100, 200],
        "unlisted": [1, 2],
    }
)


def headings(table: TextTable, rows: pd.DataFrame = ROWS) -> list[str]:
    return next(iter(table.lines([rows]))).decode().split()


def test_columns_null_throughout_are_not_shown() -> None:
    shown = ["tilename", "band", "expnum", "ccdnum", "fraction_good_se", "n_good"]
    assert headings(TextTable("epochs")) == shown
    assert headings(TextTable("epochs"), ROWS[:0]) == [*shown[:5], "fraction_good_on_coadd", "n_good"]


@pytest.mark.parametrize("width", [20, 36, 53, 54, 61, 62, 200])
def test_columns_shown_fit_but_the_key_is_always_there(width: int) -> None:
    table = TextTable("epochs", width)
    lines = [line.decode().rstrip("\n") for line in table.lines([ROWS])]
    shown = lines[0].split()
    assert shown[:4] == ["tilename", "band", "expnum", "ccdnum"]
    assert len({len(line) for line in lines}) == 1
    assert len(shown) == 4 or len(lines[0]) <= width
    assert [*shown, *table.hidden] == headings(TextTable("epochs"))
    if table.hidden:
        assert len(lines[0]) + 2 + len(table.hidden[0]) > width


def test_columns_that_were_chosen_are_all_shown() -> None:
    assert headings(TextTable(""), ROWS[["unlisted", "fraction_good_on_coadd"]]) == [
        "unlisted",
        "fraction_good_on_coadd",
    ]


def test_later_parts_have_the_columns_and_widths_of_the_first() -> None:
    lines = list(TextTable("epochs", 54).lines([ROWS[:1], ROWS[1:].assign(n_good=[10**9])]))
    assert [len(line) for line in lines] == [len(lines[0])] * 3


def test_columns_lead_with_the_key() -> None:
    keys = {"tilename", "band", "expnum", "ccdnum", "failure_key"}
    for names in LEADING.values():
        of_key = [name in keys for name in names.split()]
        assert of_key == sorted(of_key, reverse=True)


@pytest.mark.parametrize(("text", "width"), [("120", 120), ("", 80), ("wide", 80), ("0", 80), ("-3", 80)])
def test_without_a_terminal_the_width_is_that_of_the_environment(
    text: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", text)
    assert terminal_width() == width


def test_text_has_no_limit_of_width() -> None:
    assert render_table(ROWS, "epochs").splitlines()[0].split() == headings(TextTable("epochs"))
