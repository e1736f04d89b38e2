"""What a run says of itself, and what it never says."""

import json
import logging
import re
from pathlib import Path

import pytest
import sqlalchemy as sa

import goodpix
from goodpix.ingest.database import retry
from goodpix.schema.errors import CatalogueError, UsageError

from .conftest import Run
from .survey import Survey

PASSWORD = "s3cr3tw0rd"


def test_report_file_has_what_the_report_has(survey: Survey, tmp_path: Path) -> None:
    survey.path(0, "seg").unlink()
    report = survey.ingest(report=tmp_path / "report.json")
    found = json.loads((tmp_path / "report.json").read_text())
    assert [found[key] for key in ("n_tiles", "n_bands", "n_info_files")] == [1, 2, 2]
    assert (found["n_epochs"], found["n_failures"], found["outcome"]) == (5, 1, "failures")
    assert found["failures_by_type"] == {"FitsFileError": 1}
    assert found["failures"][0]["key"] == report.failures[0].key
    assert found["database"] == f"sqlite:///{survey.database}"
    assert found["masks"] == str(survey.masks)
    assert found["version"]
    with survey.catalogue() as catalogue:
        identity = catalogue.database.identity
    names = ("software", "catalogue", "campaign")
    assert [found[key] for key in names] == [f"goodpix {found['version']}", identity.uuid, identity.campaign]
    assert found["seconds"] > 0
    assert set(found["stages"]) == {"coadd", "epochs", "database"}


def test_every_key_of_the_report_file_is_explained(survey: Survey) -> None:
    docs = (Path(__file__).resolve().parents[2] / "docs" / "operations" / "cluster.md").read_text()
    explained = set(re.findall(r"`(\w+)`", docs[docs.index("## The report") :]))
    assert set(json.loads(survey.ingest().json())) <= explained


def test_report_counts_pixels_and_bytes(survey: Survey) -> None:
    report = survey.ingest()
    with survey.catalogue() as catalogue:
        assert report.n_pixels == catalogue.epochs().n_pixels.sum()
    assert report.n_bytes == sum((survey.masks / name).stat().st_size for name in survey.mask_files())
    assert report.pixels_per_second == report.n_pixels / report.seconds
    assert (survey.ingest().n_pixels, survey.ingest().n_bytes) == (0, 0)


def test_report_is_that_of_the_recorded_run(survey: Survey) -> None:
    survey.ingest()
    report = survey.ingest(force=True)
    with survey.catalogue() as catalogue:
        assert set(catalogue.epochs().run_id) == {report.run_id}
        (outcome,) = catalogue.sql("SELECT outcome FROM ingest_run WHERE run_id = :id", {"id": report.run_id}).outcome
    assert (outcome, report.outcome) == ("done", "done")


@pytest.mark.parametrize("where", ["nowhere/report.json", "."])
def test_report_that_cannot_be_written_exits_2(where: str, survey: Survey, cli: Run, tmp_path: Path) -> None:
    places = ["--db", survey.database, "--masks", survey.masks]
    done = cli("ingest", survey.folder, *places, "--report", tmp_path / where)
    assert (done.status, "report " in done.lines[-1]) == (2, True)
    assert "Traceback" not in done.err


def with_password(url: str, password: str = PASSWORD) -> str:
    """Return a URL with a password in it twice; the test's server asks for none."""
    made = sa.make_url(url).set(password=password).update_query_dict({"sslpassword": PASSWORD})
    return made.render_as_string(hide_password=False)


def test_password_reaches_no_row_file_message_or_log(
    survey: Survey, postgres_database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    survey.path(0, "seg").unlink()
    url = with_password(postgres_database)
    report = goodpix.ingest_tiles(survey.folder, db=url, masks=survey.masks, workers=2, report=tmp_path / "report.json")
    assert (":***@" in report.database, "sslpassword=" in report.database) == (True, True)
    said = [str(report), repr(report), (tmp_path / "report.json").read_text(), caplog.text]
    engine = sa.create_engine(postgres_database)
    with engine.connect() as connection:
        for table in sa.inspect(connection).get_table_names():
            said += map(str, connection.execute(sa.text(f"SELECT * FROM {table}")))
    engine.dispose()
    files = [path.read_bytes() for path in survey.masks.rglob("*") if path.is_file()]
    assert len(said) > 20
    assert not any(PASSWORD in text for text in said)
    assert not any(PASSWORD.encode() in content for content in files)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://user:{PASSWORD}@127.0.0.1:1/db",
        f"postgresql://user:{PASSWORD}@127.0.0.1:1/db?password={PASSWORD}",
        f"postgresql://127.0.0.1:1/db?user=user&password={PASSWORD}",
        f"postgresql://user:{PASSWORD}@nowhere.invalid/db",
        f"postgresql://user:{PASSWORD}@127.0.0.1/db?port=1",
    ],
)
def test_password_is_not_in_the_error_of_a_database_that_does_not_answer(
    url: str, survey: Survey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "PATIENCE", 0)
    with pytest.raises(CatalogueError, match="cannot use the database") as raised:
        survey.ingest(db=url)
    assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize("password", [f"a@{PASSWORD}", f"a@b:{PASSWORD}", f"a@b/{PASSWORD}", f"a@b:1/{PASSWORD}"])
def test_password_that_is_not_written_as_it_should_be_is_not_shown(password: str, survey: Survey) -> None:
    with pytest.raises(UsageError, match="--db") as raised:
        survey.ingest(db=f"postgresql://user:{password}@127.0.0.1:1/db")
    assert PASSWORD not in str(raised.value)


def test_report_for_a_dash_goes_to_standard_output(
    survey: Survey, cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("ingest", survey.folder, "--db", survey.database, "--masks", survey.masks, "--report", "-")
    assert (done.status, json.loads(done.out)["n_epochs"]) == (0, 6)
    assert not (tmp_path / "-").exists()
