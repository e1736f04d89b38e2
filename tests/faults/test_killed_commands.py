"""Commands killed at any time: during imports, workers, epochs, files, rows or the last checkpoint."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise
from typing import TextIO

import numpy as np
import pytest

import goodpix

from ..integration.damage import make_older
from .commands import Command, Forks
from .conftest import MakeSurvey
from .contents import Contents, missing
from .kills import KILLS, Outcome, outcome
from .scene import Scene

pytestmark = pytest.mark.slow

BANDS = "riz"  # two workers process a tile each, then share the epochs of the third
N_EPOCHS = 2 * len(BANDS)

# Shares of moments before the first tile is stored, between tiles, and from the last until the database is closed.
SHARES = [0.4, *[0.4 / (len(BANDS) - 1)] * (len(BANDS) - 1), 0.2]


@dataclass(frozen=True, slots=True)
class Moment:
    """The moment at which a command is killed.

    Parameters
    ----------
    n_stored : int
        Number of tiles reported as stored.
    fraction : float
        Fraction of the time from there to the next tile.
    """

    n_stored: int
    fraction: float


@dataclass(frozen=True, slots=True)
class Killed:
    """A killed command.

    Parameters
    ----------
    announced : list of str
        Bands of the tiles that it had reported as stored.
    outcome : Outcome
        State of the catalogue after the kill and after another run.
    litter : list of str
        Files left after another run and a sweep days later.
    """

    announced: list[str]
    outcome: Outcome
    litter: list[str]

    @property
    def stored(self) -> list[str]:
        """Bands of the tiles that were stored."""
        return [row.split(", ")[1] for row in self.outcome.left.get("coadd", [])]


@dataclass(frozen=True, slots=True)
class Life:
    """Durations, in seconds, of the stages of a command."""

    parts: list[float]

    @classmethod
    def of(cls, scene: Scene, forks: Forks, workers: int) -> "Life":
        """Measure an undisturbed command."""
        times = [time.monotonic()]
        with begun(scene, forks, workers) as (running, said):
            for _ in said:
                times.append(time.monotonic())
            assert running.wait() == 0
        parts = [later - earlier for earlier, later in pairwise(times)]
        assert len(parts) == len(SHARES), "a line for each tile, and one for all"
        return cls(parts)


def begun(scene: Scene, forks: Forks, workers: int) -> AbstractContextManager[tuple[Command, TextIO]]:
    return forks.talking(*scene.command[:-1], workers, environment=scene.environment)


def moments(n: int, rng: np.random.Generator) -> list[Moment]:
    """Return `n` moments, spread evenly over the shares."""
    places = (np.arange(n) + rng.random(n)) / n
    ends = np.cumsum(SHARES)
    ends[-1] = 1.0
    part = np.searchsorted(ends, places, side="right")
    fractions = 1 - (ends[part] - places) / np.array(SHARES)[part]
    return [Moment(int(k), float(fraction)) for k, fraction in zip(part, fractions, strict=True)]


def kill(scene: Scene, forks: Forks, workers: int, life: Life, moment: Moment) -> list[str]:
    """Kill a command at a moment; return the bands of the tiles that it reported as stored."""
    delay = life.parts[moment.n_stored] * moment.fraction
    while True:
        scene.restore()
        with begun(scene, forks, workers) as (running, err):
            said = [err.readline() for _ in range(moment.n_stored)]
            threading.Event().wait(delay)
            running.kill()
            # its workers hold the pipe open too, so this ends with the last of them
            said += err
        assert running.status in (0, -signal.SIGKILL), said
        announced = [line.split()[1].rstrip(":") for line in said if " made, " in line and "tiles" not in line]
        if running.status and len(announced) == moment.n_stored:
            return announced
        delay /= 2  # it was faster than the measured command


def litter_of(scene: Scene) -> list[str]:
    """Return files of killed commands that remain after a sweep days later."""
    for path in scene.masks.rglob("*"):
        make_older(path)
    goodpix.gc(scene.url, delete=True)
    partial = [name for name in scene.files() if not name.endswith(".parquet")]
    # Python's folder for worker sockets is not ours to remove
    scratch = [path.name for path in (scene.folder / "scratch").iterdir() if not path.name.startswith("pymp-")]
    return partial + scratch


@dataclass(frozen=True, slots=True)
class Kills:
    """Commands killed with one kind of database and number of workers.

    Parameters
    ----------
    whole : Contents
        Contents after an undisturbed ingest.
    files : dict
        Mask files of the undisturbed ingest.
    killed : list of Killed
        Killed commands.
    """

    whole: Contents
    files: dict[str, bytes]
    killed: list[Killed]


# Ingests in one process use the database in the same way, and test_killed_steps.py kills those at each step.
CASES = [("sqlite", 2), ("postgres", 2), *([("sqlite", 1), ("postgres", 1)] if KILLS > 10 else [])]

# Imports during which a command is killed.
IMPORTS = ("sqlalchemy", "goodpix.cli", "numpy", "fitsio")[: max(1, KILLS // 10)]


@pytest.fixture(scope="module")
def kills(
    request: pytest.FixtureRequest, survey_of: MakeSurvey, tmp_path_factory: pytest.TempPathFactory, forks: Forks
) -> list[Kills]:
    """Commands killed at different moments."""
    rng = np.random.default_rng(7)
    every = moments(KILLS, rng)
    case_of = rng.permutation(np.arange(KILLS) % len(CASES))
    lives: dict[int, Life] = {}
    found = []
    for number, (engine, workers) in enumerate(CASES):
        server = request.getfixturevalue("postgres_url") if engine == "postgres" else ""
        folder = tmp_path_factory.mktemp("commands")
        with Scene.of(survey_of(BANDS), folder, server) as scene, pytest.MonkeyPatch.context() as patch:
            patch.setenv("MEDS_DIR", scene.environment["MEDS_DIR"])
            patch.setattr("tempfile.tempdir", scene.environment["TMPDIR"])
            scene.keep()
            if workers not in lives:
                lives[workers] = Life.of(scene, forks, workers)
            else:
                scene.ingest()
            whole, files = scene.contents(), scene.files()
            mine = [each for each, case in zip(every, case_of, strict=True) if case == number]
            found.append(Kills(whole, files, [killed(scene, forks, workers, lives[workers], each) for each in mine]))
    return found


def killed(scene: Scene, forks: Forks, workers: int, life: Life, moment: Moment) -> Killed:
    announced = kill(scene, forks, workers, life, moment)
    for path in (scene.folder / "scratch").iterdir():
        make_older(path)
    became = outcome(scene, f"{scene.url}, {workers} workers, {moment}")
    return Killed(announced, became, litter_of(scene))


def every(kills: list[Kills]) -> Iterator[tuple[Kills, Killed]]:
    return ((group, each) for group in kills for each in group.killed)


def test_commands_are_killed_before_anything_is_stored_and_when_some_is(kills: list[Kills]) -> None:
    n_stored = [len(each.stored) for _, each in every(kills)]
    assert len(n_stored) == KILLS
    assert n_stored.count(0) >= KILLS // 5
    assert sum(0 < n < len(BANDS) for n in n_stored) >= KILLS // 5
    assert {len(group.killed) > 0 for group in kills} == {True}


def test_what_a_killed_command_said_to_be_stored_is(kills: list[Kills]) -> None:
    assert [each.outcome.when for _, each in every(kills) if not set(each.announced) <= set(each.stored)] == []


def test_killed_command_leaves_whole_tiles(kills: list[Kills]) -> None:
    assert [lost for group, each in every(kills) if (lost := missing(each.outcome.left, group.whole))] == []
    assert [each.outcome.half_files for _, each in every(kills) if each.outcome.half_files] == []


def test_killed_command_leaves_a_catalogue_without_damage(kills: list[Kills]) -> None:
    assert [(each.outcome.when, each.outcome.problems) for _, each in every(kills) if each.outcome.problems] == []


def test_same_command_makes_what_is_missing_and_no_more(kills: list[Kills]) -> None:
    made = [(each.outcome.when, each.outcome.n_made + 2 * len(each.stored)) for _, each in every(kills)]
    assert [(when, n) for when, n in made if n != N_EPOCHS] == []


def test_completed_catalogue_is_that_of_an_undisturbed_command(kills: list[Kills]) -> None:
    assert [each.outcome.when for group, each in every(kills) if each.outcome.completed != group.whole] == []
    assert [each.outcome.when for group, each in every(kills) if each.outcome.mask_files != group.files] == []


def test_killed_command_leaves_no_litter_for_long(kills: list[Kills]) -> None:
    assert [(each.outcome.when, each.litter) for _, each in every(kills) if each.litter] == []


def test_command_that_is_killed_while_it_is_loaded_leaves_nothing(embedded: Scene) -> None:
    for name in IMPORTS:
        program = [sys.executable, "-X", "importtime", "-c", "from goodpix.cli import main; main()", *embedded.command]
        with subprocess.Popen(program, stderr=subprocess.PIPE, text=True) as running:
            assert running.stderr is not None
            assert any(line.split("|")[-1].strip().startswith(name) for line in running.stderr)
            running.kill()
        assert running.returncode == -signal.SIGKILL
        assert {path.name for path in embedded.folder.iterdir()} == {"survey", "scratch"}
    assert embedded.ingest().n_epochs == 4
