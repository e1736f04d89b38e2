"""Commands for named selections, and the options that use one."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import goodpix
from goodpix.cli.app import app
from goodpix.ingest.database.opening import open_for_writing
from goodpix.schema.errors import UnknownNameError, UsageError


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty catalogue."""
    monkeypatch.delenv("GOODPIX_DB", raising=False)
    path = tmp_path / "goodpix.db"
    with open_for_writing(path, masks=tmp_path / "masks", campaign="test", wcs_source="image"):
        pass
    return str(path)


def run(*arguments: object) -> Result:
    done = CliRunner().invoke(app, [*map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_selection_is_added_listed_shown_and_removed(db: str, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("ccdnum,amplifier\n2,\n31,A\n")
    options = ["--border", 48, "--ignore-bit", "SE:STAR", "--exclude", tmp_path / "bad.csv", "--exclude", "expnum=7"]
    added = run("selection", "add", "wide", "--db", db, "--description", "for shapes", *options)
    with goodpix.Catalogue(db) as catalogue:
        found = catalogue.selection("wide")
    assert added.stdout == f"{found}\n"
    assert str(found).endswith(
        "ignore SE:STAR, border 48, exclude ccdnum=2, exclude ccdnum=31,amplifier=A, exclude expnum=7"
    )
    assert found.hash in run("selection", "list", "--db", db, "--format", "csv").stdout
    words = "--ignore-bit SE:STAR --exclude ccdnum=2 --exclude ccdnum=31,amplifier=A --exclude expnum=7 --border 48"
    assert run("selection", "show", "wide", "--db", db).stdout.splitlines() == [
        "name         wide",
        "description  for shapes",
        f"selection    {found}",
        f"hash         {found.hash}",
        f"options      {words}",
    ]
    removed = run("selection", "remove", "wide", "--db", db)
    assert (removed.stdout, removed.stderr) == ("", f"removed {found}\n")
    assert run("selection", "list", "--db", db, "--format", "csv").stdout == "name,selection,description,hash\n"


def test_named_selection_stands_for_its_options(db: str) -> None:
    run("selection", "add", "wide", "--db", db, "--border", 48)
    with goodpix.Catalogue(db) as catalogue:
        name = str(catalogue.selection("wide"))
    assert run("epochs", "--db", db, "--selection", "wide", "--format", "csv").stderr.splitlines()[-1] == (
        f"selection: {name}"
    )
    with pytest.raises(UsageError, match="--selection wide beside another selection option: expected one of them"):
        run("epochs", "--db", db, "--selection", "wide", "--border", 4)
    with pytest.raises(UnknownNameError, match="unknown selection 'wise', did you mean 'wide'"):
        run("epochs", "--db", db, "--selection", "wise")
