"""Facts about the rows of one tile and band."""

from dataclasses import replace

import pytest

from goodpix.ingest.database.maskrows import bit_rows, mask_values
from goodpix.ingest.upkeep import tilerows
from goodpix.ingest.upkeep.filecheck import CheckedMask
from goodpix.ingest.upkeep.tilerows import StoredTile, delete_rows, read_tile, update_mask
from goodpix.schema.bits import DES_Y6, BitNames
from goodpix.schema.rows import MaskKey

from ....rows import BAND, TILE, epoch_row, some_runs
from ..conftest import Mask, SmallCatalogue


def read(catalogue: SmallCatalogue, **chosen: list[int]) -> StoredTile:
    with catalogue.connected() as connection:
        return read_tile(connection, TILE, BAND, chosen or None)


def test_rows_are_those_of_the_masks(kept_catalogue: SmallCatalogue, masks: list[Mask]) -> None:
    stored = read(kept_catalogue)
    assert (stored.tilename, stored.band, stored.generation) == (TILE, BAND, 1)
    assert stored.mask_file == kept_catalogue.mask_file()
    assert list(stored.masks) == [row.key.name for row, _ in masks]
    for number, (row, _) in enumerate(masks):
        found, values = stored.masks[row.key.name], mask_values(row, number)
        assert found.key == row.key
        assert {name: found.values[name] for name in values} == values
        assert (found.bits, found.hpix) == (bit_rows(row, DES_Y6), row.hpix if number else {})


def test_chosen_rows_alone_are_read(kept_catalogue: SmallCatalogue, masks: list[Mask]) -> None:
    assert list(read(kept_catalogue, epoch=[3, 1]).masks) == [masks[1][0].key.name, masks[3][0].key.name]
    assert list(read(kept_catalogue, coadd=[1]).masks) == ["coadd"]
    assert read(kept_catalogue, coadd=[], epoch=[99]).masks == {}


def test_tile_without_rows_has_no_mask_file(kept_catalogue: SmallCatalogue) -> None:
    with kept_catalogue.connected() as connection:
        assert read_tile(connection, "DES0000+0000", BAND) == StoredTile("DES0000+0000", BAND)


def test_ccd_images_are_those_of_the_epochs(kept_catalogue: SmallCatalogue) -> None:
    assert read(kept_catalogue).ccd_images == {(492768, 11), (492769, 12), (492770, 13)}
    assert StoredTile(TILE, BAND).ccd_images == set()


def test_many_rows_are_looked_up_in_parts(kept_catalogue: SmallCatalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read(kept_catalogue)
    monkeypatch.setattr(tilerows, "_AT_A_TIME", 2)
    assert read(kept_catalogue) == expected


def update(catalogue: SmallCatalogue, row_id: int, mask: CheckedMask, of_file: dict[str, object]) -> StoredTile:
    with catalogue.writing() as database, database.engine.begin() as connection:
        update_mask(connection, row_id, mask, of_file, BitNames({"GHOST": 1}, {}))
    return read(catalogue)


def test_updated_epoch_has_new_values_bits_and_footprint_but_its_run(
    catalogue: SmallCatalogue, masks: list[Mask]
) -> None:
    before = read(catalogue)
    old = masks[2][0]
    row = replace(epoch_row(some_runs(7), expnum=492769, ccdnum=12, fwhm=9.5), hpix={99: 5})
    after = update(catalogue, before.masks[old.key.name].row_id, CheckedMask(6, row, None), {"generation": 9})
    found = after.masks[row.key.name]
    assert {name: found.values[name] for name in mask_values(row, 6)} == mask_values(row, 6)
    assert found.values["run_id"] == 1
    assert (found.bits, found.hpix) == (bit_rows(row, BitNames({"GHOST": 1}, {})), {99: 5})
    others = {name: each for name, each in before.masks.items() if name != row.key.name}
    assert {name: after.masks[name] for name in others} == others
    assert (after.generation, after.mask_file) == (before.generation, before.mask_file)


def test_updated_coadd_has_the_file_it_is_given(catalogue: SmallCatalogue, masks: list[Mask]) -> None:
    row_id = read(catalogue).masks["coadd"].row_id
    file = {"mask_file": "i/other.parquet", "generation": 9}
    after = update(catalogue, row_id, CheckedMask(0, masks[0][0], None), file)
    assert (after.mask_file, after.generation) == ("i/other.parquet", 9)


def test_deleted_rows_go_with_their_bits_and_footprints(catalogue: SmallCatalogue, masks: list[Mask]) -> None:
    before = read(catalogue)
    names = [row.key.name for row, _ in masks]
    with catalogue.writing() as database, database.engine.begin() as connection:
        delete_rows(connection, before, [names[1], names[3], "7/7"])
    after = read(catalogue)
    assert after.masks == {name: before.masks[name] for name in (names[0], names[2])}
    assert catalogue.count("bit_count") == sum(len(each.bits) for each in after.masks.values())
    assert catalogue.count("footprint") == sum(len(each.hpix) for each in after.masks.values())


def test_coadd_may_be_deleted_with_all_of_its_epochs(catalogue: SmallCatalogue) -> None:
    before = read(catalogue)
    with catalogue.writing() as database, database.engine.begin() as connection:
        delete_rows(connection, before, before.masks)
    assert read(catalogue) == StoredTile(TILE, BAND)


def test_own_masks_have_no_ccd_image(kept_catalogue: SmallCatalogue) -> None:
    (epoch, *_) = [each for each in read(kept_catalogue).masks.values() if each.key.kind == "epoch"]
    own = replace(epoch, key=MaskKey.own())
    assert StoredTile(TILE, BAND, masks={"own": own}).ccd_images == set()
