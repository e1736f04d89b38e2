"""Programs that worker processes cannot import, and processes of other pools: several workers serve all of them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from .survey import Survey

INGEST = "goodpix.ingest_tiles({folder!r}, db={database!r}, workers={workers}, force=True).n_epochs"
BACKGROUND = "goodpix.Catalogue({database!r}).background(workers={workers}).n.tolist()"
MAPPED = (
    "sorted((str(each.key), each.error or each.value.n)"
    " for each in goodpix.Catalogue({database!r}).map(f, workers={workers}))"
)
CALLS = {"ingest": INGEST, "background": BACKGROUND, "map": MAPPED}

# A function and a class of the program, and the names that it uses.
PROGRAM = """
import dataclasses, goodpix
from goodpix.ingest import survey
survey.BYTES_PER_WORKER = 1

@dataclasses.dataclass
class Count:
    n: int

FACTOR = 2

def f(mask):
    return Count(FACTOR * mask.count())

def call():
    return '\\n'.join(map(str, [{calls}]))
"""

PRINTED = PROGRAM + "\nprint(call())\n"
GUARDED = PROGRAM + "\nif __name__ == '__main__':\n    {body}\n"
BODIES = {
    "a worker of multiprocessing": "import multiprocessing; print(multiprocessing.Pool(1).apply(call))",
    "a worker of an executor": "from concurrent.futures import *; print(ProcessPoolExecutor(1).submit(call).result())",
    "a worker that was forked after a pool": "import multiprocessing; call(); "
    "print(multiprocessing.get_context('fork').Pool(1).apply(call))",
    "a thread": "from concurrent.futures import *; print(ThreadPoolExecutor(1).submit(call).result())",
}


def text_of(template: str, survey: Survey, workers: int, calls: Iterable[str] = CALLS, body: str = "") -> str:
    names = {"folder": str(survey.folder), "database": str(survey.database), "workers": workers}
    asked = ", ".join(CALLS[call].format(**names) for call in calls)
    return template.replace("{calls}", asked).replace("{body}", body)


def printed(arguments: list[str], text: str = "") -> str:
    done = subprocess.run(
        [sys.executable, *arguments], input=text, capture_output=True, text=True, check=False, timeout=100
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture(scope="module")
def expected(_catalogue_of_small_tile: Survey, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a program prints whose calls have one worker each, a line for each call."""
    survey = Survey(tmp_path_factory.mktemp("expected") / "stored" / "survey")
    shutil.copytree(_catalogue_of_small_tile.folder.parent, survey.folder.parent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDS_DIR", os.fspath(survey.folder))
        return printed(["-c", text_of(PRINTED, survey, workers=1)])


@pytest.mark.parametrize("by", ["file", "standard input", "argument"])
def test_program_without_a_guard_is_served(stored: Survey, expected: str, by: str) -> None:
    text, program = text_of(PRINTED, stored, workers=3), stored.folder.parent / "program.py"
    program.write_text(text)
    arguments = {"file": [str(program)], "standard input": ["-"], "argument": ["-c", text]}
    assert printed(arguments[by], text) == expected
    with stored.catalogue() as catalogue:
        assert catalogue.failures().empty


@pytest.mark.parametrize("inside", BODIES)
def test_calls_inside_another_pool_are_served(stored: Survey, expected: str, inside: str) -> None:
    program = stored.folder.parent / "program.py"
    program.write_text(text_of(GUARDED, stored, 3, body=BODIES[inside]))
    assert printed([str(program)]) == expected


@pytest.mark.slow
def test_functions_of_a_notebook_are_served(stored: Survey, expected: str, tmp_path: Path) -> None:
    folder = f"import os\nos.environ['MEDS_DIR'] = {str(stored.folder)!r}\n"
    cells = [folder + text_of(PRINTED, stored, 3, [call]) for call in CALLS]
    code: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    described = [code | {"id": f"cell-{k}", "source": cell} for k, cell in enumerate(cells)]
    path = tmp_path / "cells.ipynb"
    path.write_text(json.dumps({"cells": described, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    printed(["-m", "goodpix.docs.goodpixsite.notebook", str(path)])
    cells_run = json.loads(path.read_text())["cells"]
    assert "".join(each for cell in cells_run for out in cell["outputs"] for each in out["text"]) == expected


def test_function_that_cannot_be_sent_is_an_error(stored: Survey) -> None:
    text = text_of(PRINTED, stored, 2, ["map"]).replace("FACTOR = 2", "import threading\nFACTOR = threading.Lock()")
    done = subprocess.run([sys.executable, "-"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    said = done.stderr.rstrip().splitlines()[-1]
    assert said.startswith("goodpix.schema.errors.UsageError: the function f cannot be sent to worker processes (")
