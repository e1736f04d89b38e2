"""Small surveys and scenes for fault tests."""

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
    """Unset the environment variables that configure goodpix."""
    for name in ("GOODPIX_DB", "GOODPIX_MASKS", "MEDS_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def survey_of(tmp_path_factory: pytest.TempPathFactory) -> MakeSurvey:
    """A function that returns the MEDS_DIR of a tile with two epochs in each band; read-only by convention."""

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
    """A survey of two tiles, in bands i and r, without a catalogue; for a database of either kind."""
    server = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    with Scene.of(survey_of("ir"), tmp_path / "scene", server) as scene:
        monkeypatch.setenv("MEDS_DIR", scene.environment["MEDS_DIR"])
        yield scene


@pytest.fixture
def embedded(survey_of: MakeSurvey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """The same for an SQLite database."""
    with Scene.of(survey_of("ir"), tmp_path / "scene") as scene:
        monkeypatch.setenv("MEDS_DIR", scene.environment["MEDS_DIR"])
        yield scene
