"""The notebooks: every cell runs, and gives what the stored one shows."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs" / "notebooks"
PROGRAM = Path(__file__).parent / "notebook.py"
REFRESH = "to store what the cells give now: .venv/bin/python tests/integration/notebook.py docs/notebooks/NAME.ipynb"

LARGEST = {"tutorial.ipynb": 500_000, "science.ipynb": 500_000, "maps.ipynb": 600_000}
"""Bytes that each notebook may have."""

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


def run(name: str, folder: Path) -> Notebook:
    """Run a notebook, in a process of its own: what Jupyter warns about is not our code's."""
    stored, fresh = DOCS / name, folder / name
    done = subprocess.run(
        [sys.executable, PROGRAM, stored, fresh], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Notebook(stored, fresh)


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Notebook:
    return run("tutorial.ipynb", tmp_path_factory.mktemp("tutorial"))


@pytest.fixture(scope="module")
def science(tmp_path_factory: pytest.TempPathFactory) -> Notebook:
    return run("science.ipynb", tmp_path_factory.mktemp("science"))


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Notebook:
    return run("maps.ipynb", tmp_path_factory.mktemp("maps"))


@pytest.fixture(params=["tutorial", "science", "maps"])
def notebook(request: pytest.FixtureRequest) -> Notebook:
    found: Notebook = request.getfixturevalue(request.param)
    return found


def test_every_cell_runs_and_complains_of_nothing(notebook: Notebook) -> None:
    cells = code_cells(notebook.fresh)
    assert [cell["execution_count"] for cell in cells.values()] == list(range(1, len(cells) + 1))
    for name, cell in cells.items():
        assert "stderr" not in {output.get("name") for output in cell["outputs"]}, f"{name}: {words(cell)}"


def test_the_stored_words_are_what_the_cells_give(notebook: Notebook) -> None:
    given, stored = (
        {name: words(cell) for name, cell in code_cells(each).items()} for each in (notebook.fresh, notebook.stored)
    )
    assert given == stored, REFRESH


def test_there_are_pictures_where_pictures_are_drawn(notebook: Notebook) -> None:
    for each in (notebook.fresh, notebook.stored):
        for name, cell in code_cells(each).items():
            drawn = any("image/png" in output.get("data", {}) for output in cell["outputs"])
            assert drawn == ("plt.show()" in "".join(cell["source"])), name


@pytest.mark.parametrize("name", LARGEST)
def test_every_picture_names_its_selection(name: str) -> None:
    for cell_name, cell in code_cells(DOCS / name).items():
        source = "".join(cell["source"])
        if "plt.show()" in source:
            # a mask writes its selection into the title itself, and so do the pictures of studies
            assert re.search(r"selection: |\.plot\((\w+, )?ax=|plot_\w+\(", source, re.IGNORECASE), cell_name


def test_the_stored_notebook_is_small(notebook: Notebook) -> None:
    assert max(each.stat().st_size for each in (notebook.fresh, notebook.stored)) < LARGEST[notebook.stored.name]


def test_the_mask_by_hand_equals_the_catalogue_at_every_pixel(tutorial: Notebook) -> None:
    assert words(code_cells(tutorial.fresh)["equal"]) == "equal at every pixel: True\n"


def test_the_known_sky_comes_out_within_its_errors(science: Notebook) -> None:
    cells = code_cells(science.fresh)
    level, slope = (
        [float(each) for each in re.findall(r"-?\d+\.\d+", line)] for line in words(cells["together"]).splitlines()
    )
    for (value, error, known), accuracy in ((level, 0.05), (slope, 0.15)):
        assert abs(value - known) < 3 * error < 3 * accuracy
    for name, columns, n_rows in (("level", ("level_off", "slope_off", "slope_x_off"), 6), ("noise", ("off",), 8)):
        rows = table(words(cells[name]))
        assert len(rows) == n_rows
        for row in rows:
            assert all(abs(float(row[column])) < 3 for column in columns), row
            assert abs(float(row.get("noise_ratio", "1")) - 1) < 0.01


def test_bias_falls_as_objects_are_left_out(science: Notebook) -> None:
    rows = table(words(code_cells(science.fresh)["definitions"]))
    for band in ("r", "i"):
        of_band = [row for row in rows if row["band"] == band]
        biases, fractions = ([float(row[name]) for row in of_band] for name in ("bias", "fraction"))
        assert biases == sorted(biases, reverse=True)
        assert fractions == sorted(fractions, reverse=True)
        # objects scatter the level within an image, so that its error is large as well
        assert biases[0] > 5 * float(of_band[-1]["level_error"])
        assert biases[0] > 3 * float(of_band[0]["level_error"])
        assert abs(biases[-1]) < 3 * float(of_band[-1]["level_error"])


def test_areas_agree_within_their_errors(maps: Notebook) -> None:
    lines = words(code_cells(maps.fresh)["areas"]).splitlines()
    areas = {line[:24].strip(): [float(each) for each in re.findall(r"\d+\.\d+", line)] for line in lines}
    (sky,) = areas["sky_area"]
    assert areas["sum of fracdet x pixel"] == areas["MOC of order 18"] == [sky]
    assert abs(areas["MOC of order 14"][0] / sky - 1) < 0.02
    by_points, error = areas["random points"]
    assert abs(by_points - sky) < 3 * error < 0.02 * sky


def test_random_points_agree_with_the_map(maps: Notebook) -> None:
    text = words(code_cells(maps.fresh)["agree"])
    n_pixels = int(text.split()[0])
    mean, error, scatter = (float(each) for each in re.findall(r"\d+\.\d+", text))
    assert n_pixels > 100
    assert mean < 3 * error
    assert abs(scatter - 1) < 4 / (2 * n_pixels) ** 0.5


def table(text: str) -> list[dict[str, str]]:
    """Return the rows of a table that a cell prints after other lines, by column."""
    lines = text.splitlines()
    start = next(k for k, line in enumerate(lines) if " band " in f" {line} ")
    names = lines[start].split()
    # the first column may hold words with spaces
    cells = [line.rsplit(maxsplit=len(names) - 1) for line in lines[start + 1 :] if line]
    return [dict(zip(names, row, strict=True)) for row in cells]
