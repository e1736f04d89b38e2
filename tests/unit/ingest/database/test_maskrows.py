"""Facts about mask rows as they are written to the database."""

import pytest
import sqlalchemy as sa

from goodpix.ingest.database.maskrows import (
    bit_rows,
    current_file,
    insert_masks,
    mask_values,
    owner_of,
    table_of,
)
from goodpix.schema import tables
from goodpix.schema.bits import DES_Y6, BitNames
from goodpix.schema.columns import values_of
from goodpix.schema.observing.covariates import COMPUTED, computed_columns
from goodpix.schema.rows import EpochFacts

from ....rows import BAND, TILE, epoch_row, some_runs
from ..conftest import Mask, SmallCatalogue

SET_BY_INGEST = {"run_id", "generation", "area_good_any_unique", "mask_file"}


@pytest.mark.parametrize(("kind", "table", "owner"), [("epoch", "epoch", "epoch_id"), ("coadd", "coadd", "coadd_id")])
def test_kind_of_mask_has_its_table_and_its_number(kind: str, table: str, owner: str) -> None:
    assert (table_of(kind).name, owner_of(kind)) == (table, owner)


@pytest.mark.parametrize("number", [0, 1])
def test_values_are_the_columns_that_the_ingest_does_not_set(masks: list[Mask], number: int) -> None:
    row = masks[number][0]
    table = table_of(row.key.kind)
    values = mask_values(row, 7)
    assert set(values) == set(table.c.keys()) - SET_BY_INGEST - {owner_of(row.key.kind)}
    assert values["mask_row_group"] == 7


def test_epoch_has_computed_columns_alone_and_among_others() -> None:
    rows = [epoch_row(some_runs(k), ccdnum=k, mjd_obs=57000.2, ra_cent=10.0 + k, dec_cent=-30.0) for k in range(3)]
    every = computed_columns([row.facts for row in rows if isinstance(row.facts, EpochFacts)])
    for row, computed in zip(rows, every, strict=True):
        values = mask_values(row, 0)
        assert {name: values[name] for name in COMPUTED} == computed
        assert None not in computed.values()


def test_bits_come_with_the_catalogues_names() -> None:
    row = epoch_row(some_runs(1))
    found = bit_rows(row, BitNames({"GHOST": 1}, {}))
    assert {key: n for key, (_, n) in found.items()} == {
        (plane, bit): n for plane, of in row.bits.items() for bit, n in of.items()
    }
    assert {key: name for key, (name, _) in found.items() if key in [("se", 0), ("se", 5), ("coadd", 0)]} == {
        ("se", 0): "GHOST",
        ("se", 5): "BIT_5",
        ("coadd", 0): "BIT_0",
    }


@pytest.mark.parametrize("tile", [(TILE, "r"), ("DES0000+0000", BAND)])
def test_tile_without_rows_has_generation_0_and_no_file(kept_catalogue: SmallCatalogue, tile: tuple[str, str]) -> None:
    with kept_catalogue.connected() as connection:
        assert current_file(connection, *tile) == (0, None)


def test_tile_has_the_generation_and_the_file_of_its_coadd(kept_catalogue: SmallCatalogue) -> None:
    with kept_catalogue.connected() as connection:
        assert current_file(connection, TILE, BAND) == (1, kept_catalogue.mask_file())


def test_inserted_masks_have_their_own_bits_and_footprints(catalogue: SmallCatalogue, masks: list[Mask]) -> None:
    other = [(row, number) for number, (row, _) in enumerate(masks) if row.key.kind == "epoch"]
    catalogue.change("DELETE FROM bit_count", "DELETE FROM footprint", "DELETE FROM epoch")
    with catalogue.writing() as database, database.engine.begin() as connection:
        insert_masks(connection, other, {}, DES_Y6, {other[0][0].key.name: 1})
        epoch, bit, touched = tables.epoch.c, tables.bit_count.c, tables.footprint.c
        for row, number in other:
            stored = connection.execute(sa.select(tables.epoch).where(epoch.expnum == row.key.expnum)).mappings().one()
            of_row = values_of(row.counts) | values_of(row.facts)
            assert {name: stored[name] for name in of_row} == of_row
            assert (stored["mask_row_group"], stored["run_id"]) == (number, 1 if row is other[0][0] else None)
            bits = connection.execute(
                sa.select(bit.plane, bit.bit, bit.name, bit.n_pixels, bit.coadd_id).where(
                    bit.epoch_id == stored["epoch_id"]
                )
            )
            assert {(each.plane, each.bit): (each.name, each.n_pixels) for each in bits} == bit_rows(row, DES_Y6)
            cells = connection.execute(
                sa.select(touched.hpix, touched.cells).where(touched.epoch_id == stored["epoch_id"])
            )
            assert {each.hpix: each.cells for each in cells} == row.hpix


def test_coadd_has_bits_but_no_footprint(kept_catalogue: SmallCatalogue, masks: list[Mask]) -> None:
    coadd = masks[0][0]
    assert kept_catalogue.count("bit_count WHERE coadd_id IS NOT NULL") == sum(map(len, coadd.bits.values())) > 0
    assert kept_catalogue.count("footprint") == sum(len(row.hpix) for row, _ in masks[1:])


def test_masks_without_rows_are_none(catalogue: SmallCatalogue) -> None:
    before = [catalogue.count(name) for name in ("epoch", "coadd", "bit_count", "footprint")]
    with catalogue.writing() as database, database.engine.begin() as connection:
        insert_masks(connection, [], {}, DES_Y6)
    assert [catalogue.count(name) for name in ("epoch", "coadd", "bit_count", "footprint")] == before
