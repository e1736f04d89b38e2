"""The README's tour, line by line as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from goodpix.schema.views import VIEWS

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """Return the README's blocks of code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the tour's commands in an empty folder and return it."""
    folder = tmp_path_factory.mktemp("tour")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GOODPIX_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    (commands,) = blocks("console")
    script = "set -ex\n" + "\n".join(line.removeprefix("$ ") for line in commands.splitlines())
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_command_of_the_tour_starts_with_a_prompt() -> None:
    (commands,) = blocks("console")
    assert all(line.startswith("$ ") for line in commands.splitlines())


def test_the_command_line_tour_runs_and_draws_a_mask(toured: Path) -> None:
    assert (toured / "mask.png").read_bytes().startswith(b"\x89PNG")


def test_the_python_tour_runs(toured: Path) -> None:
    (code,) = blocks("python")
    done = subprocess.run([sys.executable, "-c", code], cwd=toured, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    n_good, n_wide, _ = done.stdout.split()
    assert int(n_wide) > int(n_good) > 0


def test_every_column_that_the_readme_explains_exists() -> None:
    table = README[README.index("## What the columns mean") :]
    rows = re.findall(r"^\| (`.*?) \|", table, flags=re.MULTILINE)
    names = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert len(names) > 20
    assert names <= set(VIEWS["epoch_quality"].table.c.keys())
