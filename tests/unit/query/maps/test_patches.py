"""Patches of the sky and the images that touch them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from goodpix.query.maps.patches import Epoch, Patch, find_patches, map_patches
from goodpix.query.source import Source
from goodpix.schema.criteria import BoundSelection
from goodpix.schema.errors import UnknownNameError, UsageError
from goodpix.schema.wcs.footprint import footprint

from ....maskcatalogue import EAST, EPOCHS, SHAPE, WEST, grid_of

DEFAULT = BoundSelection.of(None)


def names(_patch: Patch, images: Iterator[list[Epoch]]) -> list[list[tuple[str, int | None]]]:
    return [[(epoch.mask.key.tilename, epoch.mask.key.expnum) for epoch in image] for image in images]


def test_patches_hold_the_footprints_of_images(source: Source) -> None:
    expected = {hpix for epoch in EPOCHS.values() for hpix in footprint(grid_of(epoch.first, SHAPE)).hpix}
    patches = find_patches(source.database, 256, {})
    assert {cell for patch in patches for cell in patch.cells} >= expected
    assert [patch.pixel for patch in patches] == sorted({cell for patch in patches for cell in patch.cells})
    assert all(patch.cells == (patch.pixel,) for patch in patches)


def test_patches_of_one_worker_are_joined_into_larger_ones(source: Source) -> None:
    many, joined = (find_patches(source.database, 256, {}, spread=spread) for spread in (True, False))
    assert len(joined) <= len(many)
    assert [c for patch in joined for c in patch.cells] == [c for patch in many for c in patch.cells]


def test_a_ccd_image_comes_once_with_its_tiles_in_order(source: Source) -> None:
    for patch, found in zip(
        find_patches(source.database, 64, {}),
        map_patches(source, DEFAULT, names, find_patches(source.database, 64, {}), {}),
        strict=True,
    ):
        assert patch.nside == 64
        # in order of band: i before r
        assert found == [[(EAST, 3)], [(WEST, 1), (EAST, 1)], [(EAST, 2)]]


@pytest.mark.parametrize("workers", [1, 3])
def test_any_executor_gives_the_results_in_order(source: Source, workers: int) -> None:
    patches = find_patches(source.database, 256, {})
    with ThreadPoolExecutor(workers) as executor:
        found = list(map_patches(source, DEFAULT, names, patches, {}, executor=executor))
    assert found == list(map_patches(source, DEFAULT, names, patches, {}))


def test_filters_choose_the_epochs(source: Source) -> None:
    chosen = {"tilename": WEST}
    (patch,) = find_patches(source.database, 64, chosen)
    assert list(map_patches(source, DEFAULT, names, [patch], chosen)) == [[[(WEST, 1)]]]
    assert find_patches(source.database, 64, {"band": "u"}) == []


def test_epochs_have_the_unique_region_of_their_tile(source: Source) -> None:
    def limits(_patch: Patch, images: Iterator[list[Epoch]]) -> set[bool]:
        return {epoch.region is None for image in images for epoch in image}

    patches = find_patches(source.database, 64, {})
    assert list(map_patches(source, DEFAULT, limits, patches, {})) == [{False}] * len(patches)


def test_bad_input_is_an_error(source: Source) -> None:
    with pytest.raises(UnknownNameError, match="unknown filter 'bands'"):
        find_patches(source.database, 64, {"bands": "r"})
    with pytest.raises(UsageError, match="workers is 0: expected 1 or more"):
        list(map_patches(source, DEFAULT, names, [], {}, workers=0))


def test_patch_holds_finer_pixels() -> None:
    patch = Patch(64, 7, (112,))
    assert patch.holds(7, 64)
    assert patch.holds(7 * 1024 + 1023, 2048)
    assert not patch.holds(8 * 1024, 2048)
