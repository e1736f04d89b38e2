"""The place of an image's files: path and extension of each plane."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

__all__ = ["Extension", "PlaneFile", "expand", "file_state", "files_of_row", "planes_column", "variables"]

Extension = str | int
"""EXTNAME or number of an extension."""


@dataclass(frozen=True, slots=True)
class PlaneFile:
    """The place of one plane.

    Parameters
    ----------
    path : str
        The file, as the info file has it: fingerprints depend on it.
    ext : str or int
        The extension; 0 for a SCAMP header, which has none.
    ingested : mapping of str to str
        Values that the path's environment variables had in the ingest.
    """

    path: str
    ext: Extension = 0
    ingested: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """The path to open: a variable that is not set now has the value of the ingest."""
        unset = {name: value for name, value in self.ingested.items() if name not in os.environ}
        return Template(self.path).safe_substitute(unset)


def files_of_row(row: Mapping[str, Any]) -> dict[str, PlaneFile]:
    """Return the place of each plane of a row's image, by the plane's name.

    Parameters
    ----------
    row : mapping
        Of an epoch or a coadd; see `goodpix.schema.database.with_variables`.
    """
    ingested = row.get("variables", {})
    planes = json.loads(row["planes"]).items()
    return {name: PlaneFile(path, ext[0] if ext else 0, ingested) for name, (path, *ext) in planes}


def planes_column(files: Mapping[str, PlaneFile | None]) -> str:
    """Return the column ``planes`` of a row: JSON, without the planes that there are not."""
    planes = {name: [file.path] if name == "head" else [file.path, file.ext] for name, file in files.items() if file}
    return json.dumps(planes, sort_keys=True)


def expand(path: str) -> str:
    """Return a path with its environment variables and ``~`` filled in, on the machine that opens it."""
    return os.path.expanduser(os.path.expandvars(path))  # ~nobody stays as it is


def variables(paths: Iterable[str]) -> list[str]:
    """Return the names of the environment variables in paths, each once, in the order of appearance."""
    return list(dict.fromkeys(name for path in paths for name in re.findall(r"\$\{?(\w+)", path)))


def file_state(path: str) -> tuple[int, int] | None:
    """Return size and modification time (ns) of a file; None where there is none."""
    try:
        found = Path(expand(path)).stat()
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns
