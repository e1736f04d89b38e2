"""Read-only folders: the catalogue can be read, and a command that must write fails with one line."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ..integration.survey import SPEC, Done
from .commands import Forks
from .conftest import MakeSurvey
from .contents import Contents
from .scene import Scene

pytestmark = pytest.mark.slow

# Root can write everywhere.
USER = "nobody" if os.geteuid() == 0 else ""


@pytest.fixture
def scene(survey_of: MakeSurvey, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A catalogue of band i, one of two bands of the survey, that everyone can read and write."""
    with (
        tempfile.TemporaryDirectory(prefix="goodpix-") as name,
        Scene.of(survey_of("ir"), Path(name) / "scene") as made,
    ):
        os.chmod(name, 0o755)
        monkeypatch.setenv("MEDS_DIR", made.environment["MEDS_DIR"])
        made.ingest("i")
        permit(made.folder, write=True)
        yield made
        permit(made.folder, write=True)


def permit(place: Path, *, write: bool) -> None:
    """Make a file or folder, with its contents, writable by everyone or by no one."""
    for each in (place, *place.rglob("*")):
        each.chmod((0o777 if write else 0o555) if each.is_dir() else (0o666 if write else 0o444))


def run(scene: Scene, forks: Forks, *arguments: object) -> Done:
    done = forks.run(*arguments, environment=scene.environment, user=USER)
    assert "Traceback" not in done.err, done.err
    return done


def assert_goes_on(scene: Scene, forks: Forks, before: Contents) -> None:
    """Check that nothing has changed and that the same command, once permitted, completes the ingest."""
    after = scene.contents()
    assert {**after, "failure": []} == {**before, "failure": []}
    permit(scene.folder, write=True)
    done = run(scene, forks, *scene.command)
    assert done.status == 0, done.err
    assert "i: 0 epochs made, 2 up to date" in done.err
    assert "r: 2 epochs made" in done.err
    assert scene.verify() == []
    assert scene.contents()["failure"] == []


def test_masks_root_that_may_not_be_written_makes_a_failure(scene: Scene, forks: Forks) -> None:
    before = scene.contents()
    permit(scene.masks, write=False)
    done = run(scene, forks, *scene.command)
    assert done.status == 1
    assert "r: coadd: no new mask file was written: [Errno 13] Permission denied: " in done.err
    assert done.lines[-1] == f"list the failures: goodpix failures --db {scene.url}"
    assert len(scene.contents()["failure"]) == 1
    assert_goes_on(scene, forks, before)


def test_new_masks_root_that_may_not_be_made_is_one_line(scene: Scene, forks: Forks) -> None:
    before = scene.contents()
    closed = scene.folder / "closed"
    closed.mkdir(0o555)
    other = replace(scene, url=f"sqlite:///{scene.folder / 'other.db'}", elsewhere=closed / "masks")
    done = run(scene, forks, *other.command)
    assert (done.status, len(done.lines)) == (2, 1)
    assert done.err.startswith(f"goodpix: masks root {closed / 'masks'}: cannot be used ([Errno 13] Permission denied")
    assert_goes_on(scene, forks, before)


@pytest.mark.parametrize("command", ["ingest", "verify --repair", "rebuild --force"])
def test_database_that_may_not_be_written_is_one_line(scene: Scene, forks: Forks, command: str) -> None:
    before = scene.contents()
    permit(scene.folder, write=False)
    arguments = scene.command if command == "ingest" else [*command.split(), "--db", scene.url]
    done = run(scene, forks, *arguments)
    assert (done.status, len(done.lines)) == (2, 1)
    assert "goodpix.db" in done.err
    assert_goes_on(scene, forks, before)


def test_new_database_in_a_folder_that_may_not_be_written_is_one_line(scene: Scene, forks: Forks) -> None:
    before = scene.contents()
    permit(scene.folder, write=False)
    other = replace(scene, url=f"sqlite:///{scene.folder / 'other.db'}")
    done = run(scene, forks, *other.command)
    assert (done.status, len(done.lines)) == (2, 1)
    assert done.err.startswith("goodpix: ")
    assert "other.db" in done.err
    assert_goes_on(scene, forks, before)


READING = [
    ["epochs", "--band", "i"],
    ["mask", SPEC.tilename, "i"],
    ["verify"],
    ["gc"],
    ["sql", "SELECT COUNT(*) FROM epoch_quality"],
]


@pytest.mark.parametrize("killed", [False, True])
def test_catalogue_is_read_in_a_folder_that_may_not_be_written(scene: Scene, forks: Forks, killed: bool) -> None:
    """After a complete ingest, and after a killed one, which leaves a write-ahead log beside the database."""
    before = scene.contents()
    if killed:
        step = 25
        assert forks.run(*scene.command, environment=scene.environment, kill_at_step=step).status < 0
        assert scene.contents() == before
        assert scene.folder.joinpath("goodpix.db-wal").exists()
    permit(scene.folder, write=False)
    for arguments in READING:
        done = run(scene, forks, *arguments, "--db", scene.url)
        assert done.status == 0, done.err
        assert done.out or done.err
    assert_goes_on(scene, forks, before)
