"""Programs that worker processes cannot import, and processes of other pools: several workers serve all of them."""

import json
import subprocess
import sys
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
    return {call}
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


def text_of(template: str, survey: Survey, call: str, workers: int, body: str = "") -> str:
    asked = CALLS[call].format(folder=str(survey.folder), database=str(survey.database), workers=workers)
    return template.replace("{call}", asked).replace("{body}", body)


def printed(arguments: list[str], text: str = "") -> str:
    done = subprocess.run(
        [sys.executable, *arguments], input=text, capture_output=True, text=True, check=False, timeout=100
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def expected(survey: Survey, call: str) -> str:
    return printed(["-c", text_of(PRINTED, survey, call, workers=1)])


@pytest.mark.parametrize("by", ["file", "standard input", "argument"])
@pytest.mark.parametrize("call", CALLS)
def test_program_without_a_guard_is_served(stored: Survey, call: str, by: str) -> None:
    text, program = text_of(PRINTED, stored, call, workers=3), stored.folder.parent / "program.py"
    program.write_text(text)
    arguments = {"file": [str(program)], "standard input": ["-"], "argument": ["-c", text]}
    assert printed(arguments[by], text) == expected(stored, call)
    with stored.catalogue() as catalogue:
        assert catalogue.failures().empty


@pytest.mark.parametrize("inside", BODIES)
@pytest.mark.parametrize("call", CALLS)
def test_call_inside_another_pool_is_served(stored: Survey, call: str, inside: str) -> None:
    program = stored.folder.parent / "program.py"
    program.write_text(text_of(GUARDED, stored, call, 3, BODIES[inside]))
    assert printed([str(program)]) == expected(stored, call)


@pytest.mark.slow
def test_functions_of_a_notebook_are_served(stored: Survey, tmp_path: Path) -> None:
    folder = f"import os\nos.environ['MEDS_DIR'] = {str(stored.folder)!r}\n"
    cells = [folder + text_of(PRINTED, stored, call, workers=3) for call in CALLS]
    code: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    described = [code | {"id": f"cell-{k}", "source": cell} for k, cell in enumerate(cells)]
    path = tmp_path / "cells.ipynb"
    path.write_text(json.dumps({"cells": described, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    printed(["-m", "goodpix.docs.goodpixsite.notebook", str(path)])
    found = [
        "".join(each for out in cell["outputs"] for each in out["text"])
        for cell in json.loads(path.read_text())["cells"]
    ]
    assert found == [expected(stored, call) for call in CALLS]


def test_function_that_cannot_be_sent_is_an_error(stored: Survey) -> None:
    text = text_of(PRINTED, stored, "map", workers=2).replace(
        "FACTOR = 2", "import threading\nFACTOR = threading.Lock()"
    )
    done = subprocess.run([sys.executable, "-"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    said = done.stderr.rstrip().splitlines()[-1]
    assert said.startswith("goodpix.schema.errors.UsageError: the function f cannot be sent to worker processes (")
