"""Tables of the command line: as wide as the terminal, in the order and with the columns asked for, as in Python."""

import io
import re
import shlex
import shutil
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
import typer.main

import goodpix
from goodpix.cli.app import app
from goodpix.query.tableshape import TableShape
from goodpix.schema.errors import UnknownNameError

from .conftest import Run
from .survey import SPEC, Survey

QUERY = "SELECT * FROM epoch_quality"
PLACE = SPEC.ra, SPEC.dec
TABLES: dict[str, Callable[..., pd.DataFrame] | None] = {
    "tiles": goodpix.Catalogue.tiles,
    "epochs": goodpix.Catalogue.epochs,
    "ccds": goodpix.Catalogue.ccds,
    "exposures": goodpix.Catalogue.exposures,
    "bits": goodpix.Catalogue.bits,
    "failures": goodpix.Catalogue.failures,
    f"at {PLACE[0]} {PLACE[1]}": lambda cat, **shape: cat.at(*PLACE, **shape),
    "sky --statistic median": lambda cat, **shape: cat.background(by="ccd", statistics="median", **shape),
    "blank-sky 3 --radius 0.5 --band r": lambda cat, **shape: cat.blank_sky(3, 0.5, band="r", **shape),
    "randoms 5": lambda cat, **shape: cat.randoms(5, seed=0, **shape),
    f"sql {shlex.quote(QUERY)}": lambda cat, **shape: cat.sql(QUERY, **shape),
    "selection list": goodpix.Catalogue.selections,
    # no question to a catalogue, or no frame
    "profiles": None,
    "map --statistic fracdet --statistic n_images": None,
}
"""Commands that print tables, and what gives them in Python."""
ASKED = [command for command, method in TABLES.items() if method is not None]
NOT_TABLES = {"doctor": "doctor", "map of a tile": f"map {SPEC.tilename} r"}
"""Commands that print something else that is wide."""


@pytest.fixture(scope="module")
def surveyed(small_tile: Any, tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """The small tile with a failed epoch, and named selections; nobody changes it."""
    made = Survey(tmp_path_factory.mktemp("tables") / "survey")
    shutil.copytree(small_tile, made.folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDS_DIR", str(made.folder))
        made.path(0, "seg").unlink()
        made.ingest()
        for number in range(2):
            exclude = [{"expnum": k} for k in range(12 + number)]
            selection = goodpix.Selection(border=number, exclude=exclude)
            goodpix.add_selection(made.database, f"selection-{number}", selection, "long " * 20)
    return made


@pytest.fixture
def run(surveyed: Survey, cli: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a command about that catalogue."""
    monkeypatch.chdir(surveyed.database.parent)
    monkeypatch.setenv("MEDS_DIR", "survey")
    monkeypatch.setenv("GOODPIX_DB", surveyed.database.name)
    return lambda words, *more: cli(*shlex.split(words), *more)


def test_every_command_that_prints_a_table_is_here() -> None:
    def names(group: Any, *path: str) -> list[str]:
        inside = getattr(group, "commands", {})
        found = [name for key, command in inside.items() for name in names(command, *path, key)]
        return found + [" ".join(path)] * any(each.name == "columns" for each in group.params)

    known = {re.match(r"(selection \w+|[\w-]+)", words) for words in TABLES}
    assert sorted(names(typer.main.get_command(app))) == sorted(each[0] for each in known if each)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("command", [*TABLES, *NOT_TABLES])
def test_table_is_as_wide_as_the_terminal(
    command: str, width: int, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = run(NOT_TABLES.get(command, command)).out.splitlines()
    # a name of a file stays whole
    assert [line for line in lines if len(line) > width and " " in line.strip()] == []
    assert len(lines) > 1
    if command in TABLES:
        whole = run(command, "--wide").out.splitlines()
        assert len(whole) == len(lines)
        assert max(map(len, whole)) >= max(map(len, lines))


@pytest.mark.parametrize("command", ["epochs", "failures", "selection list", "profiles"])
def test_more_columns_are_shown_where_there_is_more_room(
    command: str, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = []
    for width in (60, 80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        lengths.append(max(map(len, run(command).out.splitlines())))
    assert lengths == sorted(set(lengths))
    assert lengths[-1] > 80


@pytest.mark.parametrize("command", TABLES)
def test_order_number_and_columns_are_those_asked_for(command: str, run: Callable[..., Any]) -> None:
    heading, *rows = run(command, "--wide").out.splitlines()
    first, second, *_ = [re.sub(r"\[.*\]", "", name) for name in heading.split()]
    for options in ([f"--columns={second},{first}"], ["--columns", second, "--columns", first]):
        done = run(command, *options, "--sort", f"-{first},{second}", "--limit", 1)
        assert [re.sub(r"\[.*\]", "", name) for name in done.out.splitlines()[0].split()] == [second, first]
        assert len(done.out.splitlines()) == 2 <= 1 + len(rows)


@pytest.mark.parametrize("command", TABLES)
def test_column_that_there_is_not_is_refused(command: str, run: Callable[..., Any]) -> None:
    for option in ("--sort", "--columns"):
        done = run(command, option, "bnad")
        assert (done.status, done.out, len(done.lines)) == (2, "", 1)
        assert "has no column 'bnad'" in done.err


@pytest.mark.parametrize("command", ASKED)
def test_python_gives_the_same_order_number_and_columns(
    command: str, surveyed: Survey, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    method = TABLES[command]
    assert method is not None
    monkeypatch.setenv("MEDS_DIR", str(surveyed.folder))
    with goodpix.Catalogue(surveyed.database) as cat:
        every = method(cat)
        first, second = list(every)[:2]
        last = list(every)[-1]
        shape: dict[str, Any] = {"sort": [f"-{second}", first], "limit": 2, "columns": [second, first, last]}
        found = method(cat, **shape)
        with pytest.raises(UnknownNameError, match="has no column 'bnad'"):
            method(cat, columns="bnad")
    expected = TableShape.of(**shape).of_frame(every, "answer")
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert len(found) >= 1
    assert found.attrs.get("units", {}).keys() <= set(found)
    options = ["--sort", ",".join(shape["sort"]), "--limit", 2, "--columns", ",".join(shape["columns"])]
    if shape["sort"][0].startswith("-"):
        options[:2] = [f"--sort={options[1]}"]
    shown = pd.read_csv(io.StringIO(run(command, *options, "--format", "csv").out))
    assert list(shown) == list(found)
    assert len(shown) == len(found)


def test_query_keeps_its_rows_when_it_is_sorted(surveyed: Survey) -> None:
    texts = "SELECT 'a' AS \"x y\", 1 AS n UNION ALL SELECT NULL, 2 UNION ALL SELECT 'b', 3 -- the end"
    with goodpix.Catalogue(surveyed.database) as cat:
        assert cat.sql(texts, sort=["-x y"]).n.tolist() == [3, 1, 2]
        few = cat.sql(texts, sort="x y", limit=2, columns="n")
        assert (few.n.tolist(), list(few), few.attrs["cut"]) == ([1, 3], ["n"], True)
        assert cat.sql(texts, sort="x y", limit=3).attrs["cut"] is False
        assert cat.sql("VALUES (2), (:n)", {"n": 1}, sort="column1").column1.tolist() == [1, 2]


def test_columns_of_a_query_that_do_not_fit_are_said(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    wide = "SELECT band, '" + "long " * 20 + "' AS t, fwhm AS a, fwhm AS b, fwhm AS c FROM ccd_quality"
    done = run("sql", wide)
    assert done.err == "cut: t; 1 column not shown: c (--columns A,B chooses, --wide shows every column)\n"
    assert run("sql", wide, "--wide").err == ""
    assert run("sql", wide, "--columns", "t").err == ""


def test_summary_is_shaped_only_where_it_is_shown(run: Callable[..., Any]) -> None:
    done = run("map", "--sort", "mean", "-o", "map.fits")
    assert (done.status, len(done.lines)) == (2, 1)
    assert "are for the summary that is shown without it" in done.err
