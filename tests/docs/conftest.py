"""The documentation, built once for the tests of its pages and of its notebooks."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"

FULL = os.environ.get("GOODPIX_TEST_NOTEBOOKS") == "full"
"""Whether notebooks run on the data that they are stored with."""


@dataclass(frozen=True, slots=True)
class Built:
    """Documentation that has been built.

    Parameters
    ----------
    html, notebooks : Path
        Folder of the pages, and of the notebooks as they ran.
    status : int
        Exit status.
    errors : str
        What the build complains of.
    """

    html: Path
    notebooks: Path
    status: int
    errors: str


def build(source: Path, folder: Path) -> Built:
    """Build pages as `make docs` does, with less data in the notebooks."""
    options = ["--fail-on-warning", "--keep-going", "--quiet", "--builder", "html"]
    html, trees = folder / "html", folder / "trees"
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, "--doctree-dir", trees, source, html],
        env=os.environ | {"NOTEBOOK_SIZE": "full" if FULL else "small"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return Built(html, trees / "executed", done.returncode, done.stderr)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The documentation; all tests that use it are in one worker."""
    made = build(DOCS, tmp_path_factory.mktemp("site"))
    assert made.status == 0, made.errors
    return made
