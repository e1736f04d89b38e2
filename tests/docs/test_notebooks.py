"""The notebooks, as they ran when the site was built: they give what the stored ones show.

Those that answer a question ran on less data (NOTEBOOK_SIZE=small); what they find is checked against what the maker
of the data put in, in their own cells as well. With GOODPIX_TEST_NOTEBOOKS=full, which ``make notebooks`` sets, they
ran as they are stored, and every word is compared.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from goodpix.docs.goodpixsite.notebook import digest

from .conftest import DOCS, FULL, Built

REFRESH = (
    "to store what the cells give now: .venv/bin/python -m goodpix.docs.goodpixsite.notebook docs/notebooks/NAME.ipynb"
)

LARGEST = {
    "tutorial": 500_000,
    "which-ccd": 500_000,
    "mask-width": 300_000,
    "sky-fibres": 600_000,
    "noirlab-map": 500_000,
}
"""Bytes that each notebook may have."""

SAME_DATA = list(LARGEST) if FULL else ["tutorial"]
"""Notebooks that run here on the data of the stored one."""

pytestmark = pytest.mark.slow

Cell = dict[str, Any]


def code_cells(notebook: Path) -> dict[str, Cell]:
    """Return a notebook's cells of code by name."""
    cells = json.loads(notebook.read_text())["cells"]
    return {cell["id"]: cell for cell in cells if cell["cell_type"] == "code"}


def words(cell: Cell) -> str:
    """Return what a cell prints and shows, without its pictures."""
    texts = [output.get("text") or output["data"]["text/plain"] for output in cell["outputs"]]
    return "\n".join("".join(text) for text in texts)


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook as it is stored, and with what its cells give here and now."""

    stored: Path
    fresh: Path


Ran = Callable[[str], Notebook]


@pytest.fixture(scope="module")
def ran(built: Built) -> Ran:
    """Return a function that gives a notebook by its name."""
    return lambda name: Notebook(DOCS / "notebooks" / f"{name}.ipynb", built.notebooks / f"{name}.ipynb")


@pytest.fixture(params=LARGEST)
def notebook(request: pytest.FixtureRequest, ran: Ran) -> Notebook:
    return ran(request.param)


def outputs_of(notebook: Notebook, cell: str) -> list[str]:
    """Return what a cell prints in the stored notebook and here."""
    return [words(code_cells(each)[cell]) for each in (notebook.stored, notebook.fresh)]


def numbers(text: str) -> list[float]:
    """Return the numbers in a text."""
    return [float(each) for each in re.findall(r"-?\d+(?:\.\d+)?", text)]


def test_every_cell_runs_and_complains_of_nothing(notebook: Notebook) -> None:
    for each in (notebook.fresh, notebook.stored):
        cells = code_cells(each)
        assert [cell["execution_count"] for cell in cells.values()] == list(range(1, len(cells) + 1))
        for name, cell in cells.items():
            assert "stderr" not in {output.get("name") for output in cell["outputs"]}, f"{name}: {words(cell)}"


@pytest.mark.parametrize("name", SAME_DATA)
def test_the_stored_words_are_what_the_cells_give(name: str, ran: Ran) -> None:
    notebook = ran(name)
    given, stored = (
        {name: words(cell) for name, cell in code_cells(each).items()} for each in (notebook.fresh, notebook.stored)
    )
    assert given == stored, REFRESH


@pytest.mark.parametrize("name", LARGEST)
def test_the_stored_outputs_are_of_these_cells(name: str) -> None:
    stored = json.loads((DOCS / "notebooks" / f"{name}.ipynb").read_text())
    assert stored["metadata"]["goodpix"] == {"outputs_of": digest(stored["cells"])}, REFRESH


def test_there_are_pictures_where_pictures_are_drawn(notebook: Notebook) -> None:
    for each in (notebook.fresh, notebook.stored):
        for name, cell in code_cells(each).items():
            drawn = any("image/png" in output.get("data", {}) for output in cell["outputs"])
            assert drawn == ("plt.show()" in "".join(cell["source"])), name


@pytest.mark.parametrize("name", LARGEST)
def test_every_picture_names_its_selection(name: str) -> None:
    for cell_name, cell in code_cells(DOCS / "notebooks" / f"{name}.ipynb").items():
        source = "".join(cell["source"])
        if "plt.show()" in source:
            # a mask writes its selection into the title itself, and so do the pictures of studies
            assert re.search(r"selection: |\.plot\((\w+, )?ax=|plot_\w+\(", source, re.IGNORECASE), cell_name


def test_the_stored_notebook_is_small(notebook: Notebook) -> None:
    assert max(each.stat().st_size for each in (notebook.fresh, notebook.stored)) < LARGEST[notebook.stored.stem]


def test_the_mask_by_hand_equals_the_catalogue_at_every_pixel(ran: Ran) -> None:
    assert words(code_cells(ran("tutorial").fresh)["equal"]) == "equal at every pixel: True\n"


def test_the_amplifier_that_got_worse_is_found(ran: Ran) -> None:
    for text in outputs_of(ran("which-ccd"), "step"):
        assert re.search(r"^CCD 41, amplifier B, since 201610\d\d$", text, re.MULTILINE)
    assert outputs_of(ran("which-ccd"), "check") == ["as the maker made it: True\n"] * 2
    for text in outputs_of(ran("which-ccd"), "bits"):
        name, before, after, change = text.splitlines()[2].split()
        assert name == "BPM"
        assert float(change) == pytest.approx(0.125 / 2, abs=0.02)
        assert float(after) - float(before) == pytest.approx(float(change), abs=0.002)


def assert_reach_is_known(text: str) -> None:
    """Compare the reach of haloes that a cell prints with what the maker put in."""
    reach, error, known = numbers(text.splitlines()[0])
    assert known in (40, 80)
    assert abs(reach - known) < 3 * error < known / 3


def test_the_reach_of_haloes_is_found(ran: Ran) -> None:
    for text in outputs_of(ran("mask-width"), "fit"):
        assert_reach_is_known(text)


def test_the_reach_of_haloes_is_found_about_other_stars(tmp_path: Path) -> None:
    notebook = json.loads((DOCS / "notebooks" / "mask-width.ipynb").read_text())
    wanted = ["imports", "make", "rings", "fit"]
    notebook["cells"] = [cell for cell in notebook["cells"] if cell["id"] in wanted]
    make = notebook["cells"][1]
    source = "".join(make["source"])
    assert source.count("seed=1,") == 1
    make["source"] = source.replace("seed=1,", "seed=4,")
    path = tmp_path / "other.ipynb"
    path.write_text(json.dumps(notebook))
    subprocess.run(
        [sys.executable, "-m", "goodpix.docs.goodpixsite.notebook", path],
        env=os.environ | {"NOTEBOOK_SIZE": "small"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    cells = code_cells(path)
    assert numbers(words(cells["rings"]))[0] == 4
    assert_reach_is_known(words(cells["fit"]))


def test_the_known_level_comes_out_where_haloes_are_left_out(ran: Ran) -> None:
    for text in outputs_of(ran("mask-width"), "by-ccd"):
        (objects, _), (stars, error) = (numbers(line)[-2:] for line in text.splitlines()[:2])
        stars, error, objects = (float(each) for each in (stars, error, objects))
        assert abs(stars) < objects
        assert abs(stars) < 3 * error + 0.06


def test_bias_falls_as_more_is_left_out(ran: Ran) -> None:
    for text in outputs_of(ran("mask-width"), "pays"):
        rows = table(text)
        for band in ("r", "i"):
            of_band = [row for row in rows if row["band"] == band]
            biases, fractions = ([float(row[name]) for row in of_band] for name in ("bias", "fraction"))
            assert fractions == sorted(fractions, reverse=True)
            assert abs(biases[-2]) < biases[1] < biases[0]


def test_fibres_are_blank_by_brute_force(ran: Ran) -> None:
    for text in outputs_of(ran("sky-fibres"), "brute-force"):
        assert re.search(r"^\d+ pixels of all discs in all images, 0 of them bad$", text, re.MULTILINE)
        assert "images that hold a disc whole, as counted by hand: True" in text
    for text in outputs_of(ran("sky-fibres"), "moc"):
        held, n_fibres = numbers(text.splitlines()[-1])
        assert held == n_fibres > 40


def test_exposure_time_is_what_counting_gives(ran: Ran) -> None:
    for text in outputs_of(ran("noirlab-map"), "count"):
        n_pixels, _, most = numbers(text.splitlines()[0])
        assert n_pixels == 150
        assert most > 60  # of several images
        assert numbers(text.splitlines()[1]) == [0.0]


def table(text: str) -> list[dict[str, str]]:
    """Return the rows of a table that a cell prints after other lines, by column."""
    lines = text.splitlines()
    start = next(k for k, line in enumerate(lines) if " band " in f" {line} ")
    names = lines[start].split()
    # the first column may hold words with spaces
    cells = [line.rsplit(maxsplit=len(names) - 1) for line in lines[start + 1 :] if line]
    return [dict(zip(names, row, strict=True)) for row in cells]
