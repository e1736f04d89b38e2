"""Facts about the comparison of a tile's rows with its mask file."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from goodpix.ingest.upkeep.filecheck import CheckedFile, CheckedMask
from goodpix.ingest.upkeep.tilecheck import TileComparison, compare_tile
from goodpix.ingest.upkeep.tilerows import StoredMask, StoredTile, read_tile
from goodpix.schema.bits import DES_Y6
from goodpix.schema.wcs.footprint import EVERY_CELL

from ....rows import BAND, TILE
from ..conftest import Mask, SmallCatalogue

FIRST, LAST = "492768/11", "492770/13"


@pytest.fixture(scope="module")
def stored(kept_catalogue: SmallCatalogue) -> StoredTile:
    with kept_catalogue.connected() as connection:
        return read_tile(connection, TILE, BAND)


@pytest.fixture
def file(stored: StoredTile, masks: list[Mask]) -> CheckedFile:
    """The file that the rows name, undamaged."""
    checked = tuple(CheckedMask(number, row, None) for number, (row, _) in enumerate(masks))
    return CheckedFile(stored.mask_file, 1, checked, DES_Y6)


def compare(stored: StoredTile, file: CheckedFile, *, every: bool = True) -> TileComparison:
    return compare_tile(stored, file, DES_Y6, every=every)


def with_mask(stored: StoredTile, name: str, change: Callable[[StoredMask], StoredMask]) -> StoredTile:
    return replace(stored, masks={**stored.masks, name: change(stored.masks[name])})


def test_rows_of_their_file_have_no_differences(stored: StoredTile, file: CheckedFile) -> None:
    assert compare(stored, file) == TileComparison()


def value(**values: Any) -> Callable[[StoredMask], StoredMask]:
    return lambda mask: replace(mask, values={**mask.values, **values})


@pytest.mark.parametrize(
    ("change", "what", "message"),
    [
        (value(n_good=-1), "row", "n_good is -1, but "),
        (value(nite=None), "row", "nite is null, but 20151106 in the mask file"),
        (value(mask_row_group=9), "row", "mask_row_group is 9, but 1 in the mask file"),
        (value(wcs="x" * 99), "row", f"wcs is {'x' * 60}..., but "),
        (value(exptime=0, fwhm=0, magzp=0, scale=0, airmass=0), "row", "; and 2 more"),
        (lambda mask: replace(mask, bits={}), "bit counts", "se bit "),
        (
            lambda mask: replace(mask, bits={**mask.bits, ("se", 22): ("BIT_22", 5)}),
            "bit counts",
            "se bit 22 has 5 pixels (BIT_22), but 0 pixels in the mask file",
        ),
        (lambda mask: replace(mask, hpix={7: 5}), "footprint", "HEALPix pixel 8 is missing"),
        (
            lambda mask: replace(mask, hpix={**mask.hpix, 9: 1}),
            "footprint",
            "HEALPix pixel 9 is not in the mask file",
        ),
        (
            lambda mask: replace(mask, hpix={**mask.hpix, 7: 3}),
            "footprint",
            "cells of HEALPix pixel 7 are 3, but 5 in the mask file",
        ),
    ],
)
def test_different_row_is_named_and_can_be_corrected(
    stored: StoredTile, file: CheckedFile, change: Callable[[StoredMask], StoredMask], what: str, message: str
) -> None:
    found = compare(with_mask(stored, FIRST, change), file)
    (problem,) = found.problems
    assert (problem.what, problem.where) == (what, f"epoch {FIRST} (tile {TILE}, band {BAND})")
    assert message in problem.message
    assert found.differing == {FIRST}
    assert not found.lost
    assert not found.tile_is_lost


def test_cells_that_older_tables_do_not_know_are_no_difference(stored: StoredTile, file: CheckedFile) -> None:
    older = with_mask(stored, FIRST, lambda mask: replace(mask, hpix=dict.fromkeys(mask.hpix, EVERY_CELL)))
    assert compare(older, file) == TileComparison()


def test_computed_value_that_differs_by_rounding_or_that_older_tables_lack_is_no_difference(
    stored: StoredTile, file: CheckedFile
) -> None:
    latitude = stored.masks[LAST].values["galactic_latitude"]
    for near in (latitude + 2e-6, None):
        assert compare(with_mask(stored, LAST, value(galactic_latitude=near)), file) == TileComparison()
    far = compare(with_mask(stored, LAST, value(galactic_latitude=latitude + 1e-3, moon_altitude=1.0)), file)
    assert far.differing == {LAST}
    assert "moon_altitude is 1.0, but null in the mask file; galactic_latitude is " in far.problems[0].message


def test_lower_generation_is_the_coadds_problem(stored: StoredTile, file: CheckedFile) -> None:
    found = compare(stored, replace(file, generation=2))
    assert [str(each) for each in found.problems] == [
        f"row: coadd (tile {TILE}, band {BAND}): generation is 1, but 2 in the mask file"
    ]
    assert found.differing == {"coadd"}


def test_higher_generation_is_that_of_a_lost_file(stored: StoredTile, file: CheckedFile) -> None:
    assert compare(replace(stored, generation=5), file) == TileComparison()


def test_mask_that_is_damaged_is_lost(stored: StoredTile, file: CheckedFile) -> None:
    masks = [*file.masks[:3], replace(file.masks[3], trouble="is damaged")]
    found = compare(stored, replace(file, masks=tuple(masks)))
    assert [each.message for each in found.problems] == ["is damaged"]
    assert found.lost == {LAST}
    assert (len(found.differing), found.notes) == (0, ())


def test_mask_that_is_not_in_the_file_is_lost(stored: StoredTile, file: CheckedFile) -> None:
    found = compare(stored, replace(file, masks=file.masks[:3]))
    assert [each.message for each in found.problems] == [f"{file.name} does not contain it"]
    assert found.lost == {LAST}


def test_other_mask_in_place_of_a_row_is_named(stored: StoredTile, file: CheckedFile) -> None:
    row = file.masks[3].row
    assert row is not None
    other = replace(file.masks[3], row=replace(row, key=replace(row.key, ccdnum=60)))
    found = compare(stored, replace(file, masks=(*file.masks[:3], other)))
    messages = {each.where: each.message for each in found.problems}
    assert messages[f"epoch {LAST} (tile {TILE}, band {BAND})"].endswith(f"mask 3 is {other.row and other.row.key}")
    assert found.lost == {LAST}
    assert found.differing == {"492770/60"}


def test_lost_coadd_loses_the_tile(stored: StoredTile, file: CheckedFile) -> None:
    found = compare(stored, replace(file, masks=(replace(file.masks[0], trouble="is damaged"), *file.masks[1:])))
    assert found.tile_is_lost


def without(stored: StoredTile, name: str) -> StoredTile:
    return replace(stored, masks={key: mask for key, mask in stored.masks.items() if key != name})


def test_mask_without_a_row_is_a_problem_where_all_rows_are_there(stored: StoredTile, file: CheckedFile) -> None:
    found = compare(without(stored, FIRST), file)
    assert [each.message for each in found.problems] == [f"the database has no row for mask 1 of {file.name}"]
    assert found.differing == {FIRST}
    assert compare(without(stored, FIRST), file, every=False) == TileComparison()


def test_damaged_mask_that_no_row_names_is_a_note(stored: StoredTile, file: CheckedFile) -> None:
    masks = (*file.masks[:3], replace(file.masks[3], trouble="is damaged"))
    found = compare(without(stored, LAST), replace(file, masks=masks))
    assert found == TileComparison(notes=(f"{file.name}: mask 3 is damaged, but no row names it (is damaged)",))


@pytest.mark.parametrize(
    ("changes", "trouble", "what", "message"),
    [
        ({"mask_file": ""}, None, "row", "the database has no row for it, but has 4 epochs of the tile"),
        ({"mask_file": "r/T_r_g1_0123456789ab.parquet"}, None, "row", "mask_file belongs to another tile or band: r/T"),
        ({}, "is missing", "mask file", "is missing"),
    ],
)
def test_file_that_cannot_be_used_loses_every_row(
    stored: StoredTile, file: CheckedFile, changes: dict[str, Any], trouble: str | None, what: str, message: str
) -> None:
    found = compare(replace(stored, **changes), replace(file, trouble=trouble))
    (problem,) = found.problems
    assert problem.what == what
    assert problem.message.startswith(message)
    assert found.lost == {*stored.masks, "coadd"}
