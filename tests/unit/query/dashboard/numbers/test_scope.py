"""Tiles that a page is about."""

from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.numbers.scope import TileScope, scope_of, tile_positions
from goodpix.query.dashboard.url import SkyBox, View

from .....rowcatalogue import TILES


def test_a_box_and_a_part_of_a_name_choose_tiles(cache: CatalogueCache) -> None:
    across = View(box=SkyBox.parse("359:1,-34:-33"))
    assert scope_of(cache, across, 0.0).names == tuple(sorted(TILES[:2]))
    assert scope_of(cache, View(tile="0124-33"), 0.0).names == (TILES[2],)
    assert scope_of(cache, View(tile="' OR 1=1 --"), 0.0).names == ()
    assert scope_of(cache, View(band="r"), 0.0) == TileScope("r")
    assert tile_positions(cache, 0.0).names.tolist() == sorted(TILES)
