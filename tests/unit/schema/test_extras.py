"""Optional libraries that are not installed."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from goodpix.schema.errors import MissingLibraryError
from goodpix.schema.extras import extra_of, missing_library, optional

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    "library", ["matplotlib", "psycopg", "distributed", "panel", "bokeh", "healsparse", "mocpy", "s3fs", "sep"]
)
def test_extra_of_a_library_installs_it(library: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert any(each.startswith(library) for each in extras[extra_of(library)])


def test_hint_works_before_the_first_release_too() -> None:
    assert str(missing_library("s3fs.core")) == (
        "s3fs is not installed: pip install 'goodpix[s3]', or in a checkout pip install '.[s3]'"
    )
    assert str(missing_library("photutils")) == "photutils is not installed: pip install photutils"


def test_only_the_named_library_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "healsparse", None)
    with pytest.raises(MissingLibraryError, match=r"healsparse is not installed: pip install"), optional("healsparse"):
        import healsparse  # noqa: F401
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'goodpix\.nothing'$"), optional("healsparse"):
        import goodpix.nothing  # type: ignore[import-not-found]  # noqa: F401


@pytest.mark.parametrize(
    ("libraries", "code"),
    [
        ("matplotlib", "import numpy; goodpix.Mask.from_bool(numpy.ones((3, 3), bool)).plot()"),
        ("matplotlib", "from goodpix.demo import run_demo; from pathlib import Path; run_demo(Path('none'))"),
        ("panel", "goodpix.Catalogue.dashboard(None)"),
        ("bokeh", "goodpix.Catalogue.dashboard(None)"),
        ("psycopg", "goodpix.Catalogue('postgresql://nowhere/none')"),
    ],
)
def test_python_says_what_the_command_line_says(libraries: str, code: str, tmp_path: Path) -> None:
    script = f"import sys; sys.modules[{libraries!r}] = None; import goodpix; {code}"
    environment = {"PYTHONPATH": ":".join(sys.path), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1] == f"goodpix.schema.errors.MissingLibraryError: {missing_library(libraries)}"
    assert list(tmp_path.iterdir()) == []


def test_older_python_is_told_which_one_is_needed() -> None:
    script = (
        "import sys, collections; "
        "sys.version_info = collections.namedtuple('V', 'major minor micro')(3, 10, 2); import goodpix"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=False,
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.stderr.splitlines()[-1].startswith(
        "ImportError: goodpix needs Python 3.11 or newer: this is Python 3.10"
    )
