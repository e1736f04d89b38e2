"""What a user installs: the wheel and the source archive work, away from the checkout."""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_SOURCE = (".git", ".venv", ".hypothesis", ".*_cache", "__pycache__", "*.egg-info", "build", "dist", "goodpix-*")

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command as a user would: nothing of this checkout or of pytest in its environment."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GOODPIX_", "PYTEST_", "PYTHON"))}
    done = subprocess.run(
        command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command} exited {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Build the source archive, and from it the wheel, from a copy of the checkout that holds its sources alone."""
    work = tmp_path_factory.mktemp("package")
    shutil.copytree(ROOT, work / "source", ignore=shutil.ignore_patterns(*NOT_SOURCE))
    run(sys.executable, "-m", "build", "--outdir", work / "dist", work / "source", cwd=work)
    (wheel,) = (work / "dist").glob("*.whl")
    (sdist,) = (work / "dist").glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


def test_wheel_holds_only_the_package(archives: dict[str, Path]) -> None:
    with zipfile.ZipFile(archives["wheel"]) as wheel:
        names = [Path(name) for name in wheel.namelist()]
    assert {name.parts[0].split("-")[0] for name in names} == {"goodpix"}
    folders = {name.parts[1] for name in names if name.parts[0] == "goodpix" and len(name.parts) > 2}
    assert folders == {"cli", "ingest", "query", "schema"}
    modules = {name.stem for name in names if len(name.parts) == 2 and name.suffix == ".py"}
    assert modules == {"__init__", "__main__", "demo"}


def test_wheel_holds_every_module_and_data_file(archives: dict[str, Path]) -> None:
    with zipfile.ZipFile(archives["wheel"]) as wheel:
        shipped = set(wheel.namelist())
    folders = [path for folder in ("cli", "ingest", "query", "schema") for path in (ROOT / folder).rglob("*")]
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
    assert {"LICENSE", "Makefile", "README.md", "constraints.txt", "pyproject.toml", *tests} - names == set()


def test_demo_runs_where_only_the_package_is(archives: dict[str, Path], tmp_path: Path) -> None:
    """The wheel was built from the source archive, which so holds what is needed."""
    venv.create(tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    # --no-compile: Python compiles the few modules that the demo imports faster than pip all of them.
    run(
        *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile"),
        *("--constraint", ROOT / "constraints.txt", "--build-constraint", ROOT / "constraints.txt"),
        f"{archives['wheel']}[plot]",
        cwd=tmp_path,
    )
    folder = tmp_path / "empty"
    folder.mkdir()
    run(tmp_path / "venv" / "bin" / "goodpix", "demo", "demo-folder", cwd=folder)
    made = {path.suffix for path in (folder / "demo-folder").rglob("*") if path.stat().st_size > 0}
    assert {".png", ".db", ".parquet"} <= made
    assert [path.name for path in folder.iterdir()] == ["demo-folder"]
