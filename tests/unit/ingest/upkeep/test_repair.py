"""Facts about the repair of a tile's rows."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from goodpix.ingest.database.writer import Writer
from goodpix.ingest.upkeep.filecheck import FileJob, check_file
from goodpix.ingest.upkeep.repair import Damage, repair_tile
from goodpix.ingest.upkeep.tilecheck import compare_tile
from goodpix.ingest.upkeep.tilerows import StoredTile, read_tile
from goodpix.schema import tables
from goodpix.schema.bits import DES_Y6

from ....plainsums import assert_summaries_are_true
from ....rows import BAND, TILE, epoch_row, folder_of, some_runs, write_masks
from ..conftest import Mask, SmallCatalogue, receipt

FIRST, SECOND, LAST = "492768/11", "492769/12", "492770/13"


def read(catalogue: SmallCatalogue) -> StoredTile:
    with catalogue.connected() as connection:
        return read_tile(connection, TILE, BAND)


def found(catalogue: SmallCatalogue) -> Damage:
    """Return the damage to the tile, if any, as a check finds it."""
    stored = read(catalogue)
    file = check_file(FileJob(catalogue.root, stored.mask_file))
    files = [each for each in catalogue.root.store.listing().files if each.mask_file]
    return Damage(stored, file, compare_tile(stored, file, DES_Y6), files)


def repair(catalogue: SmallCatalogue, damage: Damage) -> int | None:
    with catalogue.writing() as database:
        return repair_tile(database, damage)


def failures(catalogue: SmallCatalogue) -> dict[str, str]:
    """Return the messages of failures by what was lost."""
    with catalogue.connected() as connection:
        rows = connection.execute(sa.select(tables.failure))
        return {row.failure_key.rpartition("/masks/")[2]: row.message for row in rows}


@pytest.mark.parametrize(
    "statements",
    [
        ("UPDATE epoch SET n_good = 0, nite = NULL WHERE epoch_id = 1", "UPDATE coadd SET n_good = 0, generation = 0"),
        ("DELETE FROM bit_count", "DELETE FROM footprint WHERE epoch_id = 2"),
        tuple(f"DELETE FROM {table} WHERE epoch_id = 3" for table in ("bit_count", "footprint", "epoch")),
    ],
    ids=["values", "belongings", "missing"],
)
def test_rows_are_those_of_the_file_again(catalogue: SmallCatalogue, statements: tuple[str, ...]) -> None:
    before = read(catalogue)
    catalogue.change(*statements)
    assert repair(catalogue, found(catalogue)) == 0
    after = read(catalogue)
    assert found(catalogue).found.problems == ()
    assert (after.mask_file, after.generation) == (before.mask_file, before.generation)
    assert failures(catalogue) == {}


def damage_mask(catalogue: SmallCatalogue, masks: list[Mask], number: int, *, generation: int = 1) -> str:
    """Write the tile's mask file again with one mask damaged; return its name."""
    (folder_of(catalogue.root) / catalogue.mask_file()).unlink()
    row, runs = masks[number]
    wrong = [*masks[:number], (replace(row, checksum="0" * 64), runs), *masks[number + 1 :]]
    name = write_masks(catalogue.root, wrong, generation=generation)
    catalogue.change(f"UPDATE coadd SET mask_file = '{name}'")
    return name


def test_lost_mask_becomes_a_failure_and_costs_its_epoch_alone(catalogue: SmallCatalogue, masks: list[Mask]) -> None:
    name = damage_mask(catalogue, masks, 2)
    assert repair(catalogue, found(catalogue)) == 1
    assert list(read(catalogue).masks) == ["coadd", FIRST, LAST]
    with catalogue.connected() as connection:
        assert_summaries_are_true(connection)
    assert list(failures(catalogue)) == [f"{name}#{SECOND}"]


def test_tile_without_a_usable_file_becomes_failures(catalogue: SmallCatalogue) -> None:
    name = catalogue.mask_file()
    (folder_of(catalogue.root) / name).unlink()
    assert repair(catalogue, found(catalogue)) == 4
    after = read(catalogue)
    # the coadd's row remembers the generation
    assert (list(after.masks), after.generation, after.recorded_as_lost) == (["coadd"], 1, True)
    messages = failures(catalogue)
    assert set(messages) == {f"{name}#{what}" for what in ("coadd", FIRST, SECOND, LAST)}
    assert all(each.endswith("; there is no other") for each in messages.values())


def test_older_file_takes_the_place_of_a_lost_one(catalogue: SmallCatalogue, masks: list[Mask]) -> None:
    older = catalogue.mask_file()
    other = (epoch_row(masks[2][1], expnum=492769, ccdnum=12, fingerprint="e" * 64), masks[2][1])
    new = [*masks[:2], other, masks[3]]
    with catalogue.writing() as database:
        name = write_masks(database.root, new, generation=2)
        Writer(database, {}).commit(receipt(name, new, generation=2))
    (folder_of(catalogue.root) / name).unlink()
    assert repair(catalogue, found(catalogue)) == 1
    after = read(catalogue)
    # the next file must not have a name that was used
    assert (after.mask_file, after.generation) == (older, 2)
    # masks of equal fingerprints are the same, in whichever file
    assert {name: mask.values["run_id"] for name, mask in after.masks.items()} == {
        "coadd": 2,
        FIRST: 2,
        SECOND: None,
        LAST: 2,
    }
    (message,) = failures(catalogue).values()
    assert message.endswith(f"; using the one in {older} instead")


def test_rows_that_an_ingest_has_replaced_meanwhile_are_left_alone(
    catalogue: SmallCatalogue, masks: list[Mask]
) -> None:
    catalogue.change("UPDATE epoch SET n_good = 0 WHERE epoch_id = 1")
    damage = found(catalogue)
    new = [masks[0], (epoch_row(some_runs(5)), some_runs(5))]
    with catalogue.writing() as database:
        name = write_masks(database.root, new, generation=2)
        Writer(database, {}).commit(receipt(name, new, generation=2))
    after = read(catalogue)
    assert repair(catalogue, damage) is None
    assert read(catalogue) == after
