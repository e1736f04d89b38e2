"""Info files of a run, read side by side and kept packed."""

import hashlib
import os
import pickle
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..schema.errors import AmbiguousInputError, InfoFileError, UsageError
from ..schema.executors import in_order, process_pool, usable_cores
from ..schema.planes.imagefiles import first_variable
from .infofile import TileInfo, in_utf8, read_info_file

__all__ = ["Input", "PackedTile", "campaign_of", "check_inputs", "read_inputs"]

PathLike = str | os.PathLike[str]

_SUFFIX = "_pizza_cutter_info.yaml"

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
    """

    tilename: str
    band: str
    image_path: str
    variables: tuple[str, ...]
    images: npt.NDArray[np.int64]
    _packed: bytes = field(repr=False)

    @classmethod
    def of(cls, info: TileInfo) -> "PackedTile":
        """Pack the content of an info file."""
        paths = (file.path for image in (info, *info.src_info) for file in image.files.values())
        names = dict.fromkeys(name for path in paths if (name := first_variable(path)) is not None)
        keys = (f"{entry.band}/{entry.expnum}/{entry.ccdnum}" for entry in info.src_info)
        images = np.fromiter(map(_hash, keys), np.int64, len(info.src_info))
        packed = zlib.compress(pickle.dumps(info, pickle.HIGHEST_PROTOCOL), level=1)
        return cls(info.tilename, info.band, info.image_path, tuple(names), images, packed)

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


def read_inputs(given: Iterable[PathLike], workers: int | None = 1) -> list[Input]:
    """Read the info files at some paths, searching folders.

    Parameters
    ----------
    given : iterable of paths
        Info files and folders.
    workers : int, optional
        Maximum number of processes that read them; None means one per usable core.

    Raises
    ------
    UsageError
        If a path does not exist or there is no path.
    WorkerLostError
        If processes that read an info file die.
    """
    paths = _find_info_files([Path(each) for each in given])
    if not paths:
        raise UsageError("no info files given: expected at least one")
    n_readers = len(paths) // _FILES_PER_READER
    if n_readers > 1:
        n_readers = min(n_readers, usable_cores() if workers is None else workers)
    if n_readers <= 1:
        return _read_some(paths)
    some = [paths[start : start + _AT_A_TIME] for start in range(0, len(paths), _AT_A_TIME)]
    with process_pool(n_readers, "goodpix.ingest.preload") as pool:
        return [each for read in in_order(pool, 2 * n_readers)(_read_some, some) for each in read]


def _read_some(paths: list[Path]) -> list[Input]:
    return [_read(path) for path in paths]


def _read(path: Path) -> Input:
    try:
        return Input(path, PackedTile.of(read_info_file(path)))
    except InfoFileError as error:
        return Input(path, error)


def check_inputs(inputs: list[Input]) -> str:
    """Return the campaign of the inputs, after checking that no two contradict each other."""
    first = inputs[0].path
    tiles: dict[tuple[str, str], Path] = {}
    for file in inputs:
        if campaign_of(file.path) != campaign_of(first):
            raise AmbiguousInputError(
                f"{first} belongs to campaign {campaign_of(first)}, {file.path} to {campaign_of(file.path)}: "
                "expected one campaign per catalogue"
            )
        if isinstance(file.content, PackedTile):
            tile = (file.content.tilename, file.content.band)
            if tile in tiles:
                raise AmbiguousInputError(
                    f"{tiles[tile]} and {file.path} both list tile {tile[0]}, band {tile[1]}: give one of them"
                )
            tiles[tile] = file.path
    return campaign_of(first)


def _find_info_files(paths: list[Path]) -> list[Path]:
    """Return the info files in a list of files and folders, in order and without duplicates.

    Folders and their subfolders are searched for names that end in ``_pizza_cutter_info.yaml``.

    Raises
    ------
    UsageError
        If a path does not exist or a folder contains no info file.
    """
    files: dict[Path, None] = {}
    for path in paths:
        if os.path.isdir(path):  # unlike Path.is_dir, it raises nothing where a name is too long
            inside = sorted(_info_files_below(path))
            if not inside:
                raise UsageError(f"{path}: the folder contains no *{_SUFFIX}")
            files |= dict.fromkeys(inside)
        elif os.path.exists(path):
            files[Path(os.path.abspath(path))] = None
        else:
            raise UsageError(f"{path}: no such file or folder")
    return list(files)


def _info_files_below(folder: Path) -> list[Path]:
    """Return the info files in a folder and its subfolders; follow links, but not in circles."""
    files, seen = [], set()
    for parent, folders, names in os.walk(os.path.abspath(folder), followlinks=True):
        seen.add(os.path.realpath(parent))
        folders[:] = [name for name in folders if os.path.realpath(Path(parent, name)) not in seen]
        files += [Path(parent, name) for name in names if name.endswith(_SUFFIX)]
    return files


def campaign_of(path: Path) -> str:
    """Return the campaign of an info file: the name of its grandparent folder."""
    return in_utf8(path.parent.parent.name)
