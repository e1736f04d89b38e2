"""Ingests killed at any step: the catalogue is the old one or the new one, never a mixture."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from .commands import Forks
from .conftest import MakeSurvey
from .contents import Contents
from .kills import KILLS, Outcome, outcome
from .scene import Scene

pytestmark = pytest.mark.slow

# An ingest has some forty steps; each case kills it at every _STRIDE-th, from a different first, and at the last.
_STRIDE = max(1, 80 // KILLS)


@dataclass(frozen=True, slots=True)
class Kills:
    """Contents before the ingest and after an undisturbed one, and the outcomes of killed ones."""

    old: Contents
    new: Contents
    new_files: dict[str, bytes]
    outcomes: list[Outcome]


def nothing_yet(scene: Scene) -> None:
    """Leave the survey without a catalogue."""


def changed_epoch(scene: Scene) -> None:
    """Ingest the survey, then change one of its epochs."""
    scene.ingest()
    scene.flip_bit()


BEGINNINGS: list[tuple[str, Callable[[Scene], None]]] = [
    ("sqlite", nothing_yet),
    ("sqlite", changed_epoch),
    ("postgres", changed_epoch),
]


@pytest.fixture(scope="module", params=range(len(BEGINNINGS)))
def kills(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, survey_of: MakeSurvey, forks: Forks
) -> Iterator[Kills]:
    """An ingest killed at successive steps."""
    engine, prepare = BEGINNINGS[request.param]
    server = request.getfixturevalue("postgres_url") if engine == "postgres" else ""
    with (
        Scene.of(survey_of("r"), tmp_path_factory.mktemp("steps"), server) as scene,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("MEDS_DIR", scene.environment["MEDS_DIR"])
        prepare(scene)
        scene.keep()
        old = scene.contents()
        scene.ingest()
        new, new_files = scene.contents(), scene.files()
        yield Kills(old, new, new_files, list(outcomes(scene, forks, 1 + 3 * request.param % _STRIDE)))


def outcomes(scene: Scene, forks: Forks, first: int) -> Iterator[Outcome]:
    """Kill an ingest at every `_STRIDE`-th step and at the last."""
    step = first
    while (found := killed(scene, forks, step)) is not None:
        yield found
        step += _STRIDE
    for each in range(step - 1, step - _STRIDE, -1):
        if (found := killed(scene, forks, each)) is not None:
            yield found
            return


def killed(scene: Scene, forks: Forks, step: int) -> Outcome | None:
    """Kill an ingest at a step; return None if it ends before that."""
    scene.restore()
    done = forks.run(*scene.command, environment=scene.environment, kill_at_step=step)
    if done.status == -signal.SIGKILL:
        return outcome(scene, f"step {step}")
    assert done.status == 0, done.err
    return None


def test_ingest_is_killed_at_many_steps(kills: Kills) -> None:
    assert len(kills.outcomes) >= 24 // _STRIDE
    assert kills.old != kills.new


def test_killed_ingest_leaves_the_old_answer_or_the_new_one(kills: Kills) -> None:
    assert [each.when for each in kills.outcomes if each.left not in (kills.old, kills.new)] == []


def test_killed_ingest_leaves_each_of_both_answers_at_some_step(kills: Kills) -> None:
    assert any(each.left == kills.old for each in kills.outcomes)
    assert any(each.left == kills.new for each in kills.outcomes)


def test_killed_ingest_leaves_a_catalogue_without_damage(kills: Kills) -> None:
    assert [(each.when, each.problems) for each in kills.outcomes if each.problems] == []


def test_killed_ingest_leaves_only_whole_mask_files(kills: Kills) -> None:
    assert [(each.when, each.half_files) for each in kills.outcomes if each.half_files] == []


def test_killed_ingest_is_completed_by_the_same_command(kills: Kills) -> None:
    assert [each.when for each in kills.outcomes if each.completed != kills.new] == []


def test_completed_ingest_has_the_mask_files_of_an_undisturbed_one(kills: Kills) -> None:
    assert [each.when for each in kills.outcomes if each.mask_files != kills.new_files] == []
