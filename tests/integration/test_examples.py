"""The examples in docstrings run, on the demonstration, and everything public has one."""

import doctest
import inspect
import os
import shutil
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pytest

import goodpix
from goodpix.demo import Demo, run_demo
from goodpix.query import plots, summary
from goodpix.query.background.epochpixels import EpochPixels
from goodpix.query.background.maps import BackgroundMap
from goodpix.query.sqlanswer import SqlAnswer

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("cli", "ingest", "query", "schema")
RETURNED = (EpochPixels, BackgroundMap, SqlAnswer)
OPTIONS = doctest.ELLIPSIS | doctest.REPORT_NDIFF


def public() -> Iterator[tuple[str, Any]]:
    """Yield all that is public, by name: what `goodpix` and its plots and summaries have, and methods of classes."""
    homes = {"goodpix": goodpix, "plots": plots, "summary": summary}
    things = {f"{home}.{name}": getattr(module, name) for home, module in homes.items() for name in module.__all__}
    things |= {each.__name__: each for each in RETURNED}
    for name, thing in things.items():
        if inspect.isclass(thing):
            for method in dir(thing):
                static = inspect.getattr_static(thing, method)
                found = getattr(static, "__func__", static)  # of a class method
                if not method.startswith("_") and isinstance(found, FunctionType) and _ours(found):
                    yield f"{name}.{method}", found
        if (callable(thing) and name.startswith("goodpix.")) or isinstance(thing, FunctionType):
            yield name, thing


def _ours(thing: Any) -> bool:
    return str(thing.__module__).startswith("goodpix")


def documented() -> Iterator[tuple[str, str, str]]:
    """Yield the module, name and text of every docstring with examples in the package."""
    finder = doctest.DocTestFinder()
    for path in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        if ">>>" in path.read_text():
            module = f"goodpix.{path.relative_to(ROOT).with_suffix('').as_posix().replace('/', '.')}"
            for found in finder.find(import_module(module), module):
                if found.examples:
                    yield module, found.name.removeprefix(f"{module}."), str(found.docstring)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demonstration; nobody changes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDS_DIR", "nowhere")  # the demonstration sets it, and it is put back afterwards
        yield run_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture
def names(demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The names that examples use; they run in a folder with a catalogue that they may change."""
    from matplotlib import pyplot

    shutil.copy(demo.database, tmp_path)
    shutil.copytree(demo.masks, tmp_path / demo.masks.name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEDS_DIR", os.fspath(demo.survey))
    pyplot.switch_backend("agg")
    with goodpix.Catalogue(demo.database.name) as cat:
        mask = cat.mask("DES0131-3206", "r", 201000, 12)
        of_package = {name: getattr(goodpix, name) for name in goodpix.__all__}
        yield of_package | {"goodpix": goodpix, "np": np, "cat": cat, "mask": mask, "survey": demo.survey}
    pyplot.close("all")


@pytest.mark.slow
@pytest.mark.parametrize(("module", "name", "text"), [pytest.param(*each, id=each[1]) for each in documented()])
def test_example_shows_what_comes_out(module: str, name: str, text: str, names: dict[str, Any]) -> None:
    variables = vars(import_module(module)) | names
    test = doctest.DocTestParser().get_doctest(text, variables, name, module, 0)
    shown: list[str] = []
    failed = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=shown.append).failed
    assert failed == 0, "".join(shown)


@pytest.mark.parametrize(("name", "thing"), [pytest.param(*each, id=each[0]) for each in public()])
def test_everything_public_has_an_example(name: str, thing: Callable[..., Any]) -> None:
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(thing) or "")
    assert examples, name
    assert not [each for each in examples if each.options], f"{name}: expected examples that run"
