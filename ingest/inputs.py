"""The info files that a run is given."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..schema.errors import AmbiguousInputError, InfoFileError, UsageError
from ..schema.planes.files import file_state, variables
from .infofile import TileInfo, campaign_of, find_info_files, read_info_file

__all__ = ["BYTES_PER_WORKER", "Input", "check_inputs", "read_inputs", "used_variables", "worth_starting"]

PathLike = str | os.PathLike[str]

BYTES_PER_WORKER = 40_000_000
"""Bytes of images that are worth a worker process: what is read in the time that one takes to start."""


@dataclass(frozen=True, slots=True)
class Input:
    """One info file, read; or why it cannot be used."""

    path: Path
    content: TileInfo | InfoFileError


def read_inputs(given: Iterable[PathLike]) -> list[Input]:
    """Return the info files of some paths, folders searched.

    Raises
    ------
    UsageError
        If a path does not exist, or there are none.
    """
    inputs = [_read(path) for path in find_info_files([Path(each) for each in given])]
    if not inputs:
        raise UsageError("no info files were given: expected at least one")
    return inputs


def _read(path: Path) -> Input:
    try:
        return Input(path, read_info_file(path))
    except InfoFileError as error:
        return Input(path, error)


def used_variables(inputs: list[Input]) -> dict[str, str]:
    """Return the environment variables that the inputs' paths use, folders among them as absolute paths."""
    paths: list[str] = []
    for each in inputs:
        if isinstance(each.content, TileInfo):
            paths += [each.content.image_path, each.content.src_info[0].image_path]
    values = {name: os.environ[name] for name in variables(paths) if name in os.environ}
    return {name: os.path.abspath(value) if Path(value).is_dir() else value for name, value in values.items()}


def check_inputs(inputs: list[Input]) -> str:
    """Return the campaign of all inputs, after checking that no two contradict each other."""
    first = inputs[0].path
    tiles: dict[tuple[str, str], Path] = {}
    for each in inputs:
        if campaign_of(each.path) != campaign_of(first):
            raise AmbiguousInputError(
                f"{first} is of campaign {campaign_of(first)}, {each.path} of {campaign_of(each.path)}: "
                "one catalogue is one campaign"
            )
        if isinstance(each.content, TileInfo):
            tile = (each.content.tilename, each.content.band)
            if tile in tiles:
                raise AmbiguousInputError(
                    f"{tiles[tile]} and {each.path} are both of tile {tile[0]}, band {tile[1]}: give one of them"
                )
            tiles[tile] = each.path
    return campaign_of(first)


def worth_starting(n_workers: int, inputs: list[Input]) -> int:
    """Return how many workers have enough to do; looks at no more files than it takes to tell."""
    n_bytes = 0
    for each in inputs:
        if isinstance(each.content, TileInfo):
            for entry in (each.content, *each.content.src_info):
                if n_bytes >= n_workers * BYTES_PER_WORKER:
                    return n_workers
                state = file_state(entry.image_path)
                n_bytes += 0 if state is None else state[0]
    return max(1, min(n_workers, n_bytes // BYTES_PER_WORKER))
