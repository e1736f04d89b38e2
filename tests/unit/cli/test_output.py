"""Answers as text and files, and what is said beside them."""

import io
import json
import logging
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from goodpix.cli.output import LateBar, db_option, say, show, show_progress, write_output, write_table
from goodpix.query.tables.formats import Format, format_of
from goodpix.query.tables.texttable import render_table
from goodpix.schema.errors import UsageError

ROWS = pd.DataFrame(
    {
        "band": pd.array(["r", None], dtype="str"),
        "n_good": pd.array([12_345_678, None], dtype="Int64"),
        "fraction": [0.123456789, np.nan],
    }
)


def cells(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_table_has_a_dash_for_what_is_missing() -> None:
    assert cells(render_table(ROWS, "sql")) == [
        ["band", "n_good", "fraction"],
        ["r", "12345678", "0.123456789"],
        ["-", "-", "-"],
    ]


RED = "a\x1b[31m"


def test_table_has_no_control_characters() -> None:
    assert cells(render_table(pd.DataFrame({RED: [RED, None, 1], "b": ["x\ny", "\u202e", "c"]}), "sql")) == [
        [r"a\x1b[31m", "b"],
        [r"a\x1b[31m", r"x\ny"],
        ["-", r"\u202e"],
        ["1", "c"],
    ]


def test_what_is_printed_has_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{RED}\n{RED}")
    show(RED)
    assert capsys.readouterr() == ("a\\x1b[31m\n", "a\\x1b[31m\na\\x1b[31m\n")


def test_logged_line_is_one_line_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    package = logging.getLogger("goodpix")
    level = package.level
    with show_progress():
        logging.getLogger("goodpix.ingest").warning("%s: failed", f"{RED}\nb")
    package.setLevel(level)
    assert capsys.readouterr().err == "a\\x1b[31m\\nb: failed\n"


class Terminal(io.StringIO):
    """A terminal that remembers what was written to it."""

    def isatty(self) -> bool:
        return True


def on_a_terminal(format_: Format, monkeypatch: pytest.MonkeyPatch) -> str:
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", terminal := Terminal())
        write_table([pd.DataFrame({"name": [RED]})], "sql", format_, None)
    return terminal.getvalue()


@pytest.mark.parametrize(
    ("format_", "shown"), [(Format.csv, "name\na\\x1b[31m\n"), (Format.json, '[\n {"name": "a\\u001b[31m"}\n]\n')]
)
def test_control_characters_never_reach_a_terminal(
    monkeypatch: pytest.MonkeyPatch, format_: Format, shown: str
) -> None:
    assert on_a_terminal(format_, monkeypatch) == shown


def test_terminal_says_how_many_columns_are_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = pd.DataFrame({name: ["x" * 12] for name in ("tilename", "band", "n_good", "n_on_coadd", "more", "fwhm")})
    for width, message in ((30, "4 columns not shown: n_good, n_on_coadd, ..."), (80, "2 columns not shown")):
        monkeypatch.setenv("COLUMNS", str(width))
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdout", Terminal())
            write_table([rows], "epochs", Format.table, None)
        assert capsys.readouterr().err == f"{message} (--columns A,B chooses, --wide shows every column)\n"


@pytest.mark.parametrize("format_", [Format.parquet, Format.fits])
def test_bytes_are_not_written_to_a_terminal(monkeypatch: pytest.MonkeyPatch, format_: Format) -> None:
    with pytest.raises(UsageError, match=f"--format {format_} is not text: expected -o FILE, or a pipe"):
        on_a_terminal(format_, monkeypatch)


def test_table_without_rows_is_its_heading() -> None:
    assert render_table(ROWS[:0], "sql") == "band  n_good  fraction"


def test_wide_answer_shows_its_leading_columns_in_their_order() -> None:
    wide = pd.DataFrame({"campaign": ["c"], "message": ["gone"], "failed_at": ["then"], "failure_key": ["info#1"]})
    assert cells(render_table(wide, "failures")) == [
        ["failure_key", "message", "failed_at"],
        ["info#1", "gone", "then"],
    ]
    assert cells(render_table(wide, "sql"))[0] == wide.columns.tolist()


@pytest.mark.parametrize(
    ("name", "format_"),
    [("rows.csv", "csv"), ("rows.JSON", "json"), ("rows.parquet", "parquet"), ("rows.txt", "table")],
)
def test_file_has_the_format_of_its_ending(name: str, format_: str, tmp_path: Path) -> None:
    write_table([ROWS], "sql", format_of(tmp_path / name), tmp_path / name)
    content = (tmp_path / name).read_bytes()
    expected = {
        "csv": b"band,n_good,fraction\nr,12345678,0.123456789\n,,\n",
        "table": (render_table(ROWS, "sql") + "\n").encode(),
    }
    if format_ == "parquet":
        pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(content)), ROWS, check_dtype=False)
    elif format_ == "json":
        numbers = {"band": "r", "n_good": 12_345_678, "fraction": 0.123456789}
        assert json.loads(content) == [numbers, dict.fromkeys(numbers)]
    else:
        assert content == expected[format_]


def test_format_that_is_asked_for_comes_before_the_ending(tmp_path: Path) -> None:
    write_table([ROWS], "sql", Format.json, tmp_path / "rows.csv")
    assert len(json.loads((tmp_path / "rows.csv").read_text())) == 2


def test_answer_that_a_format_cannot_hold_is_refused(tmp_path: Path) -> None:
    twice = pd.DataFrame([[1, 2]], columns=["n", "n"])
    with pytest.raises(UsageError, match=r"the answer cannot be written as parquet: column n"):
        write_table([twice], "sql", format_of(tmp_path / "rows.parquet"), tmp_path / "rows.parquet")
    assert list(tmp_path.iterdir()) == []


def test_written_file_is_reported_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_output(lambda: (tmp_path / "a").write_text("x"), tmp_path / "a")
    assert capsys.readouterr() == ("", f"wrote {tmp_path / 'a'}\n")


def test_file_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "nowhere" / "a"
    with pytest.raises(UsageError, match=f"{path}: cannot be written .*No such file"):
        write_output(lambda: path.write_text("x"), path)
    assert capsys.readouterr() == ("", "")


def test_option_for_the_same_catalogue_is_empty_where_it_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOODPIX_DB", raising=False)
    assert db_option("sqlite:///goodpix.db") == ""
    assert db_option("other.db") == " --db sqlite:///other.db"
    monkeypatch.setenv("GOODPIX_DB", "other.db")
    assert db_option("other.db") == ""
    assert db_option("sqlite:///goodpix.db") == " --db sqlite:///goodpix.db"


def test_option_for_the_same_catalogue_hides_its_password() -> None:
    assert "secret" not in db_option("postgresql://user:secret@host/db")


def test_bar_of_a_long_loop_comes_late_and_goes() -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=80)
    bar = LateBar(console, after=0.0)
    for n in range(1, 4):
        bar(n, 5)
    bar.close()
    assert "3/5" in shown.getvalue()
    soon = LateBar(console, after=1000.0)
    before = shown.getvalue()
    for n in range(1, 6):
        soon(n, 5)
    soon.close()
    assert shown.getvalue() == before


def test_progress_without_a_terminal_is_a_line_per_tile_and_ends(capsys: pytest.CaptureFixture[str]) -> None:
    package = logging.getLogger("goodpix")
    before, level = list(package.handlers), package.level
    with show_progress() as advance:
        advance(1, 2)
        logging.getLogger("goodpix.ingest").info("tile %s", "A")
    package.setLevel(level)
    say("done")
    assert capsys.readouterr() == ("", "tile A\ndone\n")
    assert package.handlers == before


def test_bar_tells_the_time_left_of_tiles_that_take_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 0.0
    monkeypatch.setattr("rich.console.monotonic", lambda: seconds)
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    with show_progress() as advance:
        for n_done in range(3):
            advance(n_done, 4)
            seconds += 100.0
    assert "2/4 0:03:20" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
