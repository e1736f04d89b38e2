"""Named selections: added, removed, kept beside the masks and in the database."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

import goodpix
from goodpix import Selection
from goodpix.ingest.database.opening import open_for_writing
from goodpix.ingest.upkeep.selections import add_selection, kept_selections, remove_selection
from goodpix.schema import tables
from goodpix.schema.errors import CatalogueBusyError, CatalogueError, UnknownNameError, UsageError
from goodpix.schema.selection.named import NamedSelection
from goodpix.schema.store.masksroot import MasksRoot

WIDE = Selection(border=48, exclude=["ccdnum=31,amplifier=A"])


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    return tmp_path / "masks"


@pytest.fixture
def url(database_url: str, masks: Path) -> str:
    """An empty catalogue in either database engine."""
    with open_for_writing(database_url, masks=masks, campaign="test", wcs_source="image"):
        pass
    return database_url


def names(url: str, masks: Path) -> list[str]:
    """Return the names in the database, which are those of the file."""
    with goodpix.Catalogue(url) as catalogue:
        found = catalogue.selections().to_dict("records")
    assert json.loads((masks / "_selections.json").read_text()) == {"selections": found}
    return [row["name"] for row in found]


def test_selections_are_in_the_database_and_beside_the_masks(url: str, masks: Path) -> None:
    added = add_selection(url, "wide", WIDE, "for shapes")
    assert (added.name, added.selection, added.description) == ("wide", WIDE, "for shapes")
    add_selection(url, "plain", Selection())
    assert names(url, masks) == ["plain", "wide"]
    assert remove_selection(url, "wide") == added
    assert names(url, masks) == ["plain"]


def test_name_keeps_its_meaning_and_may_get_another_description(url: str, masks: Path) -> None:
    add_selection(url, "wide", WIDE)
    with pytest.raises(UsageError, match=r"selection wide is already border 48.*: expected another name"):
        add_selection(url, "wide", Selection())
    add_selection(url, "wide", Selection(exclude=WIDE.exclude, border=48), "the same")
    assert names(url, masks) == ["wide"]
    (kept,) = kept_selections(MasksRoot.of(masks)) or []
    assert (kept.selection, kept.description) == (WIDE, "the same")


@pytest.mark.parametrize(
    ("name", "selection", "error", "message"),
    [
        ("a b", WIDE, UsageError, "name of a selection is 'a b'"),
        ("Default", WIDE, UsageError, "name of a selection is 'Default': expected another"),
        ("a", Selection(ignore_bits={"SE": ["STARS"]}), UnknownNameError, "unknown SE bit 'STARS'"),
        ("a", "border 48", UsageError, "selection is 'border 48': expected a goodpix.Selection"),
    ],
)
def test_what_cannot_be_kept_is_refused(
    url: str, masks: Path, name: str, selection: Selection, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        add_selection(url, name, selection)
    assert not (masks / "_selections.json").exists()


def test_unknown_name_is_not_removed(url: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown selection 'wide': the catalogue has none"):
        remove_selection(url, "wide")
    add_selection(url, "wide", WIDE)
    with pytest.raises(UnknownNameError, match="unknown selection 'wise', did you mean 'wide'"):
        remove_selection(url, "wise")


def test_table_follows_the_file(url: str, masks: Path) -> None:
    add_selection(url, "wide", WIDE)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(tables.selection.delete())
    engine.dispose()
    add_selection(url, "plain", Selection())
    assert names(url, masks) == ["plain", "wide"]


def test_damaged_file_is_told_and_left(url: str, masks: Path) -> None:
    (masks / "_selections.json").write_text("{")
    with pytest.raises(CatalogueError, match=r"masks: _selections\.json: damaged"):
        add_selection(url, "wide", WIDE)
    assert (masks / "_selections.json").read_text() == "{"


@pytest.fixture
def made(tmp_path: Path, masks: Path) -> Path:
    """An SQLite catalogue."""
    path = tmp_path / "goodpix.db"
    with open_for_writing(path, masks=masks, campaign="test", wcs_source="image"):
        pass
    return path


def test_database_without_a_catalogue_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"no catalogue at sqlite:///.*none\.db"):
        add_selection(tmp_path / "none.db", "wide", WIDE)
    assert list(tmp_path.iterdir()) == []


def test_another_writer_is_waited_for_by_the_user(made: Path, masks: Path) -> None:
    with (
        open_for_writing(made, masks=masks, campaign="test", wcs_source="image"),
        pytest.raises(CatalogueBusyError, match=r"goodpix\.db"),
    ):
        add_selection(made, "wide", WIDE)


@pytest.mark.parametrize("lost", [False, True])
def test_rebuild_has_the_named_selections(made: Path, masks: Path, lost: bool) -> None:
    add_selection(made, "wide", WIDE, "for shapes")
    if lost:
        made.unlink()
    goodpix.rebuild(made, masks, force=True)
    assert names(str(made), masks) == ["wide"]


def test_rebuild_without_the_file_keeps_those_of_the_old_database(made: Path, masks: Path) -> None:
    add_selection(made, "wide", WIDE)
    (masks / "_selections.json").write_text("damaged")
    report = goodpix.rebuild(made, masks, force=True)
    with closing(sqlite3.connect(made)) as connection:
        assert connection.execute("SELECT name FROM selection").fetchall() == [("wide",)]
    assert len(report.notes) == 1
    assert "_selections.json: damaged" in report.notes[0]
    assert names(str(made), masks) == ["wide"]
    assert (masks / "_selections.json.damaged").read_text() == "damaged"


def change(url: str, statement: "sa.Executable") -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(statement)
    engine.dispose()


FILE = "_selections.json"
WRONG = {
    "lost in the database": (
        tables.selection.delete().where(tables.selection.c.name == "wide"),
        "selection: wide: is in _selections.json but not in the database",
    ),
    "other text": (
        tables.selection.update().where(tables.selection.c.name == "wide").values(selection="border 7"),
        f"selection: wide: selection is 'border 7', expected '{WIDE}', as in _selections.json",
    ),
    "other hash": (
        tables.selection.update().where(tables.selection.c.name == "wide").values(hash="0", description=""),
        f"selection: wide: description is '', expected 'for shapes'; hash is '0', expected '{WIDE.hash}', as in {FILE}",
    ),
    "not in the file": (
        tables.selection.insert().values(NamedSelection("more", Selection(border=3)).row),
        "selection: more: is in the database but not in _selections.json",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_verify_names_what_differs_and_the_file_wins(url: str, masks: Path, name: str) -> None:
    add_selection(url, "wide", WIDE, "for shapes")
    add_selection(url, "plain", Selection())
    before = (masks / "_selections.json").read_bytes()
    assert goodpix.verify(url).ok
    statement, message = WRONG[name]
    change(url, statement)
    assert [str(each) for each in goodpix.verify(url, sample=1).problems] == [message]
    report = goodpix.verify(url, repair=True)
    assert (report.ok, [str(each) for each in report.repaired]) == (True, [message])
    assert names(url, masks) == ["plain", "wide"]
    assert (masks / "_selections.json").read_bytes() == before
    assert goodpix.verify(url).ok


@pytest.mark.parametrize("content", [None, "damaged"])
def test_verify_writes_a_lost_file_from_the_database(url: str, masks: Path, content: str | None) -> None:
    add_selection(url, "wide", WIDE, "for shapes")
    before = (masks / "_selections.json").read_bytes()
    (masks / "_selections.json").unlink()
    if content is not None:
        (masks / "_selections.json").write_text(content)
    (problem,) = goodpix.verify(url).problems
    assert str(problem).startswith("selection: _selections.json: ")
    assert str(problem).endswith(": the database has 1 selection")
    assert goodpix.verify(url, repair=True).ok
    assert (masks / "_selections.json").read_bytes() == before
    assert (masks / "_selections.json.damaged").exists() == (content is not None)
    assert goodpix.verify(url).ok


def test_verify_leaves_a_lost_file_if_the_table_is_damaged(url: str, masks: Path) -> None:
    add_selection(url, "wide", WIDE)
    (masks / "_selections.json").unlink()
    change(url, tables.selection.update().values(selection="bordr 48"))
    report = goodpix.verify(url, repair=True)
    assert str(report.problems[0]) == "selection: _selections.json: is missing: the database has 1 selection"
    assert "cannot be repaired" in str(report.problems[1])
    assert not (masks / "_selections.json").exists()


def test_rebuild_writes_a_lost_file(made: Path, masks: Path) -> None:
    add_selection(made, "wide", WIDE)
    (masks / "_selections.json").unlink()
    goodpix.rebuild(made, masks, force=True)
    assert names(str(made), masks) == ["wide"]
