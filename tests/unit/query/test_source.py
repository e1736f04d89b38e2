"""A source gives the masks of a catalogue, read-only, and follows an ingest that replaces their file."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from goodpix.ingest.database.opening import WritableDatabase, open_for_writing
from goodpix.ingest.database.writer import Writer
from goodpix.ingest.tile import Receipt, StoredRow
from goodpix.query.source import Source, open_source
from goodpix.schema.errors import CatalogueError, MaskFileMissingError, MaskNotFoundError, UsageError
from goodpix.schema.masks.rle import Runs, decode
from goodpix.schema.rows import MaskKey, MaskRow

from ...rows import BAND, TILE, coadd_and_epochs, folder_of, write_masks

MASKS = coadd_and_epochs(3)


def store(database: WritableDatabase, masks: list[tuple[MaskRow, Runs]], generation: int = 1) -> Path:
    """Write masks and load their rows, as an ingest does; return the mask file."""
    name = write_masks(database.root, masks, generation=generation)
    rows = tuple(StoredRow(row, number, made=True) for number, (row, _) in enumerate(masks))
    receipt = Receipt("info", TILE, BAND, whole=True, mask_file=name, generation=generation, rows=rows)
    Writer(database, {}).commit(receipt)
    return folder_of(database.root) / name


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[WritableDatabase]:
    """A catalogue that is being written."""
    url = tmp_path / "goodpix.db"
    with open_for_writing(url, masks=tmp_path / "masks", campaign="test", wcs_source="image") as database:
        yield database


@pytest.fixture
def mask_file(writing: WritableDatabase) -> Path:
    """Its only mask file."""
    return store(writing, MASKS)


@pytest.fixture
def source(writing: WritableDatabase, mask_file: Path) -> Iterator[Source]:
    """The same catalogue, opened for reading."""
    with open_source(writing.url.render_as_string()) as opened:
        yield opened


def test_a_mask_is_the_one_that_was_written(source: Source) -> None:
    for row, runs in MASKS:
        found = source.mask(row.key)
        assert found.key == row.key
        assert np.array_equal(found.flags(), decode(runs))


def test_masks_come_in_the_order_of_their_file_and_by_filters(source: Source) -> None:
    keys = [row.key for row, _ in MASKS]
    assert [mask.key for mask in source.masks({})] == keys[1:]
    assert [mask.key for mask in source.masks({"ccdnum": [12]})] == keys[2:3]
    assert [mask.key for mask in source.masks({}, kind="coadd")] == keys[:1]


def test_a_kind_that_is_none_is_refused(source: Source) -> None:
    with pytest.raises(UsageError, match="kind is 'ccd': expected epoch or coadd"):
        source.masks({}, kind="ccd")  # type: ignore[arg-type]  # wrong on purpose


def test_a_mask_that_is_not_there_is_named_with_what_there_is(source: Source) -> None:
    with pytest.raises(MaskNotFoundError, match=r"492768.*the tile has CCD 11"):
        source.mask(MaskKey(TILE, BAND, "epoch", 492768, 60))


def test_a_mask_file_that_an_ingest_replaces_is_followed(
    writing: WritableDatabase, mask_file: Path, source: Source
) -> None:
    masks = source.masks({})
    newer = [MASKS[0], MASKS[2]]
    first = next(masks).key  # their places are known now
    source.reader.close()
    store(writing, newer, generation=2)
    mask_file.unlink()
    assert first == MASKS[1][0].key
    assert [mask.key for mask in masks] == [MASKS[2][0].key]
    assert np.array_equal(source.mask(MASKS[2][0].key).flags(), decode(MASKS[2][1]))


def test_a_mask_file_that_is_gone_is_an_error(mask_file: Path, source: Source) -> None:
    mask_file.unlink()
    with pytest.raises(MaskFileMissingError, match=mask_file.name):
        source.mask(MASKS[1][0].key)


def test_where_there_is_no_catalogue_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"none\.db"), open_source(tmp_path / "none.db"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_closed_source_has_no_file_open(writing: WritableDatabase, mask_file: Path) -> None:
    with open_source(writing.url.render_as_string()) as opened:
        opened.mask(MASKS[1][0].key)
    mask_file.unlink()
    with pytest.raises(MaskFileMissingError, match=mask_file.name):
        opened.mask(MASKS[1][0].key)
    opened.database.engine.dispose()  # that question has connected again
