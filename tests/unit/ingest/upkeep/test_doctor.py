"""Diagnosis of an installation and a catalogue."""

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from goodpix.ingest.upkeep.doctor import Finding, State, diagnose
from goodpix.ingest.upkeep.rebuild import rebuild
from goodpix.schema.extras import EXTRAS

from ....rows import folder_of
from ..conftest import SmallCatalogue


def finding(db: object, topic: str) -> Finding:
    """Return the only finding on a topic."""
    (found,) = findings(db, topic)
    return found


def findings(db: object, topic: str) -> list[Finding]:
    """Return the findings on a topic."""
    return [each for each in diagnose(str(db)) if each.topic == topic]


def test_versions_are_named(tmp_path: Path) -> None:
    found = finding(tmp_path / "none.db", "software")
    assert (found.state, found.text.startswith("goodpix 0.")) == (State.FINE, True)
    assert all(f"{name} " in found.text for name in ("Python", "numpy", "numba", "fitsio", "astropy"))


def test_extra_that_is_not_installed_is_absent_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "plot", ("goodpix_has_no_such_library",))
    found = finding(tmp_path / "none.db", "[plot]")
    assert found.state is State.ABSENT
    assert "goodpix_has_no_such_library is not installed: pip install" in found.text


def test_catalogue_to_be_made_is_absent_and_not_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (found,) = [each for each in diagnose() if each.topic == "database"]
    assert found.state is State.ABSENT
    assert list(tmp_path.iterdir()) == []


def test_catalogue_that_is_named_and_not_there_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    found = finding(path, "database")
    assert (found.state, found.text) == (State.WRONG, f"sqlite:///{path} does not exist")
    assert not path.exists()


def test_mask_files_that_are_there_are_found(catalogue: SmallCatalogue) -> None:
    found = finding(catalogue.path, "mask files")
    assert (found.state, found.text) == (State.FINE, "1 of 1 file looked for and found")


def test_mask_files_that_are_missing_are_counted_with_the_cure(catalogue: SmallCatalogue) -> None:
    (path,) = folder_of(catalogue.root).rglob("*.parquet")
    path.rename(path.with_suffix(".moved"))
    found = finding(catalogue.path, "mask files")
    assert found.state is State.WRONG
    assert found.text == f"1 of 1 file looked for missing, such as {path}"
    assert found.cure.startswith(f"copy the mask files to {catalogue.root}, or run goodpix ingest")


def test_file_that_is_no_database_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("no database")
    assert finding(path, "database").state is State.WRONG


def test_catalogue_is_counted(catalogue: SmallCatalogue) -> None:
    found = finding(catalogue.path, "database")
    assert (found.state, "1 coadd, " in found.text) == (State.FINE, True)


def test_masks_root_is_measured_and_left_as_it_was(catalogue: SmallCatalogue) -> None:
    folder = folder_of(catalogue.root)
    before = sorted(folder.rglob("*"))
    found = finding(catalogue.path, "masks root")
    assert (found.state, found.text.endswith(" MB/s")) == (State.FINE, True)
    assert sorted(folder.rglob("*")) == before


def test_masks_root_of_another_catalogue_is_wrong(catalogue: SmallCatalogue) -> None:
    catalogue.change("UPDATE catalogue SET uuid = 'another'")
    found = finding(catalogue.path, "masks root")
    assert (found.state, "it belongs to catalogue" in found.text) == (State.WRONG, True)


def test_image_files_that_are_missing_are_named_with_the_variable_to_set(
    catalogue: SmallCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_SURVEY", raising=False)
    catalogue.change("UPDATE coadd SET image_path = '$NO_SUCH_SURVEY/image.fits'")
    found = findings(catalogue.path, "image files")[0]
    assert found.state is State.WRONG
    assert found.text == "1 of 1 coadd image missing, such as $NO_SUCH_SURVEY/image.fits"
    assert found.cure.startswith("set NO_SUCH_SURVEY to the folder of the survey's files")


def test_image_file_that_is_there_is_found(catalogue: SmallCatalogue, tmp_path: Path) -> None:
    image = tmp_path / "image.fits"
    image.touch()
    catalogue.change(f"UPDATE coadd SET image_path = '{image}'")
    found = findings(catalogue.path, "image files")[0]
    assert (found.state, found.text) == (State.FINE, "1 coadd image looked for and found")


def test_files_of_epochs_are_looked_for(catalogue: SmallCatalogue, tmp_path: Path) -> None:
    image = tmp_path / "immasked.fits"
    image.touch()
    planes = json.dumps({"image": [str(image), 0], "bmask": [str(image), 1], "bkg": [str(tmp_path / "none"), 1]})
    catalogue.change(f"UPDATE epoch SET planes = '{planes}'", "UPDATE coadd SET image_path = NULL")
    found = finding(catalogue.path, "image files")
    assert (found.state, found.text) == (State.FINE, "1 epoch file looked for and found")
    image.unlink()
    found = finding(catalogue.path, "image files")
    assert (found.state, found.text) == (State.WRONG, f"1 of 1 epoch file missing, such as {image}")
    assert found.cure.startswith("mount or copy the survey's files")


def test_catalogue_of_an_older_revision_names_the_upgrade(tmp_path: Path) -> None:
    frozen = Path(__file__).resolve().parents[3] / "data" / "catalogue_v1"
    shutil.copytree(frozen, tmp_path / "frozen")
    found = finding(tmp_path / "frozen" / "goodpix.db", "database")
    assert (found.state, found.text.endswith(", of revision 0001")) == (State.FINE, True)
    assert found.cure.startswith("goodpix db upgrade")


def test_older_catalogue_with_failures_names_both_cures(tmp_path: Path) -> None:
    frozen = Path(__file__).resolve().parents[3] / "data" / "catalogue_v1"
    shutil.copytree(frozen, tmp_path / "frozen")
    path = tmp_path / "frozen" / "goodpix.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        values = {"failure_key": "x", "error_type": "E", "message": "m", "attempts": 1, "failed_at": "2026"}
        names = [row[1] for row in connection.execute("PRAGMA table_info(failure)") if row[3]]
        marks = ", ".join("?" * len(names))
        given = [values.get(name, "1") for name in names]
        connection.execute(f"INSERT INTO failure ({', '.join(names)}) VALUES ({marks})", given)
    found = finding(path, "database")
    assert (found.state, found.text.endswith(", of revision 0001")) == (State.WRONG, True)
    assert found.cure.startswith("goodpix failures lists them; goodpix db upgrade")


def test_files_looked_for_are_spread_over_the_catalogue_without_all_of_its_rows(catalogue: SmallCatalogue) -> None:
    n = 1000
    with closing(sqlite3.connect(catalogue.path)) as connection, connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(coadd)")]
        taken = ", ".join(name for name in names if name not in ("coadd_id", "tilename", "mask_file"))
        for number in range(n):
            connection.execute(
                f"INSERT INTO coadd (tilename, mask_file, {taken}) SELECT ?, ?, {taken} FROM coadd LIMIT 1",
                (f"T{number:04}", f"i/{number}.parquet"),
            )
    asked: list[str] = []

    def note(*given: Any) -> None:
        asked.append(" ".join(given[2].lower().split()))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        found = finding(catalogue.path, "mask files")
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert found.text.startswith("19 of 20 files looked for missing")
    of_coadds = [text for text in asked if "from coadd" in text]
    assert len(of_coadds) > 0
    assert [text for text in of_coadds if not re.search(r"limit|count\(|min\(", text)] == []


def test_masks_root_that_was_moved_has_a_cure_that_helps(catalogue: SmallCatalogue) -> None:
    moved = folder_of(catalogue.root).rename(catalogue.folder / "elsewhere")
    found = finding(catalogue.path, "masks root")
    assert (found.state, "--force --masks FOLDER" in found.cure) == (State.WRONG, True)
    rebuild(catalogue.path, moved, force=True)
    assert finding(catalogue.path, "masks root").state is State.FINE
