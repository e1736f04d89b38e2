"""Finding masks by key and filter, and reading them."""

from typing import Any

import numpy as np
import pytest

from goodpix.query.masks.reader import Kind, MaskReader, find_mask, find_masks, read_mask, read_masks
from goodpix.query.source import Source
from goodpix.schema.errors import MaskNotFoundError, UnknownNameError, UsageError
from goodpix.schema.rows import MaskKey

from ....maskcatalogue import COADD_SHAPE, EAST, EPOCHS, WEST

FIRST = MaskKey(EAST, "r", "epoch", 1, 11)


def keys(source: Source, kind: Kind = "epoch", **filters: Any) -> list[MaskKey]:
    return [location.key for location in find_masks(source.database, kind, filters)]


def test_masks_come_by_tile_and_band_in_the_order_of_their_file(source: Source) -> None:
    assert keys(source) == list(EPOCHS)
    assert [(key.tilename, key.band) for key in keys(source, "coadd")] == [(WEST, "r"), (EAST, "i"), (EAST, "r")]


@pytest.mark.parametrize(
    ("filters", "n"),
    [({"band": "r"}, 3), ({"ccdnum": 12}, 1), ({"tilename": EAST, "band": "i"}, 1), ({"band": "u"}, 0)],
)
def test_filters_choose_masks(source: Source, filters: dict[str, Any], n: int) -> None:
    expected = [key for key in EPOCHS if all(getattr(key, name) == value for name, value in filters.items())]
    assert (keys(source, **filters), len(expected)) == (expected, n)


def test_kind_or_filter_that_is_none_is_refused_at_once(source: Source) -> None:
    with pytest.raises(UsageError, match="kind is 'ccd': expected epoch or coadd"):
        find_masks(source.database, "ccd", {})  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(UnknownNameError, match="unknown filter 'tile'"):
        find_masks(source.database, "epoch", {"tile": EAST})


def test_location_has_the_row_of_its_epoch_and_the_file_of_its_tile(source: Source) -> None:
    location = find_mask(source.database, FIRST)
    assert (location.row["nite"], location.row["mask_row_group"]) == (20150101, 1)
    assert location.row["mask_file"].startswith(f"r/{EAST}_r_g1_")
    assert location.row["variables"] == {}


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (MaskKey("DES9", "r", "epoch", 1, 11), "no mask of epoch 1/11 .*: there is no tile DES9"),
        (MaskKey(EAST, "u", "epoch", 1, 11), f"tile {EAST} has bands i, r"),
        (MaskKey(EAST, "u", "coadd", None, None), f"tile {EAST} has bands i, r"),
        (MaskKey(EAST, "r", "epoch", 9, 11), "the tile has no exposure 9 in that band"),
        (MaskKey(EAST, "r", "epoch", 1, 12), "the tile has CCD 11 of exposure 1"),
    ],
)
def test_mask_that_is_not_there_is_refused_with_what_is(source: Source, key: MaskKey, message: str) -> None:
    with pytest.raises(MaskNotFoundError, match=message):
        find_mask(source.database, key)


def test_masks_have_the_flags_that_were_stored(source: Source) -> None:
    for mask in read_masks(source.database, source.reader, find_masks(source.database, "epoch", {})):
        np.testing.assert_array_equal(mask.flags(), EPOCHS[mask.key].flags)
        assert mask.row is not None
        assert mask.row["n_good"] == mask.count()
    own = read_mask(source.database, source.reader, MaskKey(EAST, "r", "coadd", None, None))
    assert own.shape == COADD_SHAPE


def test_flags_of_some_pixels_are_those_of_the_mask(source: Source) -> None:
    pixels = np.array([0, 1199, 40, 39, 39], np.int64)  # in the order of columns, of 40 pixels
    expected = EPOCHS[FIRST].flags.T.ravel()[pixels]
    found = source.reader.flags_at(find_mask(source.database, FIRST), pixels)
    assert found.tolist() == expected.tolist()


def test_reader_that_was_closed_opens_its_files_again(source: Source) -> None:
    reader = MaskReader(source.database.root, source.database.identity)
    location = find_mask(source.database, FIRST)
    first = reader.read(location)
    reader.close()
    assert reader.read(location).encoded.checksum == first.encoded.checksum
    reader.close()
