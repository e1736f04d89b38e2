"""Type checkers find wrong names of filters and choices before anything runs."""

import inspect
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Unpack, get_args, get_type_hints

import pytest

import goodpix
from goodpix.query import plots, summary
from goodpix.query.background.skyrow import STATISTICS, By, ByName, StatisticName
from goodpix.query.filters import FilterKeywords, TableKeywords
from goodpix.query.masks.reader import Kind
from goodpix.schema.bits import BIT_SHIFT, Criterion, CriterionName, Plane

ROOT = Path(__file__).resolve().parents[2]

RIGHT = """
from typing import Unpack

import goodpix
from goodpix.query.plots import plot_sky, plot_time


def brightest(cat: goodpix.Catalogue, **filters: Unpack[goodpix.FilterKeywords]) -> int:
    return len(cat.epochs(sort="-skybrite", limit=10, columns=["expnum"], **filters))


def use(cat: goodpix.Catalogue, expnums: list[int]) -> None:
    brightest(cat, band="i", expnum=expnums, nite="20150101:", ccdnum=slice(1, 10), tilename=None)
    cat.ccds(where="fwhm < :x", params={"x": 4}, min={"airmass": 1}, max={"airmass": 1.5}, any_wcs=True)
    cat.background(goodpix.Selection(ignore=["SE_SEG"]), by="ccd", statistics=["mean", "noise"], band=["r", "i"])
    cat.bits(plane="se", bit=["STREAK", 5], band="i", sort="-n_pixels")
    cat.selections(sort="name", limit=3, columns=["name"])
    cat.sql("SELECT 1 AS a", sort="a", columns="a")
    cat.at(22.5, -32.1, sort="-mjd_obs", limit=1)
    cat.masks(kind="coadd", band="i")
    cat.pixels("weight", band="i")
    plot_sky(cat, band="i")
    plot_time(cat, by="exposure", ccdnum=7)
    cat.mask("T", "i").plot(over="image")
"""

# One mistake in each line.
WRONG = """
import goodpix
from goodpix.query.plots import plot_sky, plot_time

cat = goodpix.Catalogue("goodpix.db")
cat.epochs(bnad="i")
cat.tiles(tile="T")
cat.failures(band=1.5)
cat.ccds(min={"fwhm": "few"})
cat.exposures(colour="r")
cat.bits(any_wcs="yes")
cat.bits(plane="seg")
cat.bits(bit=1.5)
cat.masks(kind="ccd")
cat.map(len, nite=1.5)
cat.to_pandas(bnad="i")
cat.at(22.5, -32.1, bnad="i")
cat.selections(sorted="name")
cat.background(limit="3")
cat.background(by="tile")
cat.background(statistics=["meen"])
cat.pixels("sci")
cat.sky_area(bnad="i")
cat.moc(bnad="i")
cat.healsparse_map("fraction", nsides=4)
cat.blank_sky(3, 1.0, bnad="i")
cat.randoms(3, bnad="i")
cat.mask_width(bnad="i")
cat.compare_definitions({}, bnad="i")
plot_sky(cat, bnad="i")
plot_time(cat, by="year")
cat.mask("T", "i").plot(over="stars")
goodpix.Selection(ignore=["COADD_SEGG"])
goodpix.ingest_tiles("info.yaml", db="goodpix.db", wcs_source="header")
"""
FIRST = 6

# Of other packages a checker need not know anything.
CONFIGURATION = """
[mypy]
strict = True
follow_imports = skip
[mypy-goodpix.*]
follow_imports = silent
"""


def check(command: list[str], folder: Path, script: str) -> list[str]:
    """Return the lines about errors in a script of a user."""
    (folder / "script.py").write_text(script)
    (folder / "mypy.ini").write_text(CONFIGURATION)
    (folder / "links").mkdir(exist_ok=True)
    if not (folder / "links" / "goodpix").exists():
        (folder / "links" / "goodpix").symlink_to(ROOT)
    (folder / "pyrightconfig.json").write_text('{"extraPaths": ["links"]}')
    environment = os.environ | {"MYPYPATH": str(folder / "links")}
    done = subprocess.run(
        [*command, "script.py"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "error:" in line]


def mypy(folder: Path, script: str) -> list[str]:
    return check([sys.executable, "-m", "mypy", "--cache-dir", str(folder / "cache")], folder, script)


def pyright(folder: Path, script: str) -> list[str]:
    program = shutil.which("pyright")
    if program is None:
        pytest.skip("pyright is not installed")
    return check([program, "--pythonpath", sys.executable], folder, script)


@pytest.mark.slow
@pytest.mark.parametrize("checker", [mypy, pyright])
def test_checkers_find_each_wrong_name_and_nothing_else(
    checker: Callable[[Path, str], list[str]], tmp_path: Path
) -> None:
    assert checker(tmp_path, RIGHT) == []
    found = checker(tmp_path, WRONG)
    lines = {int(line.partition("script.py:")[2].partition(":")[0]) for line in found}
    assert lines == set(range(FIRST, len(WRONG.splitlines()) + 1)), found
    assert "bnad" in found[0]


def takers_of_filters() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield what is public and takes filters as keywords."""
    places: list[type | ModuleType] = [goodpix.Catalogue, plots, summary]
    for place in places:
        for name, member in inspect.getmembers(place, inspect.isfunction):
            keywords = [each for each in inspect.signature(member).parameters.values() if each.kind is each.VAR_KEYWORD]
            if not name.startswith("_") and keywords and keywords[0].name == "filters":
                yield name, member


@pytest.mark.parametrize(("name", "function"), list(takers_of_filters()))
def test_filters_have_their_type_everywhere(name: str, function: Callable[..., Any]) -> None:
    annotation: Any = inspect.get_annotations(function)["filters"]
    assert annotation in (Unpack[FilterKeywords], Unpack[TableKeywords]), name


def test_choices_are_those_that_there_are() -> None:
    assert get_args(Plane) == tuple(BIT_SHIFT)
    assert get_args(CriterionName) == tuple(Criterion.__members__)
    assert get_args(StatisticName) == tuple(STATISTICS)
    assert set(get_args(ByName)) == {each.value for each in By}
    assert get_type_hints(goodpix.Catalogue.masks, {"pd": None})["kind"] == Kind
