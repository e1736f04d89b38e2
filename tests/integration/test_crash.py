"""A process killed at any step of an ingest: the catalogue is the old one or the new one, never half of each."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import fitsio
import pytest

import goodpix
from goodpix.ingest.synthetic import make_tile

from .survey import SPEC, Survey, rewrite

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("killed.py")
NOTHING = "no epoch"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a killed ingest left, and what the same command made of it.

    Parameters
    ----------
    step : str
        At which step it was killed.
    left, completed : str
        What the catalogue answers: after the kill, and after the command was run again.
    files_left, files_completed : dict
        The mask files by name.
    """

    step: str
    left: str
    completed: str
    files_left: dict[str, bytes]
    files_completed: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Kills:
    """What there was before, what an undisturbed ingest makes of it, and what killed ones do."""

    old: str
    new: str
    new_files: dict[str, bytes]
    outcomes: list[Outcome]


def answer(survey: Survey) -> str:
    """Return all that a catalogue answers, every mask included."""
    try:
        catalogue = survey.catalogue()
    except goodpix.GoodpixError:
        return NOTHING  # there is none yet
    with catalogue:
        epochs = catalogue.epochs().drop(columns="run_id")
        tables = [epochs, catalogue.bits(), catalogue.tiles().drop(columns="run_id"), catalogue.failures()]
        checksums = [mask.encoded.checksum for kind in ("epoch", "coadd") for mask in catalogue.masks(kind=kind)]
    return "\n".join([*(table.to_csv() for table in tables), *checksums]) if len(epochs) else NOTHING


def files(survey: Survey) -> dict[str, bytes]:
    return {name: (survey.masks / name).read_bytes() for name in survey.mask_files()}


def completed_answer(survey: Survey) -> str:
    """Run the same command again, and return what the catalogue answers then."""
    try:
        survey.ingest()
    except goodpix.GoodpixError as error:
        return str(error)
    return answer(survey)


def nothing_yet(survey: Survey) -> None:
    """Leave the survey without a catalogue."""


def changed_epoch(survey: Survey) -> None:
    """Ingest the survey, then change one of its epochs."""
    survey.ingest()
    path = survey.path(0, "image")
    bmask = fitsio.read(path, ext="msk")
    rewrite(path, {"msk": bmask | 16})


@pytest.fixture(scope="module", params=[nothing_yet, changed_epoch])
def kills(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kills:
    """A survey whose ingest was killed at each of its steps in turn."""
    prepare: Callable[[Survey], None] = request.param
    start = Survey(tmp_path_factory.mktemp("start") / "survey")
    work = tmp_path_factory.mktemp("work")
    make_tile(start.folder, replace(SPEC, bands=("r",), n_epochs=2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDS_DIR", os.fspath(start.folder))
        prepare(start)
        old = answer(start)
        subprocess.run([sys.executable, PROGRAM, start.folder, work], check=True, stdin=subprocess.DEVNULL)
        outcomes = []
        for folder in work.iterdir():
            left = Survey(folder / "survey")
            patch.setenv("MEDS_DIR", os.fspath(left.folder))
            before, files_before = answer(left), files(left)
            completed = before if folder.name == "undisturbed" else completed_answer(left)
            outcomes.append(Outcome(folder.name, before, completed, files_before, files(left)))
    (whole,) = [each for each in outcomes if each.step == "undisturbed"]
    return Kills(old, whole.left, whole.files_left, [each for each in outcomes if each is not whole])


def test_ingest_is_killed_at_many_steps(kills: Kills) -> None:
    assert len(kills.outcomes) > 10
    assert kills.old != kills.new


def test_killed_ingest_leaves_the_old_answer_or_the_new_one(kills: Kills) -> None:
    assert [each.step for each in kills.outcomes if each.left not in (kills.old, kills.new)] == []


def test_killed_ingest_leaves_each_of_both_answers_at_some_step(kills: Kills) -> None:
    assert {each.left for each in kills.outcomes} == {kills.old, kills.new}


def test_killed_ingest_is_completed_by_the_same_command(kills: Kills) -> None:
    assert [each.step for each in kills.outcomes if each.completed != kills.new] == []


def test_completed_ingest_has_the_mask_files_of_an_undisturbed_one(kills: Kills) -> None:
    assert [each.step for each in kills.outcomes if each.files_completed != kills.new_files] == []


def test_killed_ingest_leaves_only_whole_mask_files(kills: Kills) -> None:
    half = [
        (each.step, name)
        for each in kills.outcomes
        for name, content in each.files_left.items()
        if content != kills.new_files.get(name)
    ]
    assert half == []
