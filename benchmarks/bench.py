"""What every question is given: tiles, a place to work, and how much effort to spend."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import goodpix

from .tiles import Tile

__all__ = ["Bench", "Effort"]


class Effort(Enum):
    """How often each contender is measured."""

    FULL = "full"
    QUICK = "quick"
    ONCE = "once"  # in the tests, which ask whether it works and not how long it takes


@dataclass(frozen=True, slots=True)
class Bench:
    """What every question is given.

    Parameters
    ----------
    tiles : tuple of Tile
        The data; the first is the package's own maker's.
    folder : Path
        Where this run works, and no other; what a question leaves there is removed.
    effort : Effort
        How often each contender is measured.
    """

    tiles: tuple[Tile, ...]
    folder: Path
    effort: Effort
    _catalogues: dict[Tile, Path] = field(default_factory=dict, init=False, repr=False)

    def catalogue(self, tile: Tile) -> Path:
        """Return the folder of a tile's catalogue, made the first time that one asks for it.

        What is measured afterwards finds kernels compiled, and the tile's files in the system's memory.
        """
        if tile not in self._catalogues:
            folder = self.folder / f"catalogue-{len(self._catalogues)}"
            folder.mkdir(parents=True, exist_ok=True)
            goodpix.ingest_tiles(tile.info_path, db=folder / "goodpix.db", masks=folder / "masks", workers=1)
            self._catalogues[tile] = folder
        return self._catalogues[tile]

    def rounds(self, full: int, quick: int) -> int:
        """Return how often to measure; `full` and `quick` are for the efforts of that name."""
        return {Effort.FULL: full, Effort.QUICK: quick, Effort.ONCE: 1}[self.effort]

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give an empty folder that is removed afterwards."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="scratch-") as folder:
            yield Path(folder)
