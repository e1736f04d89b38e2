"""Search for a profile's files in folders."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ...schema.errors import UsageError

__all__ = ["find_files"]


def find_files(given: Sequence[Path], matches: Callable[[str], bool], looked_for: str) -> list[Path]:
    """Return the files in a list of files and folders, in order and without duplicates.

    Parameters
    ----------
    given : sequence of Path
        Files, and folders to search with their subfolders.
    matches : callable
        Tells from the name of a file in a folder whether it is one to return.
    looked_for : str
        Pattern of such names, for the message.

    Raises
    ------
    UsageError
        If a path does not exist or a folder contains no such file.
    """
    files: dict[Path, None] = {}
    for path in given:
        if os.path.isdir(path):  # unlike Path.is_dir, it raises nothing where a name is too long
            inside = sorted(_below(path, matches))
            if not inside:
                raise UsageError(f"{path}: the folder contains no {looked_for}")
            files |= dict.fromkeys(inside)
        elif os.path.exists(path):
            files[Path(os.path.abspath(path))] = None
        else:
            raise UsageError(f"{path}: no such file or folder")
    return list(files)


def _below(folder: Path, matches: Callable[[str], bool]) -> Iterable[Path]:
    """Return the matching files in a folder and its subfolders; follow links, but not in circles."""
    files, seen = [], set()
    for parent, folders, names in os.walk(os.path.abspath(folder), followlinks=True):
        seen.add(os.path.realpath(parent))
        folders[:] = [name for name in folders if os.path.realpath(Path(parent, name)) not in seen]
        files += [Path(parent, name) for name in names if matches(name)]
    return files
