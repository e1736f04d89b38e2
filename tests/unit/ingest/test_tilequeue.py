"""Facts about the queue of tiles."""

from pathlib import Path

import pytest

from goodpix.ingest.infofile import TileInfo
from goodpix.ingest.infofiles import PackedTile
from goodpix.ingest.tilequeue import Tile, TileQueue

from .tinytile import entry


def tile(name: str, *expnums: int, band: str = "r", ccdnum: int = 2) -> Tile:
    """Return a tile of some CCD images."""
    epochs = [entry("none.fits", expnum=expnum, ccdnum=ccdnum) for expnum in expnums]
    content = entry("none.fits", tilename=name, band=band, src_info=epochs)
    return Path(f"{name}_{band}.yaml"), PackedTile.of(TileInfo.model_validate(content))


def names(tiles: list[Tile]) -> list[str]:
    return [info.tilename for _, info in tiles]


CHAIN = [tile("A", 1, 2), tile("B", 2, 3), tile("C", 3, 4), tile("D", 4, 5)]


def test_tile_waits_for_those_that_share_its_images() -> None:
    queue = TileQueue(CHAIN)
    assert (names(list(queue)), len(queue)) == (["A", "C"], 2)
    queue.done("A", "r")
    assert (names(list(queue)), len(queue)) == ([], 2)
    queue.done("C", "r")
    assert (names(list(queue)), len(queue)) == (["B", "D"], 0)


def test_tile_that_comes_free_is_returned_after_the_queue_had_none() -> None:
    queue = TileQueue(CHAIN[:2])
    assert names(list(queue)) == ["A"]
    assert next(queue, None) is None
    queue.done("A", "r")
    assert names([next(queue)]) == ["B"]


def test_tiles_one_after_the_other_come_in_their_order() -> None:
    queue, found = TileQueue(CHAIN), []
    for _, info in queue:
        found.append(info.tilename)
        queue.done(info.tilename, info.band)
    assert found == ["A", "B", "C", "D"]


@pytest.mark.parametrize(
    "others",
    [
        [tile("B", 3, 4)],
        [tile("A", 1, 2, band="i")],
        [tile("B", 1, 2, ccdnum=3)],
    ],
    ids=["other exposures", "other band", "other CCD"],
)
def test_tiles_without_a_shared_image_need_not_wait(others: list[Tile]) -> None:
    assert len(list(TileQueue([tile("A", 1, 2), *others]))) == 2


def test_tiles_that_take_no_turns_need_not_wait() -> None:
    assert names(list(TileQueue(CHAIN, take_turns=False))) == ["A", "B", "C", "D"]


def test_image_in_many_tiles_is_under_way_in_one() -> None:
    queue, found = TileQueue([tile(name, 1) for name in "ABCDE"]), []
    while queue:
        (only,) = queue
        found.append(only[1].tilename)
        queue.done(only[1].tilename, "r")
        queue.done(only[1].tilename, "r")
    assert found == ["A", "B", "C", "D", "E"]


def test_queue_may_be_empty() -> None:
    queue = TileQueue([])
    assert (len(queue), list(queue)) == (0, [])
