"""`docs/guide/hats.md` as it stands: a HATS catalogue of epochs is made and joined."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import goodpix
from goodpix.demo import run_demo

from .conftest import Run

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "guide" / "hats.md").read_text()

pytestmark = pytest.mark.slow


def blocks(language: str) -> list[str]:
    """Return the page's blocks of code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def run(program: Path) -> str:
    """Run a program in its folder, and return what it prints."""
    # numba in hats would compile for a quarter of a minute in each program
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, program], cwd=program.parent, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_epochs_are_imported_and_joined_as_the_page_says(
    tmp_path: Path, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDS_DIR", "put back afterwards")
    run_demo(tmp_path / "goodpix-demo")
    monkeypatch.chdir(tmp_path)
    database = tmp_path / "goodpix-demo" / "goodpix.db"
    monkeypatch.setenv("GOODPIX_DB", str(database))
    (commands,) = blocks("console")
    first, second = commands.splitlines()
    assert second.startswith("$ pip install ")
    assert cli(*first.removeprefix("$ goodpix ").split()).status == 0
    for code in blocks("python"):
        (tmp_path / code.split("\n", 1)[0].removeprefix("# ")).write_text(code)
    run(tmp_path / "make_hats.py")
    found = run(tmp_path / "join.py")
    (expected,) = blocks("text")
    assert found.split() == expected.split()
    with goodpix.Catalogue(database) as catalogue:
        holding = catalogue.at(22.8785, -32.1003, band="r", reasons=False)
    pairs = [line.split()[:3] for line in found.splitlines()[1:]]
    assert {("1", str(row.expnum), str(row.ccdnum)) for row in holding.itertuples()} <= set(map(tuple, pairs))
