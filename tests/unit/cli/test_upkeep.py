"""Maintenance commands on a catalogue of a few masks."""

import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import goodpix
from goodpix.cli.app import app

from ...maskcatalogue import EAST, MaskCatalogue


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOODPIX_DB", "GOODPIX_MASKS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def own(mask_catalogue: MaskCatalogue, tmp_path: Path) -> MaskCatalogue:
    """A copy of the catalogue that a test may break."""
    folder = shutil.copytree(mask_catalogue.folder, tmp_path / "own")
    with closing(sqlite3.connect(folder / "goodpix.db")) as connection, connection:
        connection.execute("UPDATE catalogue SET masks_root = ?", [str(folder / "masks")])
    return MaskCatalogue(f"sqlite:///{folder / 'goodpix.db'}", folder)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


def test_whole_catalogue_is_verified_without_a_line(mask_catalogue: MaskCatalogue) -> None:
    done = run("verify", "--db", mask_catalogue.url)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.splitlines()[-1] == "7 masks in 3 files checked (4 epochs, 3 coadds): nothing is wrong"


def test_lost_mask_file_is_a_problem_and_exits_1(own: MaskCatalogue) -> None:
    (lost,) = own.folder.glob(f"masks/i/{EAST}*")
    lost.unlink()
    done = run("verify", "--db", own.url)
    assert (done.exit_code, len(done.stdout.splitlines())) == (1, 1)
    assert f"{lost} is missing" in done.stdout


def test_rebuilt_catalogue_has_the_same_rows(own: MaskCatalogue) -> None:
    db = own.folder / "again.db"
    done = run("rebuild", "--db", db, "--masks", own.folder / "masks")
    assert (done.exit_code, done.stdout) == (0, "")
    with goodpix.Catalogue(own.url) as first, goodpix.Catalogue(db) as again:
        names = [name for name in first.epochs() if name != "run_id"]
        assert again.epochs()[names].equals(first.epochs()[names])


def test_database_that_holds_something_is_not_rebuilt(own: MaskCatalogue) -> None:
    before = (own.folder / "goodpix.db").read_bytes()
    done = run("rebuild", "--db", own.url, "--masks", own.folder / "masks")
    assert "--force" in str(done.exception)
    assert (own.folder / "goodpix.db").read_bytes() == before


@pytest.mark.parametrize("delete", [False, True])
def test_old_file_that_no_row_names_is_listed_and_deleted_when_asked(delete: bool, own: MaskCatalogue) -> None:
    before = len(list(own.folder.rglob("*.parquet")))
    left = own.folder / "masks" / "i" / f"{EAST}_i_g0_0123456789ab.parquet"
    left.write_bytes(bytes(1234))
    os.utime(left, (time.time() - 7 * 86400,) * 2)
    done = run("gc", "--db", own.url, *(["--delete"] if delete else []))
    assert (done.exit_code, done.stdout.split()) == (0, ["1,234", "7", "d", f"i/{left.name}"])
    assert len(list(own.folder.rglob("*.parquet"))) == before + (not delete)


def test_tables_of_this_version_are_left_as_they_are(own: MaskCatalogue) -> None:
    done = run("db", "upgrade", "--db", own.url)
    assert (done.exit_code, done.stdout) == (0, "")
    assert not list(own.folder.glob("*.bak-*"))


@pytest.mark.parametrize("option", [["--sample", "0"], ["--images", "-1"], ["--workers", "0"]])
def test_number_out_of_its_range_is_refused(option: list[str], mask_catalogue: MaskCatalogue) -> None:
    done = run("verify", "--db", mask_catalogue.url, *option)
    assert (done.exit_code, option[0] in done.stderr) == (2, True)
