"""The tutorial: every cell runs, and gives what the stored notebook shows."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

STORED = Path(__file__).resolve().parents[2] / "docs" / "tutorial.ipynb"
PROGRAM = Path(__file__).parent / "notebook.py"
REFRESH = "to store what the cells give now: .venv/bin/python tests/integration/notebook.py docs/tutorial.ipynb"

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


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The notebook with what its cells give here and now.

    In a process of its own: what Jupyter warns about is not our code's.
    """
    result = tmp_path_factory.mktemp("tutorial") / "tutorial.ipynb"
    done = subprocess.run(
        [sys.executable, PROGRAM, STORED, result], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return result


def test_every_cell_runs_and_complains_of_nothing(fresh: Path) -> None:
    cells = code_cells(fresh)
    assert [cell["execution_count"] for cell in cells.values()] == list(range(1, len(cells) + 1))
    for name, cell in cells.items():
        assert "stderr" not in {output.get("name") for output in cell["outputs"]}, f"{name}: {words(cell)}"


def test_the_mask_by_hand_equals_the_catalogue_at_every_pixel(fresh: Path) -> None:
    assert words(code_cells(fresh)["equal"]) == "equal at every pixel: True\n"


def test_the_stored_words_are_what_the_cells_give(fresh: Path) -> None:
    given, stored = ({name: words(cell) for name, cell in code_cells(each).items()} for each in (fresh, STORED))
    assert given == stored, REFRESH


def test_there_are_pictures_where_pictures_are_drawn(fresh: Path) -> None:
    for notebook in (fresh, STORED):
        for name, cell in code_cells(notebook).items():
            drawn = any("image/png" in output.get("data", {}) for output in cell["outputs"])
            assert drawn == ("plt.show()" in "".join(cell["source"])), name


def test_every_picture_names_its_selection() -> None:
    for name, cell in code_cells(STORED).items():
        source = "".join(cell["source"])
        if "plt.show()" in source:
            # a mask writes its selection into the title itself
            assert re.search(r"selection: |\.plot\((\w+, )?ax=", source, re.IGNORECASE), name


def test_the_stored_notebook_is_small(fresh: Path) -> None:
    assert max(notebook.stat().st_size for notebook in (fresh, STORED)) < 500_000


def test_the_stored_notebook_tells_of_no_machine_and_no_run(fresh: Path) -> None:
    for cell in code_cells(STORED).values():
        outputs = re.sub(r'"image/png": ".*?"', "", json.dumps(cell["outputs"]))
        assert not re.search(r"(?<![\w<])/[\w.-]+/|\b0x[0-9a-f]{6,}", outputs), "a path or an address"
    stored, again = (json.loads(notebook.read_text()) for notebook in (STORED, fresh))
    assert stored["metadata"] == again["metadata"]
    assert {json.dumps(cell["metadata"]) for cell in stored["cells"]} == {"{}"}
