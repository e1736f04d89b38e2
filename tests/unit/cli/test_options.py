"""Options of the command line as filters and selections."""

from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from goodpix.cli.options import with_options
from goodpix.query.tableshape import TableShape
from goodpix.schema.criteria import Selection
from goodpix.schema.errors import UnknownNameError, UsageError


def given(*arguments: str) -> dict[str, Any]:
    """Return what a command gets by its options, or raise the error."""
    received: dict[str, Any] = {}
    program = typer.Typer()

    @program.command()
    @with_options
    def command(
        *, db: str = "none", filters: dict[str, Any], plain: int = 7, selection: Selection, shape: TableShape
    ) -> None:
        received.update(filters=filters, plain=plain, selection=selection, shape=shape)

    done = CliRunner().invoke(program, arguments)
    if done.exception is not None:
        raise done.exception
    return received


def test_without_options_there_is_no_filter_and_the_default_selection() -> None:
    assert given() == {"filters": {}, "plain": 7, "selection": Selection(), "shape": TableShape()}


def test_shape_of_a_table_is_that_of_python() -> None:
    options = ["--sort", "-fwhm", "--sort", "nite", "--limit", "3", "--columns", "nite, fwhm"]
    assert given(*options)["shape"] == TableShape.of(sort=["-fwhm", "nite"], limit=3, columns=["nite", "fwhm"])


def test_columns_and_order_may_be_given_together_or_one_by_one() -> None:
    options = ["--sort=-fwhm, nite", "--sort", "band", "--columns", "a,b", "--columns", "c"]
    assert given(*options)["shape"] == TableShape.of(sort=["-fwhm", "nite", "band"], columns=["a", "b", "c"])


def test_wide_is_every_column_unless_some_are_chosen() -> None:
    assert given("--wide")["shape"] == TableShape.of(columns="*")
    assert given("--wide", "--columns", "a")["shape"] == TableShape.of(columns="a")


def test_other_parameters_stay_options_of_their_own() -> None:
    assert given("--plain", "9", "--band", "r")["plain"] == 9


def test_filters_have_the_names_of_python_and_every_value() -> None:
    options = ["--tile", "A", "--tile", "B", "--band", "r", "--expnum", "5:9", "--ccdnum", "3", "--nite", ":20150101"]
    expected = {"tilename": ["A", "B"], "band": ["r"], "expnum": ["5:9"], "ccdnum": ["3"], "nite": [":20150101"]}
    assert given(*options)["filters"] == expected


def test_bounds_are_split_at_the_first_equals_sign() -> None:
    filters = given("--min", "n_good = 5", "--min", "fwhm=3", "--max", "a=b=c")["filters"]
    assert filters == {"min": {"n_good": "5", "fwhm": "3"}, "max": {"a": "b=c"}}


@pytest.mark.parametrize("option", ["--min", "--max"])
def test_bound_without_a_value_is_refused(option: str) -> None:
    with pytest.raises(UsageError, match=f"{option} n_good: expected COLUMN=VALUE"):
        given(option, "n_good")


def test_selection_is_that_of_python() -> None:
    options = ["--ignore", "COADD_SEG", "--ignore-bit", "SE:STAR", "--ignore-bit", "se:2048"]
    found = given(*options, "--grow", "SE:TRAIL=5.5", "--grow", "SE_SEG=3", "--border", "48")["selection"]
    assert found == Selection(["COADD_SEG"], {"SE": ["STAR", "2048"]}, {"SE:TRAIL": 5.5, "SE_SEG": 3}, 48)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (["--ignore", "COAD_SEG"], UnknownNameError, "COAD_SEG.*did you mean COADD_SEG"),
        (["--ignore-bit", "STAR"], UsageError, "--ignore-bit STAR: expected PLANE:BIT"),
        (["--grow", "SE_SEG"], UsageError, "--grow SE_SEG: expected WHAT=PIXELS"),
    ],
)
def test_option_that_is_no_selection_is_named(options: list[str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        given(*options)


def test_border_is_not_negative() -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        given("--border", "-1")
