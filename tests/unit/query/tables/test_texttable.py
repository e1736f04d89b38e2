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
    assert table.n_not_shown == ROWS.shape[1] - len(shown)
    if table.hidden:
        assert len(lines[0]) + 2 + len(table.hidden[0]) > width


@pytest.mark.parametrize(("width", "shown"), [(66, "n_pixels name"), (65, "name"), (56, "name"), (55, "")])
def test_name_of_a_bit_is_kept_rather_than_its_number_of_pixels(width: int, shown: str) -> None:
    key = {"tilename": "DES0001-0001", "band": "r", "expnum": 201000, "ccdnum": 12, "plane": "se", "bit": 3}
    rows = pd.DataFrame([{**key, "n_pixels": 65536, "name": "NEAREDGE"}])
    table = TextTable("bits", width)
    lines = [line.decode().split() for line in table.lines([rows])]
    assert lines[0] == [*key, *shown.split()]
    assert lines[1] == [str(rows[name].iloc[0]) for name in lines[0]]


def test_corners_of_whole_images_are_not_shown() -> None:
    rows = pd.DataFrame({"expnum": [1, 1], "n": [7, 8], "x0": [0, 0], "y0": [0, 0], "noise_ratio": [1.0, 2.0]})
    assert headings(TextTable("sky"), rows) == ["expnum", "n", "noise_ratio"]
    assert headings(TextTable("sky"), rows.assign(y0=[0, 256])) == ["expnum", "n", "x0[pix]", "y0[pix]", "noise_ratio"]


def test_query_has_no_key_that_must_be_shown() -> None:
    rows = pd.DataFrame({name: ["x" * 12] for name in ("t1", "t2", "t3", "tilename", "ccdnum")})
    table = TextTable("sql", 30)
    assert headings(table, rows) == ["t1", "t2"]
    assert (table.hidden, table.n_not_shown) == (["t3", "tilename", "ccdnum"], 3)


LONG = "$MEDS_DIR/a/folder/with/a/long/name/and/a/file.yaml#201000/12"


@pytest.mark.parametrize("width", [30, 52, 60, 90])
def test_long_texts_lose_their_middle(width: int) -> None:
    rows = pd.DataFrame({"failure_key": [LONG, "a"], "error_type": ["FitsFileError"] * 2, "message": ["gone" * 20] * 2})
    table = TextTable("failures", width)
    heading, long, short = (line.decode().rstrip("\n") for line in table.lines([rows]))
    assert len(long) == width
    assert heading.startswith("failure_key")
    key = long.split("  ")[0]
    n = len(key) - 3
    assert key == f"{LONG[: n - n // 2]}...{LONG[len(LONG) - n // 2 :]}"
    assert short.split()[0] == short[0] == "a"
    assert table.cut == ["failure_key", "message"][: 2 if width > 50 else 1]
    assert table.hidden == ([] if width > 50 else ["error_type", "message"])
    whole = TextTable("failures", 200)
    assert [LONG in line.decode() for line in whole.lines([rows])] == [False, True, False]
    assert whole.cut == whole.hidden == []


def test_text_is_cut_in_later_parts_as_in_the_first() -> None:
    parts = [pd.DataFrame({"failure_key": [LONG], "n": [1]}), pd.DataFrame({"failure_key": [2 * LONG], "n": [2]})]
    lines = list(TextTable("", 30).lines(parts))
    assert [len(line) for line in lines] == [31] * 3


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
