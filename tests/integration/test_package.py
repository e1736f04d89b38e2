"""What a user installs: the wheel and the source archive work, away from the checkout."""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import goodpix

from ..watchdog import VARIABLE

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("cli", "ingest", "query", "schema")
NOT_SOURCE = (
    ".git",
    ".venv",
    ".editable",
    ".*_cache",
    ".hypothesis",
    "__pycache__",
    "*.egg-info",
    "*build",
    "dist",
    "goodpix-*",
)
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")

# Of a tile that is as small as can be: the demonstration's own is a test of the command line.
DEMO = """
from pathlib import Path
import goodpix
from goodpix.demo import run_demo
from goodpix.ingest.synthetic import TileSpec
run_demo(Path("demo-folder"), TileSpec(bands=("r",), n_epochs=1, coadd_shape=(160, 170), ccd_shape=(128, 64)))
print(Path(goodpix.__file__).parent)
"""

# The versions that are supported, but for the one that runs the tests.
OTHERS = sorted({"3.11", "3.12", "3.13"} - {f"{sys.version_info.major}.{sys.version_info.minor}"})


# Of other packages a checker need not know anything.
CHECKED = """
[mypy]
follow_imports = skip
[mypy-goodpix.*]
follow_imports = silent
"""

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path, **settings: str) -> str:
    """Run a command as a user would: nothing of this checkout or of pytest in its environment but the run's marker."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GOODPIX_", "PYTEST_", "PYTHON"))}
    environment |= {VARIABLE: os.environ[VARIABLE]} | settings
    done = subprocess.run(
        command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command} exited {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout that holds its sources alone."""
    copy = tmp_path_factory.mktemp("package") / "source"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    return copy


@pytest.fixture(scope="module")
def setuptools(source: Path) -> Path:
    """A folder of what building takes: one for all builds, not an environment for each."""
    takes = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    folder = source.with_name("setuptools")
    run(*PIP, "install", "--quiet", "--no-compile", "--target", folder, *takes, cwd=source.parent)
    return folder


@pytest.fixture(scope="module")
def archives(source: Path, setuptools: Path) -> dict[str, Path]:
    """Build the source archive, and from it the wheel."""
    work = source.parent
    build: list[str | Path] = [sys.executable, "-m", "build", "--no-isolation"]
    run(*build, "--outdir", work / "dist", source, cwd=work, PYTHONPATH=str(setuptools))
    (wheel,) = (work / "dist").glob("*.whl")
    (sdist,) = (work / "dist").glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


def test_wheel_holds_only_the_package(archives: dict[str, Path]) -> None:
    with zipfile.ZipFile(archives["wheel"]) as wheel:
        names = [Path(name) for name in wheel.namelist()]
    assert {name.parts[0].split("-")[0] for name in names} == {"goodpix"}
    folders = {name.parts[1] for name in names if name.parts[0] == "goodpix" and len(name.parts) > 2}
    assert folders == set(ROOMS)
    modules = {name.stem for name in names if len(name.parts) == 2 and name.suffix == ".py"}
    assert modules == {"__init__", "__main__", "demo"}


def test_wheel_holds_every_module_and_data_file(archives: dict[str, Path]) -> None:
    with zipfile.ZipFile(archives["wheel"]) as wheel:
        shipped = set(wheel.namelist())
    folders = [path for folder in ROOMS for path in (ROOT / folder).rglob("*")]
    expected = {
        f"goodpix/{path.relative_to(ROOT).as_posix()}"
        for path in [*folders, ROOT / "py.typed"]
        if path.is_file() and path.parent.name != "__pycache__"
    }
    assert expected - shipped == set()


def test_sdist_holds_what_building_and_testing_take(archives: dict[str, Path]) -> None:
    with tarfile.open(archives["sdist"]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    tests = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py")}
    assert {
        "CITATION.cff",
        "LICENSE",
        "Makefile",
        "README.md",
        "constraints.txt",
        "docs/conf.py",
        "pyproject.toml",
        *tests,
    } - names == set()


def test_demo_runs_where_only_the_package_is(archives: dict[str, Path], tmp_path: Path) -> None:
    """The wheel was built from the source archive, which so holds what is needed."""
    venv.create(tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    run(*PIP, "--python", python, "install", "--quiet", "--no-deps", "--no-compile", archives["wheel"], cwd=tmp_path)
    # what it depends on is that of this environment: that all is declared is a test of its own
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    folder = tmp_path / "empty"
    folder.mkdir()
    version = run(tmp_path / "venv" / "bin" / "goodpix", "--version", cwd=folder)
    assert version == f"goodpix {importlib.metadata.version('goodpix')}\n"
    # kernels are compiled for this run alone
    assert run(python, "-c", DEMO, cwd=folder, NUMBA_OPT="0") == f"{site / 'goodpix'}\n"
    made = {path.suffix for path in (folder / "demo-folder").rglob("*") if path.stat().st_size > 0}
    assert {".png", ".db", ".parquet"} <= made
    assert [path.name for path in folder.iterdir()] == ["demo-folder"]


@pytest.mark.timeout(1800)  # compiles esutil
@pytest.mark.parametrize("version", OTHERS)
def test_archives_install_and_run_on_other_pythons(archives: dict[str, Path], tmp_path: Path, version: str) -> None:
    """With what a user gets from the package index: the wheel with all that it takes, then the source archive."""
    venv_folder, folder = tmp_path / "venv", tmp_path / "empty"
    folder.mkdir()
    run(interpreter(version), "-m", "venv", "--without-pip", venv_folder, cwd=tmp_path)
    python, command = venv_folder / "bin" / "python", venv_folder / "bin" / "goodpix"
    install: list[str | Path] = [*PIP, "--python", python, "install", "--quiet", "--no-compile"]
    install += ["--constraint", ROOT / "constraints.txt", "--build-constraint", ROOT / "constraints.txt"]
    run(*install, f"{archives['wheel']}[plot]", cwd=tmp_path)
    assert "site-packages/goodpix" in run(python, "-c", DEMO, cwd=folder, NUMBA_OPT="0")
    run(*install, "--no-deps", "--force-reinstall", archives["sdist"], cwd=tmp_path)
    assert run(command, "--version", cwd=folder) == f"goodpix {importlib.metadata.version('goodpix')}\n"
    epochs = run(command, "epochs", "--db", "demo-folder/goodpix.db", "--format", "csv", cwd=folder).splitlines()
    assert epochs[0].startswith("tilename,band,")
    assert len(epochs) == 2


def interpreter(version: str) -> str:
    """Return the Python of a version, on the search path or among those of pyenv; skip without one."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for python in (f"python{version}", *sorted(map(str, pyenv.glob(f"{version}.*/bin/python")))):
        tried = subprocess.run([shutil.which(python) or "false", "-c", "import ensurepip, venv"], check=False)
        if tried.returncode == 0:
            return python
    pytest.skip(f"this machine has no Python {version}")


def test_type_checkers_see_an_editable_install(source: Path, setuptools: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    pip = (*PIP, "--python", python)
    options = ("--quiet", "--no-deps", "--no-compile", "--no-build-isolation", "--editable")
    run(*pip, "install", *options, source, cwd=tmp_path, PYTHONPATH=str(setuptools))
    (tmp_path / "script.py").write_text('import goodpix\nreveal_type(goodpix.Catalogue("x").mask("T", "i").count())\n')
    (tmp_path / "mypy.ini").write_text(CHECKED)
    mypy = (sys.executable, "-m", "mypy", "--python-executable", python, "--cache-dir", os.devnull)
    assert 'Revealed type is "int"' in run(*mypy, "script.py", cwd=tmp_path)
    found = (python, "-c", "import goodpix; print(goodpix.__file__)")
    assert Path(run(*found, cwd=tmp_path).strip()).samefile(source / "__init__.py")
    # without its link it is imported all the same
    shutil.rmtree(source / ".editable")
    assert run(*found, cwd=tmp_path) == f"{source / '__init__.py'}\n"
    run(*pip, "uninstall", "--quiet", "--yes", "goodpix", cwd=tmp_path)
    assert list((tmp_path / "venv").glob("**/*goodpix*")) == []


def test_package_tells_its_version() -> None:
    assert goodpix.__version__ == importlib.metadata.version("goodpix")


def test_papers_name_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for paper, line in (("CITATION.cff", f"version: {version}\n"), ("docs/citing.md", f"version = {{{version}}},\n")):
        assert line in (ROOT / paper).read_text(), paper


def imported(path: Path) -> set[str]:
    """Return the top-level packages that a module imports by their full names."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0}
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names


def required(distribution: str) -> set[str]:
    """Return the distributions that one says it requires, with or without extras."""
    return {re.split(r"[^\w-]", each)[0].lower() for each in importlib.metadata.requires(distribution) or []}


def test_everything_that_is_imported_is_declared() -> None:
    modules = [*ROOT.glob("*.py"), *(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))]
    names = set().union(*map(imported, modules)) - {
        "photutils",
        "jupyter_core",
    }  # whoever wants its maps installs it; a kernel has the other
    assert len(names) > 15
    # what draws and serves comes in parts: matplotlib and pillow, panel and param
    declared = required("goodpix") | required("matplotlib") | required("panel") | required("bokeh")
    distributions = importlib.metadata.packages_distributions()
    undeclared = {name for name in names if not declared & {each.lower() for each in distributions[name]}}
    assert undeclared == set()
