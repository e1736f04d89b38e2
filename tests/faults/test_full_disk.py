"""Full disks: stored data stay intact, the error names the disk, and the same command continues once there is room."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from ..integration.survey import Done
from .commands import Forks
from .conftest import MakeSurvey
from .contents import Contents, missing
from .scene import Scene
from .smalldisk import SmallDisk, small_disk

ROOMY = 64_000_000


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    """A disk with enough room until it is filled, in a folder that everyone can read."""
    with tempfile.TemporaryDirectory(prefix="goodpix-") as folder:
        os.chmod(folder, 0o755)
        with small_disk(Path(folder) / "disk", ROOMY) as made:
            yield made


@pytest.fixture(scope="module")
def complete(survey_of: MakeSurvey, tmp_path_factory: pytest.TempPathFactory) -> Contents:
    """The contents of a catalogue after an undisturbed ingest."""
    with Scene.of(survey_of("ir"), tmp_path_factory.mktemp("complete")) as scene, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDS_DIR", scene.environment["MEDS_DIR"])
        scene.ingest()
        return scene.contents()


def ingest(scene: Scene, forks: Forks, **faults: object) -> Done:
    done = forks.run(*scene.command, environment=scene.environment, **faults)
    assert "Traceback" not in done.err, done.err
    assert "Exception ignored" not in done.err
    return done


def assert_stays(scene: Scene, before: Contents) -> None:
    """Check that all stored data are intact, without partial files."""
    assert {name: rows for name, rows in scene.contents().items() if name != "failure"} == {
        name: rows for name, rows in before.items() if name != "failure"
    }
    assert scene.verify() == []
    assert [name for name in scene.files() if name.endswith(".partial")] == []


def assert_goes_on(scene: Scene, forks: Forks, complete: Contents) -> None:
    """Check that the same command completes the ingest."""
    done = ingest(scene, forks)
    assert done.status == 0, done.err
    assert "r: 2 epochs made" in done.err
    assert "i: 0 epochs made, 2 up to date" in done.err
    assert scene.contents() == complete
    assert scene.verify() == []


def test_mask_file_larger_than_may_be_is_a_failure(
    postgres_url: str,
    survey_of: MakeSurvey,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    forks: Forks,
    complete: Contents,
) -> None:
    """The database is on a server with enough room."""
    with Scene.of(survey_of("ir"), tmp_path / "scene", postgres_url) as scene:
        monkeypatch.setenv("MEDS_DIR", scene.environment["MEDS_DIR"])
        scene.ingest("i")
        before = scene.contents()
        done = ingest(scene, forks, largest_file=20_000)
        assert done.status == 1
        assert "r: coadd: no new mask file was written: [Errno 27] File too large" in done.err
        assert done.lines[-1] == f"list the failures: goodpix failures --db {scene.url}"
        assert_stays(scene, before)
        assert_goes_on(scene, forks, complete)


def test_masks_root_that_is_full_makes_a_failure(
    disk: SmallDisk, embedded: Scene, forks: Forks, complete: Contents
) -> None:
    scene = replace(embedded, elsewhere=disk.folder / "masks")
    scene.ingest("i")
    before = scene.contents()
    disk.fill(20_000)
    done = ingest(scene, forks)
    assert done.status == 1
    assert "r: coadd: no new mask file was written: [Errno 28] No space left on device" in done.err
    assert done.lines[-1] == f"list the failures: goodpix failures --db {scene.url}"
    assert_stays(scene, before)
    disk.resize(ROOMY)
    assert_goes_on(scene, forks, complete)


def test_new_masks_root_that_is_full_is_one_line(disk: SmallDisk, embedded: Scene, forks: Forks) -> None:
    scene = replace(embedded, elsewhere=disk.folder / "masks")
    disk.fill()
    done = ingest(scene, forks)
    assert (done.status, len(done.lines)) == (2, 1)
    assert done.err.startswith(f"goodpix: masks root {scene.masks}: cannot be used ([Errno 28] No space left on device")
    assert scene.files() == {}
    disk.resize(ROOMY)
    assert ingest(scene, forks).status == 0


def test_database_larger_than_may_be_is_one_line(embedded: Scene, forks: Forks, complete: Contents) -> None:
    embedded.ingest("i")
    before = embedded.contents()
    done = ingest(embedded, forks, largest_file=200_000)
    assert done.status == 2
    assert done.lines[-1].startswith(f"goodpix: cannot use the database {embedded.url}: disk I/O error")
    assert_stays(embedded, before)
    assert_goes_on(embedded, forks, complete)


def test_database_that_cannot_be_begun_is_one_line(embedded: Scene, forks: Forks) -> None:
    done = ingest(embedded, forks, largest_file=10_000)
    assert (done.status, len(done.lines)) == (2, 1)
    assert done.err.startswith(f"goodpix: cannot use the database {embedded.url}: disk I/O error")
    assert ingest(embedded, forks).status == 0


@pytest.mark.parametrize("n_left", [0, 224_000])
def test_disk_of_the_database_that_is_full_is_one_line(
    disk: SmallDisk, embedded: Scene, forks: Forks, complete: Contents, n_left: int
) -> None:
    """Either immediately or when the rows of a tile are stored."""
    scene = replace(embedded, url=f"sqlite:///{disk.folder / 'goodpix.db'}")
    scene.ingest("i")
    before = scene.contents()
    disk.fill(n_left)
    done = ingest(scene, forks)
    assert done.status == 2
    assert re.match(rf"goodpix: cannot use the database {scene.url}: .* full \(stored data are kept", done.lines[-1])
    assert_stays(scene, before)
    disk.resize(ROOMY)
    assert_goes_on(scene, forks, complete)


def test_disk_of_a_server_that_is_full_is_one_line(
    disk: SmallDisk,
    postgres_url: str,
    survey_of: MakeSurvey,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    forks: Forks,
) -> None:
    if "GOODPIX_TEST_PG_URL" in os.environ:
        pytest.skip("the server may be on another machine")
    shutil.chown(disk.folder, "postgres")
    with (
        tablespace(postgres_url, disk.folder) as name,
        Scene.of(survey_of("griz"), tmp_path / "scene", postgres_url, f"TABLESPACE {name}") as scene,
    ):
        monkeypatch.setenv("MEDS_DIR", scene.environment["MEDS_DIR"])
        scene.ingest("i")
        before = scene.contents()
        disk.fill()
        done = ingest(scene, forks)
        assert done.status == 2, done.err
        assert "No space left on device" in done.lines[-1]
        assert "(stored data are kept, and the same command resumes once disk space is free)" in done.lines[-1]
        left = scene.contents()
        assert missing(before, left) == []
        assert scene.verify() == []
        disk.resize(ROOMY)
        assert ingest(scene, forks).status == 0
        after = scene.contents()
        assert missing(left, after) == []
        assert len(after["epoch"]) == 8
        assert scene.verify() == []


@contextmanager
def tablespace(server: str, folder: Path) -> Iterator[str]:
    """Create a tablespace on a disk."""
    name = f"goodpix_{os.getpid()}"
    plain = sa.make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE {name} LOCATION '{folder}'".encode())
        try:
            yield name
        finally:
            connection.execute(f"DROP TABLESPACE {name}".encode())


def test_scratch_folder_that_is_full_makes_failures(disk: SmallDisk, embedded: Scene, forks: Forks) -> None:
    """The scratch folder holds the coadd shared by workers; writing to a full memory map would kill a worker."""
    disk.fill(16_000)
    arguments = [*embedded.command[:-1], "3"]
    done = forks.run(*arguments, environment={**embedded.environment, "TMPDIR": disk.folder})
    assert done.status == 1, done.err
    for band in "ir":
        assert f"{band}: coadd: [Errno 28] No space left on device: '{disk.folder}/goodpix-scratch-" in done.err
    assert done.lines[-1] == f"list the failures: goodpix failures --db {embedded.url}"
    assert ingest(embedded, forks).status == 0
