"""Facts about the database that a rebuild replaces."""

import pytest

from goodpix.ingest.database.writer import Writer
from goodpix.ingest.report import Failure
from goodpix.ingest.upkeep.olddatabase import Memory, OldDatabase
from goodpix.schema.database import open_for_reading, parse_url

from ....rows import BAND, TILE
from ..conftest import SmallCatalogue


@pytest.fixture
def uuid(catalogue: SmallCatalogue) -> str:
    with open_for_reading(catalogue.path) as database:
        return database.identity.uuid


def old(catalogue: SmallCatalogue) -> OldDatabase:
    return OldDatabase.at(parse_url(catalogue.path))


def record(catalogue: SmallCatalogue, key: str) -> None:
    with catalogue.writing() as database:
        Writer(database, {}).commit_failure(Failure(key, key.partition("#")[0], "PlaneError", "message", TILE, BAND))


def test_state_of_a_database(catalogue: SmallCatalogue) -> None:
    found = old(catalogue)
    assert (found.what, found.empty, found.is_good) == ("has 1 tile", False, True)
    catalogue.path.unlink()
    assert (old(catalogue).what, old(catalogue).empty, old(catalogue).is_good) == ("is empty", True, False)


def test_database_remembers_runs_and_generations(catalogue: SmallCatalogue, uuid: str) -> None:
    with old(catalogue).memory(uuid) as memory:
        assert [row["run_id"] for row in memory.runs] == [1]
        assert set(memory.run_ids(TILE, BAND).values()) == {1}
        assert (memory.generation(TILE, BAND), memory.generation(TILE, "g")) == (1, 0)
        assert memory.notes == []


def test_failures_of_inputs_are_remembered_and_those_of_mask_files_are_not(
    catalogue: SmallCatalogue, uuid: str
) -> None:
    for key in ("info.yaml#1/2", "info.yaml#3/4", f"{catalogue.root}/{catalogue.mask_file()}#coadd"):
        record(catalogue, key)
    with old(catalogue).memory(uuid) as memory:
        assert [row["failure_key"] for row in memory.failures({"info.yaml#3/4"})] == ["info.yaml#1/2"]


def test_database_of_another_catalogue_remembers_nothing(catalogue: SmallCatalogue) -> None:
    with old(catalogue).memory("another") as memory:
        assert (memory.runs, memory.mask_files, memory.failures(set())) == ([], {}, [])


@pytest.mark.parametrize(
    ("statement", "note"),
    [
        ("UPDATE ingest_run SET arguments = '[1'", "1 damaged row of its table ingest_run is left out"),
        ("UPDATE ingest_run SET version = x'ff'", "1 damaged row of its table ingest_run is left out"),
        ("UPDATE ingest_run SET host = CAST(x'ff' AS TEXT)", "part of what it knows of runs and failures is lost"),
    ],
)
def test_what_is_damaged_is_left_out_with_a_note(
    catalogue: SmallCatalogue, uuid: str, statement: str, note: str
) -> None:
    catalogue.change(statement)
    with old(catalogue).memory(uuid) as memory:
        assert memory.runs == []
        assert memory.run_ids(TILE, BAND) == {}
        (told,) = memory.notes
        assert told.startswith(f"old database: {note}")


def test_memory_without_a_database_is_empty() -> None:
    memory = Memory(None)
    assert (memory.runs, memory.mask_files, memory.notes) == ([], {}, [])
