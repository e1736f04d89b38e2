"""A small survey and the command line, for tests of the whole job."""

import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from goodpix.cli import main
from goodpix.ingest.synthetic import make_tile

from .damage import change
from .neighbours import ingest_neighbours, make_neighbours
from .objects import Bucket, ObjectServer, object_server
from .smallsky import HERE, PLACES, SmallSky
from .survey import MANY, SPEC, Done, Survey

Run = Callable[..., Done]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    aws = [name for name in os.environ if name.startswith("AWS_")]
    for name in ("GOODPIX_DB", "GOODPIX_MASKS", "MEDS_DIR", *aws):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def small_tile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The MEDS_DIR of a small tile; nobody changes it."""
    folder = tmp_path_factory.mktemp("small-tile") / "survey"
    make_tile(folder, SPEC)
    return folder


@pytest.fixture
def survey(small_tile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Survey:
    """A copy of the small tile that a test may break."""
    folder = tmp_path / "survey"
    shutil.copytree(small_tile, folder)
    monkeypatch.setenv("MEDS_DIR", os.fspath(folder))
    return Survey(folder)


@pytest.fixture(scope="session")
def _catalogue_of_small_tile(small_tile: Path, tmp_path_factory: pytest.TempPathFactory) -> Survey:
    found = Survey(tmp_path_factory.mktemp("ingested") / "survey")
    shutil.copytree(small_tile, found.folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDS_DIR", os.fspath(found.folder))
        found.ingest()
    return found


@pytest.fixture
def ingested(
    _catalogue_of_small_tile: Survey, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Survey:
    """The small tile and its catalogue; nobody changes them."""
    if not {"stored", "survey"} & set(request.fixturenames):  # what a test may break is its MEDS_DIR
        monkeypatch.setenv("MEDS_DIR", os.fspath(_catalogue_of_small_tile.folder))
    return _catalogue_of_small_tile


@pytest.fixture
def stored(_catalogue_of_small_tile: Survey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Survey:
    """A copy of the small tile and its catalogue that a test may break."""
    copy = Survey(tmp_path / "stored" / "survey")
    shutil.copytree(_catalogue_of_small_tile.folder.parent, copy.folder.parent)
    monkeypatch.setenv("MEDS_DIR", os.fspath(copy.folder))
    return copy


@pytest.fixture(scope="session")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """The small tile, and the one beside it that lists the same CCD images, in one catalogue; nobody changes them."""
    return ingest_neighbours(*make_neighbours(tmp_path_factory.mktemp("neighbours")))


@pytest.fixture(scope="session")
def s3_server() -> Iterator[ObjectServer]:
    """An S3 server, in a process of its own."""
    with object_server(os.environ) as server:
        yield server


@pytest.fixture
def bucket(s3_server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A new bucket, and the environment that leads to it."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    made = Bucket(s3_server)
    made.make()
    s3_server.asked()
    yield made
    s3_server.accept()


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """The command line, in this process: it takes arguments and tells how it ended."""
    package = logging.getLogger("goodpix")
    level, handlers = package.level, list(package.handlers)

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["goodpix", *map(str, arguments)])
        capfd.readouterr()
        status = 0
        try:
            main()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
        out, err = capfd.readouterr()
        return Done(status, out, err)

    yield run
    package.setLevel(level)
    package.handlers[:] = handlers


@pytest.fixture(scope="module")
def made_many(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """A tile of many epochs and its catalogue; nobody changes them."""
    made = Survey(tmp_path_factory.mktemp("many") / "survey")
    make_tile(made.folder, MANY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDS_DIR", str(made.folder))
        made.ingest()
    return made


@pytest.fixture
def many(made_many: Survey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Survey:
    """A copy of the tile of many epochs and its catalogue that a test may break."""
    copy = Survey(tmp_path / "many" / "survey")
    shutil.copytree(made_many.folder.parent, copy.folder.parent)
    monkeypatch.setenv("MEDS_DIR", str(copy.folder))
    return copy


@pytest.fixture
def db(ingested: Survey) -> list[str]:
    """The option that names the catalogue."""
    return ["--db", str(ingested.database)]


@pytest.fixture
def in_bucket(stored: Survey, bucket: Bucket) -> Survey:
    """The small tile and its catalogue, whose masks were moved to a bucket; a test may break them."""
    for path in stored.masks.rglob("*"):
        if path.is_file():
            bucket.put(str(path.relative_to(stored.masks)), path.read_bytes())
            path.unlink()
    change(stored, f"UPDATE catalogue SET masks_root = '{bucket.root}'")
    bucket.asked()
    return stored


@pytest.fixture
def forget_clients() -> Iterator[Callable[[], None]]:
    """Forget connections to the store, so that new ones are made by the environment as it is then."""
    forget = fsspec.get_filesystem_class("s3").clear_instance_cache
    yield forget
    forget()


@pytest.fixture(scope="session", params=PLACES.values(), ids=list(PLACES))
def everywhere(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SmallSky:
    """A catalogue about each of the places; nobody changes it."""
    folder = tmp_path_factory.mktemp("sky")
    return SmallSky.make(f"sqlite:///{folder / 'sky.db'}", folder, *request.param, n_images=8)


@pytest.fixture(scope="session")
def sky(tmp_path_factory: pytest.TempPathFactory) -> SmallSky:
    """A catalogue about one place; nobody changes it."""
    folder = tmp_path_factory.mktemp("sky")
    return SmallSky.make(f"sqlite:///{folder / 'sky.db'}", folder, *HERE)
