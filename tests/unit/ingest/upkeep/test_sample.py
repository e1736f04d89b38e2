"""Facts about random samples of masks."""

import pytest
import sqlalchemy as sa

from goodpix.ingest.upkeep import sample as sample_module
from goodpix.ingest.upkeep.sample import Sample, sample_epochs, sample_masks
from goodpix.schema import tables

from ....rows import BAND, TILE
from ..conftest import SmallCatalogue

N_EPOCHS = 3


def ids(sample: Sample) -> list[tuple[str, int]]:
    return [(kind, each) for of_tile in sample.tiles.values() for kind in of_tile for each in of_tile[kind]]


@pytest.mark.parametrize("n", [0, 1, 3, N_EPOCHS + 1])
def test_sample_has_so_many_masks_each_once(kept_catalogue: SmallCatalogue, n: int) -> None:
    with kept_catalogue.connected() as connection:
        found = ids(sample_masks(connection, n, 1))
    assert len(found) == len(set(found)) == n


def test_sample_larger_than_the_catalogue_is_all_of_it(kept_catalogue: SmallCatalogue) -> None:
    with kept_catalogue.connected() as connection:
        sample = sample_masks(connection, 1000, 1)
        epochs = connection.scalars(sa.select(tables.epoch.c.epoch_id)).all()
        keys = connection.execute(sa.select(tables.epoch.c.expnum, tables.epoch.c.ccdnum)).all()
    assert sorted(sample.of_tile(TILE, BAND)["epoch"]) == sorted(epochs)
    assert sample.of_tile(TILE, BAND)["coadd"] == [1]
    assert sample.ccd_images == {BAND: {tuple(key) for key in keys}}
    assert sample.tiles_by_band == {BAND: {(TILE,)}}


def test_seed_decides(kept_catalogue: SmallCatalogue) -> None:
    with kept_catalogue.connected() as connection:
        first, again = (ids(sample_masks(connection, 2, 1)) for _ in range(2))
        others = [ids(sample_masks(connection, 2, seed)) for seed in range(2, 9)]
    assert first == again
    assert any(other != first for other in others)


def test_every_mask_is_as_likely(kept_catalogue: SmallCatalogue) -> None:
    with kept_catalogue.connected() as connection:
        found = [ids(sample_masks(connection, 1, seed))[0] for seed in range(80)]
    assert len(set(found)) == N_EPOCHS + 1
    assert min(found.count(each) for each in set(found)) > 80 / (N_EPOCHS + 1) / 2


def test_many_masks_are_looked_up_in_parts(kept_catalogue: SmallCatalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    with kept_catalogue.connected() as connection:
        expected = sample_masks(connection, 1000, 1)
        monkeypatch.setattr(sample_module, "_AT_A_TIME", 2)
        found = sample_masks(connection, 1000, 1)
    assert sorted(ids(found)) == sorted(ids(expected))


def test_epochs_are_those_whose_images_could_be_read(catalogue: SmallCatalogue) -> None:
    catalogue.change("UPDATE epoch SET stale = 1 WHERE expnum = 492769")
    with catalogue.connected() as connection:
        assert [each.expnum for each in sample_epochs(connection, 1000, 1)] == [492768, 492770]
        (one,) = sample_epochs(connection, 1, 1)
        assert (one.kind, one.tilename, one.band) == ("epoch", TILE, BAND)


def test_no_epochs_are_asked_for(kept_catalogue: SmallCatalogue) -> None:
    with kept_catalogue.connected() as connection:
        assert sample_epochs(connection, 0, 1) == []


def test_empty_catalogue_has_an_empty_sample(catalogue: SmallCatalogue) -> None:
    catalogue.change("DELETE FROM epoch", "DELETE FROM coadd")
    with catalogue.connected() as connection:
        sample = sample_masks(connection, 5, 1)
        assert (sample.tiles, sample.ccd_images, sample.tiles_by_band) == ({}, {}, {})
        assert sample_epochs(connection, 5, 1) == []
