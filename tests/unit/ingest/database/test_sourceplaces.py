"""Facts about the places of source masks."""

from dataclasses import replace

import pytest

from goodpix.ingest.database.sourceplaces import source_places
from goodpix.ingest.database.writer import Writer
from goodpix.ingest.infofile import TileInfo
from goodpix.ingest.plan import EpochKey, SourceMask

from ....rows import BAND, TILE
from ..conftest import Mask, SmallCatalogue, receipt
from ..tinytile import entry

OTHER = "DES0000+0000"


def places(catalogue: SmallCatalogue, masks: list[Mask], **keys: str) -> dict[EpochKey, tuple[SourceMask, ...]]:
    """Return the places of the masks of a tile with the same CCD images, and another one."""
    images = [(row.key.expnum, row.key.ccdnum) for row, _ in masks[1:]] + [(7, 7)]  # the last is nowhere
    epochs = [entry("none.fits", expnum=expnum, ccdnum=ccdnum) for expnum, ccdnum in images]
    info = TileInfo.model_validate(
        entry("none.fits", **{"tilename": "DES0001+0001", "band": BAND, "src_info": epochs, **keys})
    )
    with catalogue.writing() as database, database.engine.connect() as connection:
        return source_places(connection, info)


@pytest.fixture
def named(catalogue: SmallCatalogue) -> SmallCatalogue:
    """A catalogue whose epochs have fingerprints of their single-epoch inputs."""
    catalogue.change("UPDATE epoch SET se_fingerprint = 'f'")
    return catalogue


def test_masks_of_other_tiles_have_their_file_and_row_group(named: SmallCatalogue, masks: list[Mask]) -> None:
    assert places(named, masks) == {
        (row.key.expnum, row.key.ccdnum): (SourceMask(named.mask_file(), number),)
        for number, (row, _) in enumerate(masks[1:], start=1)
    }


def test_mask_of_another_band_is_none(named: SmallCatalogue, masks: list[Mask]) -> None:
    assert places(named, masks, band="Y") == {}


@pytest.mark.parametrize("change", ["stale = 1", "se_fingerprint = NULL"])
def test_stale_mask_or_one_of_format_1_is_none(named: SmallCatalogue, masks: list[Mask], change: str) -> None:
    named.change(f"UPDATE epoch SET {change} WHERE mask_row_group = 1")
    assert len(places(named, masks)) == len(masks) - 2


def test_mask_of_the_tile_itself_comes_first(named: SmallCatalogue, masks: list[Mask]) -> None:
    others = [(replace(row, key=replace(row.key, tilename=OTHER)), runs) for row, runs in masks[:2]]
    with named.writing() as database:
        assert Writer(database, {}).commit(receipt("i/other.parquet", others, tilename=OTHER))
    named.change("UPDATE epoch SET se_fingerprint = 'f'")
    key = (others[1][0].key.expnum or 0, others[1][0].key.ccdnum or 0)
    own, other = SourceMask(named.mask_file(), 1), SourceMask("i/other.parquet", 1)
    assert places(named, masks)[key] == (other, own)
    assert places(named, masks, tilename=TILE)[key] == (own, other)
