"""UCDs of columns: every column has one, in the words of the IVOA's list."""

import dataclasses

import pytest
from astropy.io.votable.ucd import check_ucd

from goodpix.query.background.skyrow import SkyRow
from goodpix.query.tables.texttable import LEADING
from goodpix.query.tables.ucds import UCDS, ucd_of
from goodpix.schema import tables
from goodpix.schema.views import VIEWS


@pytest.mark.parametrize("ucd", sorted({*UCDS.values(), *map(str, map(ucd_of, ["n_images_r", "level_r", "noise_r"]))}))
def test_word_is_one_of_the_list_and_in_its_place(ucd: str) -> None:
    assert check_ucd(ucd, check_controlled_vocabulary=True, has_colon=False)


def test_word_out_of_its_place_would_be_found() -> None:
    assert not check_ucd("instr.det;meta.id", check_controlled_vocabulary=True)


def test_every_column_of_every_listing_has_one() -> None:
    names = {column.name for view in VIEWS.values() for column in view.columns}
    names |= {field.name for field in dataclasses.fields(SkyRow)} | {column.name for column in tables.failure.c}
    names |= {name for leading in LEADING.values() for name in leading.split()}
    assert {name for name in names if ucd_of(name) is None} == set()


def test_columns_by_band_have_one() -> None:
    assert ucd_of("n_good_i") == ucd_of("n_images_Y") == "meta.number;obs.image"
    assert ucd_of("n_good_se") == ucd_of("n_good") == "meta.number;instr.pixel"
    assert ucd_of("level_x") == "pos.cartesian.x;instr.pixel"


@pytest.mark.parametrize("name", ["", "count", "leveled", "n_images_"])
def test_other_name_has_none(name: str) -> None:
    assert ucd_of(name) is None
