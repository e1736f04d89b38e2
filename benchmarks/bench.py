"""Tiles, work folder and effort of a benchmark run."""

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
    """Amount of repetition."""

    FULL = "full"
    QUICK = "quick"
    ONCE = "once"  # for the tests, which do not care about times


@dataclass(frozen=True, slots=True)
class Bench:
    """Tiles, work folder and effort of a benchmark run.

    Parameters
    ----------
    tiles : tuple of Tile
        The data; the first tile is made by the package's own maker.
    folder : Path
        Work folder of this run alone.
    effort : Effort
        Amount of repetition.
    """

    tiles: tuple[Tile, ...]
    folder: Path
    effort: Effort
    _catalogues: dict[Tile, Path] = field(default_factory=dict, init=False, repr=False)

    def catalogue(self, tile: Tile) -> Path:
        """Return the folder of a tile's catalogue, made at the first call.

        From then on kernels are compiled, and the tile's files are in the page cache.
        """
        if tile not in self._catalogues:
            folder = self.folder / f"catalogue-{len(self._catalogues)}"
            folder.mkdir(parents=True, exist_ok=True)
            goodpix.ingest_tiles(tile.info_path, db=folder / "goodpix.db", masks=folder / "masks", workers=1)
            self._catalogues[tile] = folder
        return self._catalogues[tile]

    def rounds(self, full: int, quick: int) -> int:
        """Return the number of rounds, `full` or `quick`, for this run's effort."""
        return {Effort.FULL: full, Effort.QUICK: quick, Effort.ONCE: 1}[self.effort]

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Make an empty folder that is removed afterwards."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="scratch-") as folder:
            yield Path(folder)
