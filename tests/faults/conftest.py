"""Small surveys, scenes to break, and commands that begin at once."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from goodpix.ingest.synthetic import make_tile

from ..integration.survey import SPEC
from .scene import Scene

MakeSurvey = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in ("GOODPIX_DB", "GOODPIX_MASKS", "MEDS_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def survey_of(tmp_path_factory: pytest.TempPathFactory) -> MakeSurvey:
    """The MEDS_DIR of one tile of two epochs in some bands, each a letter; nobody changes it."""

    @cache
    def made(bands: str) -> Path:
        folder = tmp_path_factory.mktemp(f"tile-{bands}") / "survey"
        make_tile(folder, replace(SPEC, bands=tuple(bands), n_epochs=2))
        return folder

    return made


@pytest.fixture(params=["sqlite", "postgres"])
def either(
    request: pytest.FixtureRequest, survey_of: MakeSurvey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    """Two tiles, of bands i and r, and no catalogue of them yet; with a database of either kind."""
    server = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    with Scene.of(survey_of("ir"), tmp_path / "scene", server) as scene:
        monkeypatch.setenv("MEDS_DIR", scene.environment["MEDS_DIR"])
        yield scene


@pytest.fixture
def embedded(survey_of: MakeSurvey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """The same with a database of SQLite."""
    with Scene.of(survey_of("ir"), tmp_path / "scene") as scene:
        monkeypatch.setenv("MEDS_DIR", scene.environment["MEDS_DIR"])
        yield scene
