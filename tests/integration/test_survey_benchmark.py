"""The benchmark of a whole survey works: on four tiles, whose times mean nothing."""

import json
import math
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

import goodpix
from goodpix.benchmarks.postgres import ServerError
from goodpix.benchmarks.rehearsal import Rehearsal, rehearse
from goodpix.benchmarks.report import as_markdown
from goodpix.benchmarks.scale import Scale
from goodpix.benchmarks.scale import run as run_scale
from goodpix.benchmarks.survey import __main__ as program
from goodpix.benchmarks.survey import asking, maskfiles
from goodpix.benchmarks.survey.asking import ask_all, load_rows
from goodpix.benchmarks.survey.databases import DATABASES, Loaded, sqlite_survey
from goodpix.benchmarks.survey.questions import QUESTIONS
from goodpix.benchmarks.survey.sky import BANDS, CCD_SHAPE
from goodpix.benchmarks.survey.synthetic import Survey
from goodpix.ingest.database.opening import open_for_writing
from goodpix.schema import tables
from goodpix.schema.wcs.footprint import footprint
from goodpix.schema.wcs.pixelgrid import PixelGrid
from goodpix.schema.wcs.solution import Wcs

from ..machine import lacks
from ..plainsums import assert_summaries_are_true
from .survey import records


@pytest.fixture(scope="module", autouse=True)
def _few_masks_and_calls() -> Iterator[None]:
    """Make few masks, of few objects, and ask for few of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maskfiles, "_N_MASKS", 2)
        patch.setattr(maskfiles, "_N_OBJECTS", 20)
        patch.setattr(asking, "_N_CALLS", 3)
        yield


@pytest.fixture(scope="module")
def survey() -> Survey:
    return Survey.of(0)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that the server's user may look into; pytest's own are their owner's alone."""
    with tempfile.TemporaryDirectory(prefix="goodpix-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module", params=DATABASES)
def loaded(request: pytest.FixtureRequest, survey: Survey, folder: Path) -> Iterator[Loaded]:
    try:
        with DATABASES[request.param](survey, folder) as found:
            yield found
    except ServerError as error:
        lacks(f"no Postgres server: {error}")
    assert not (folder / request.param).exists()


def test_every_question_is_answered_as_by_duckdb(survey: Survey, loaded: Loaded, folder: Path) -> None:
    rows = [*load_rows(survey, loaded), *ask_all(survey, loaded, folder, 1)]
    assert {row.question for row in rows} >= {
        *QUESTIONS,
        "every epoch at a position",
        "one mask",
        "size of the database",
    }
    assert {row.goal.text(row.unit) for row in rows if row.goal} == {"<= 1000 ms", "<= 20 ms", "<= 10 ms"}
    assert all(math.isfinite(value) and value >= 0 for row in rows for value in row.samples)
    assert len(as_markdown(rows).splitlines()) == len(rows) + 2


def test_questions_have_answers(loaded: Loaded, survey: Survey) -> None:
    with goodpix.Catalogue(loaded.url) as catalogue:
        found = {name: len(catalogue.sql(question.sql, question.parameters)) for name, question in QUESTIONS.items()}
        night = catalogue.sql("SELECT min(nite) AS nite FROM ccd_night").nite[0]
        one_night = QUESTIONS["CCD images of a night"]
        assert len(catalogue.sql(one_night.sql, {"nite": int(night)})) > 0
    assert {name for name, n in found.items() if not n} <= {
        "CCD images of a night",
        "outliers against the CCD's median",
    }
    assert found["worst tiles"] == len(survey.tiles) * len(BANDS)


def test_summaries_of_the_synthetic_survey_are_true(loaded: Loaded) -> None:
    engine = sa.create_engine(loaded.url)
    with engine.connect() as connection:
        assert_summaries_are_true(connection)
    engine.dispose()


def test_footprints_are_those_of_the_stored_solutions(loaded: Loaded) -> None:
    with goodpix.Catalogue(loaded.url) as catalogue:
        some = catalogue.sql("SELECT * FROM epoch WHERE epoch_id % 100 = 1")
        touched = catalogue.sql("SELECT epoch_id, hpix, cells FROM footprint WHERE epoch_id % 100 = 1")
    assert len(some) > 20
    for epoch in records(some):
        expected = footprint(PixelGrid(Wcs.from_json(epoch.wcs), CCD_SHAPE))
        mine = touched[touched.epoch_id == epoch.epoch_id]
        assert dict(zip(mine.hpix, mine.cells, strict=True)) == expected.hpix
        assert np.allclose([epoch.rac1, epoch.rac2, epoch.rac3, epoch.rac4], expected.ra, rtol=0, atol=1e-9)
        assert np.allclose([epoch.decc1, epoch.decc2, epoch.decc3, epoch.decc4], expected.dec, rtol=0, atol=1e-9)
        assert epoch.pixel_area == pytest.approx(expected.pixel_area, abs=1e-9)


def test_every_index_is_there(loaded: Loaded) -> None:
    engine = sa.create_engine(loaded.url)
    found = sa.inspect(engine)
    for table in tables.metadata.tables.values():
        assert {index.name for index in table.indexes} <= {each["name"] for each in found.get_indexes(table.name)}
    engine.dispose()


@pytest.mark.engine("sqlite")  # Postgres counts by itself
def test_the_planner_is_told_of_every_index(loaded: Loaded, tmp_path: Path) -> None:
    with open_for_writing(tmp_path / "new.db", masks=tmp_path / "masks", campaign="test", wcs_source="image"):
        pass
    told = sa.text("SELECT tbl, idx, stat FROM sqlite_stat1 ORDER BY tbl, idx")
    answers = []
    for url in (loaded.url, f"sqlite:///{tmp_path / 'new.db'}"):
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            answers.append(connection.execute(told).all())
        engine.dispose()
    assert answers[0] == answers[1] != []


def test_scale_is_in_tiles_of_160_epochs_in_five_bands() -> None:
    survey = Survey.of(0.005)
    assert len(survey.tiles) == len(set(survey.tiles.names)) == 50
    assert len(survey) / (50 * len(BANDS)) == pytest.approx(160, abs=3)
    assert len(survey) / len(survey.images) == pytest.approx(1.7, abs=0.15)


def test_same_scale_gives_the_same_survey() -> None:
    one, two = (Survey.of(0) for _ in range(2))
    assert np.array_equal(one.pairs.image, two.pairs.image)
    assert np.array_equal(one.counts.good, two.counts.good)


def test_program_says_what_it_takes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks.survey", "--help"])
    with pytest.raises(SystemExit, match=r"^0$"):
        program.main()
    said = capsys.readouterr().out
    assert all(option in said for option in ("--scale", "--databases", "--keep"))


@pytest.mark.parametrize("loaded", ["sqlite"], indirect=True)
def test_program_asks_what_is_there_and_writes_every_sample(
    loaded: Loaded, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--scale", "0", "--databases", "sqlite", "--folder", str(folder), "--keep"]
    monkeypatch.setattr(sys, "argv", ["benchmarks.survey", *options, "--output", str(tmp_path / "out.json")])
    monkeypatch.setattr(program, "_ROUNDS", 1)
    assert program.main() == 0
    results: list[dict[str, Any]] = json.loads((tmp_path / "out.json").read_text())["results"]
    assert {each["question"] for each in results} >= set(QUESTIONS)
    assert "| worst tiles " in capsys.readouterr().out


def test_other_scale_is_not_taken_for_what_is_there(survey: Survey, tmp_path: Path) -> None:
    (tmp_path / "sqlite").mkdir()
    (tmp_path / "sqlite" / "load.json").write_text('{"n_epochs": 7, "seconds": {}}')
    with pytest.raises(FileExistsError, match="holds 7 epochs"), DATABASES["sqlite"](survey, tmp_path, keep=True):
        pass


def test_what_a_survey_costs_besides_reading_is_measured(folder: Path, survey: Survey) -> None:
    with sqlite_survey(survey, folder / "scale") as loaded:
        rows = run_scale(Scale(n_tasks=20, n_epochs=2, n_receipts=2, n_workers=1), folder, [loaded.url])
    found = [row.contender for row in rows if row.question == "store a receipt"]
    assert found[:2] == ["SQLite, new", f"sqlite with {len(survey):,} epochs"]
    goals = [row.goal.text(row.unit) for row in rows if row.goal is not None]
    assert goals[:2] == ["<= 100 ms"] * 2
    if len(found) > 2:
        assert goals[2:] == ["<= 100 ms", ">= 1.6 x faster", "<= 1 x"]
    assert len({row.contender for row in rows if row.question == "an empty task"}) == 2
    assert all(math.isfinite(value) and value > 0 for row in rows for value in row.samples)


@pytest.mark.slow
def test_ingest_of_which_parts_are_killed_is_rehearsed(folder: Path) -> None:
    size = Rehearsal(n_workers=4, n_coordinators=2, n_tiles=16, n_epochs=2, seconds=0.1)
    try:
        rows = rehearse(size, folder / "rehearsal")
    except ServerError as error:
        lacks(f"no Postgres server: {error}")
    assert all(math.isfinite(value) and value > 0 for row in rows for value in row.samples)
    assert {"tiles per second", "processor time of scheduler per tile"} <= {row.contender for row in rows}
