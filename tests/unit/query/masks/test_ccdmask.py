"""Mask of a CCD image in two tiles, against the flags of both."""

import numpy as np
import pytest

from goodpix.query.masks.ccdmask import ccd_mask
from goodpix.query.source import Source
from goodpix.schema.criteria import Criterion
from goodpix.schema.errors import MaskNotFoundError
from goodpix.schema.rows import MaskKey

from ....maskcatalogue import BORDER, EAST, EPOCHS, WEST

EASTERN, WESTERN = (EPOCHS[MaskKey(tile, "r", "epoch", 1, 11)] for tile in (EAST, WEST))


def test_each_pixel_is_that_of_the_tile_whose_region_holds_it(source: Source) -> None:
    found = ccd_mask(source.database, source.reader, "r", 1, 11)
    # a column of the image is `first` columns further on the eastern coadd
    is_east = np.arange(30) + EASTERN.first[0] < BORDER
    expected = np.where(is_east, EASTERN.flags, WESTERN.flags)
    np.testing.assert_array_equal(found.flags(), expected)
    assert not (expected & Criterion.OFF_COADD).any()
    assert (WESTERN.flags & Criterion.OFF_COADD).any()


def test_runs_are_as_few_as_can_be(source: Source) -> None:
    runs = ccd_mask(source.database, source.reader, "r", 1, 11).encoded
    assert (runs.flags[1:] != runs.flags[:-1]).all()
    assert (runs.lengths.sum(), runs.lengths.min() > 0) == (1200, True)


def test_key_joins_the_tiles_and_the_row_is_of_the_image_alone(source: Source) -> None:
    found = ccd_mask(source.database, source.reader, "r", 1, 11)
    assert found.key == MaskKey(f"{WEST}+{EAST}", "r", "epoch", 1, 11)
    assert found.row is not None
    assert (found.row["tilename"], found.row["nite"]) == (found.key.tilename, 20150101)
    assert not {"n_good", "n_off_coadd", "mask_file", "epoch_id"} & set(found.row)


@pytest.mark.parametrize(("expnum", "ccdnum"), [(1, 11), (2, 12)])
def test_files_of_it_name_the_catalogue_and_its_fingerprint(expnum: int, ccdnum: int, source: Source) -> None:
    found = ccd_mask(source.database, source.reader, "r", expnum, ccdnum)
    facts = found.provenance().facts
    assert facts["catalogue"] == source.database.identity.uuid
    assert facts["tilename"] == found.key.tilename
    assert facts["fingerprint"] == (found.row or {})["fingerprint"]


@pytest.mark.parametrize(("band", "expnum", "ccdnum"), [("i", 3, 11), ("r", 2, 12)])
def test_image_in_one_tile_is_the_mask_of_that_tile(source: Source, band: str, expnum: int, ccdnum: int) -> None:
    expected = EPOCHS[MaskKey(EAST, band, "epoch", expnum, ccdnum)].flags
    np.testing.assert_array_equal(ccd_mask(source.database, source.reader, band, expnum, ccdnum).flags(), expected)


@pytest.mark.parametrize(("band", "expnum", "ccdnum"), [("i", 1, 11), ("r", 3, 11), ("r", 1, 12)])
def test_image_that_is_in_no_tile_is_an_error(source: Source, band: str, expnum: int, ccdnum: int) -> None:
    with pytest.raises(MaskNotFoundError, match=f"no mask of exposure {expnum}, CCD {ccdnum}, band {band}"):
        ccd_mask(source.database, source.reader, band, expnum, ccdnum)
