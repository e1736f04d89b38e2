"""Queue of tiles, in which those that share CCD images take turns."""

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from pathlib import Path

import numpy as np

from .infofiles import PackedTile

__all__ = ["Tile", "TileQueue"]

Tile = tuple[Path, PackedTile]
"""An info file and its content."""


class TileQueue(Iterator[Tile]):
    """Tiles in order, except that one waits while a tile with the same CCD images is under way.

    Its job then finds the masks of those images in the catalogue, and need not read their files.

    Parameters
    ----------
    tiles : sequence of Tile
        The tiles, each band of a tile by itself.
    take_turns : bool
        False if a tile need not wait for another.

    Notes
    -----
    `next` raises StopIteration while all the tiles left wait for tiles under way, and returns more after `done`.
    """

    def __init__(self, tiles: Sequence[Tile], *, take_turns: bool = True) -> None:
        self._tiles = tiles
        self._neighbours = _neighbours([info for _, info in tiles]) if take_turns else [[] for _ in tiles]
        self._numbers = {(info.tilename, info.band): number for number, (_, info) in enumerate(tiles)}
        self._waiting, self._under_way = set(range(len(tiles))), set[int]()
        self._free = list(range(len(tiles)))  # a heap; some of them may have to wait

    def __len__(self) -> int:
        return len(self._waiting)

    def __next__(self) -> Tile:
        while self._free:
            number = heappop(self._free)
            if number in self._waiting and self._under_way.isdisjoint(self._neighbours[number]):
                self._waiting.remove(number)
                self._under_way.add(number)
                return self._tiles[number]
        raise StopIteration

    def done(self, tilename: str, band: str) -> None:
        """Record that a tile is no longer under way."""
        number = self._numbers[tilename, band]
        self._under_way.discard(number)
        for other in self._waiting.intersection(self._neighbours[number]):
            heappush(self._free, other)


def _neighbours(tiles: Sequence[PackedTile]) -> list[list[int]]:
    """Return the numbers of the tiles that share a CCD image with each tile."""
    # a dictionary of 8 million epochs would take a gigabyte; images with equal hashes only make a tile wait
    sizes = [each.images.size for each in tiles]
    images = np.concatenate([np.empty(0, np.int64), *(each.images for each in tiles)])
    order = np.argsort(images, kind="stable")
    images, numbers = images[order], np.repeat(np.arange(len(tiles)), sizes)[order]
    pairs: set[int] = set()
    for distance in range(1, images.size):
        same = images[distance:] == images[:-distance]
        if not same.any():
            break
        pairs.update(np.unique(numbers[:-distance][same] * len(tiles) + numbers[distance:][same]).tolist())
    found: list[list[int]] = [[] for _ in tiles]
    for pair in sorted(pairs):
        first, second = divmod(pair, len(tiles))
        found[first].append(second)
        found[second].append(first)
    return found
