"""Info files of a run, read side by side and kept packed."""

import hashlib
import logging
import os
import pickle
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..schema.errors import AmbiguousInputError, GoodpixError, InfoFileError, UsageError
from ..schema.executors import in_order, usable_cores
from ..schema.files.object import local_path
from ..schema.planes.imagefiles import first_variable
from ..schema.printable import one_line
from ..schema.workers.pool import process_pool
from .infofile import TileInfo, in_utf8
from .profiles.ccdtable import CcdTable
from .profiles.des_pizza_cutter import DesPizzaCutter
from .profiles.protocol import Profile

__all__ = ["Input", "PackedTile", "Reading", "check_inputs", "read_inputs"]

logger = logging.getLogger(__name__)

PathLike = str | os.PathLike[str]

# Files that are worth a process: what is read in the time that it takes to start.
_FILES_PER_READER = 50

# Files that a process reads at a time.
_AT_A_TIME = 16


@dataclass(frozen=True, slots=True, eq=False)
class PackedTile:
    """Content of an info file in a fortieth of its memory, and what a run asks of all its tiles.

    Parameters
    ----------
    tilename, band : str
        Tile and band.
    image_path : str
        Path of the coadd's image.
    variables : tuple of str
        Environment variables that paths begin with.
    images : ndarray of int64
        Hash of each CCD image, equal in all tiles that contain it and on all machines.
    has_seg : bool
        Whether every CCD image has a segmentation map.
    """

    tilename: str
    band: str
    image_path: str
    variables: tuple[str, ...]
    images: npt.NDArray[np.int64]
    has_seg: bool
    _packed: bytes = field(repr=False)

    @classmethod
    def of(cls, info: TileInfo) -> "PackedTile":
        """Pack the content of an info file."""
        paths = (file.path for image in (info, *info.src_info) for file in image.files.values())
        names = dict.fromkeys(name for path in paths if (name := first_variable(path)) is not None)
        keys = (f"{entry.band}/{entry.expnum}/{entry.ccdnum}" for entry in info.src_info)
        images = np.fromiter(map(_hash, keys), np.int64, len(info.src_info))
        packed = zlib.compress(pickle.dumps(info, pickle.HIGHEST_PROTOCOL), level=1)
        has_seg = all(entry.seg_path for entry in info.src_info)
        return cls(info.tilename, info.band, info.image_path, tuple(names), images, has_seg, packed)

    def unpacked(self) -> TileInfo:
        """Return the content."""
        info: TileInfo = pickle.loads(zlib.decompress(self._packed))
        return info


def _hash(text: str) -> int:
    # Python's own hash differs from process to process
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


@dataclass(frozen=True, slots=True)
class Input:
    """An info file: its content, or the error that makes it unusable."""

    path: Path
    content: PackedTile | InfoFileError

    @property
    def name(self) -> str:
        """Path as it is stored: text of any encoding in UTF-8."""
        return in_utf8(os.fspath(self.path))


@dataclass(frozen=True, slots=True)
class Reading:
    """Profile with which the files of a run are read, its settings, and a table of values of CCD images."""

    profile: Profile = field(default_factory=DesPizzaCutter)
    settings: Mapping[str, str] = field(default_factory=dict)
    ccd_table: CcdTable | None = None

    def campaign(self, file: Input) -> str:
        """Return the campaign of a file."""
        return self.profile.campaign(file.path, self.settings)

    def read(self, path: Path) -> TileInfo:
        """Return the content of a file."""
        info = self.profile.read(path, self.settings)
        return info if self.ccd_table is None else self.ccd_table.applied(info)


def read_inputs(given: Iterable[PathLike], workers: int | None = 1, reading: Reading | None = None) -> list[Input]:
    """Read the info files at some paths, or the files of another profile, searching folders.

    Parameters
    ----------
    given : iterable of paths
        Files and folders.
    workers : int, optional
        Maximum number of processes that read them; None means one per usable core.
    reading : Reading, optional
        The profile; by default that of info files.

    Raises
    ------
    UsageError
        If a path does not exist or there is no path.
    WorkerLostError
        If processes that read an info file die.
    """
    reading = reading or Reading()
    folders_and_files = [local_path(each, "input") for each in given]
    if not folders_and_files:
        raise UsageError("no info files given: expected at least one")
    paths = reading.profile.find(folders_and_files, reading.settings)
    n_readers = len(paths) // _FILES_PER_READER
    if n_readers > 1:
        n_readers = min(n_readers, usable_cores() if workers is None else workers)
    if n_readers <= 1:
        return _read_some(reading, paths)
    some = [paths[start : start + _AT_A_TIME] for start in range(0, len(paths), _AT_A_TIME)]
    with process_pool(n_readers, "goodpix.ingest.preload") as pool:
        return [each for read in in_order(pool, 2 * n_readers)(partial(_read_some, reading), some) for each in read]


def _read_some(reading: Reading, paths: list[Path]) -> list[Input]:
    return [_read(reading, path) for path in paths]


def _read(reading: Reading, path: Path) -> Input:
    try:
        return Input(path, PackedTile.of(reading.read(path)))
    except InfoFileError as error:
        return Input(path, error)
    except Exception as error:  # one bad file never ends a survey job, whoever wrote the profile
        logger.debug("traceback", exc_info=error)
        what = "" if isinstance(error, GoodpixError) else f"{type(error).__name__}: "
        return Input(path, InfoFileError(f"{in_utf8(os.fspath(path))}: {what}{one_line(error)}"))


def check_inputs(inputs: list[Input], reading: Reading | None = None) -> str:
    """Return the campaign of the inputs, after checking that no two contradict each other."""
    reading = reading or Reading()
    first, campaign = inputs[0].path, reading.campaign(inputs[0])
    tiles: dict[tuple[str, str], Path] = {}
    for file in inputs:
        other = reading.campaign(file)
        if other != campaign:
            raise AmbiguousInputError(
                f"{first} belongs to campaign {campaign}, {file.path} to {other}: expected one campaign per catalogue"
            )
        if isinstance(file.content, PackedTile):
            tile = (file.content.tilename, file.content.band)
            if tile in tiles:
                raise AmbiguousInputError(
                    f"{tiles[tile]} and {file.path} both list tile {tile[0]}, band {tile[1]}: give one of them"
                )
            tiles[tile] = file.path
    return campaign
