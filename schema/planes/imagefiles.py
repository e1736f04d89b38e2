"""Files of an image's planes: paths and extensions."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..columns import json_object
from ..errors import DamagedValueError
from .conversion import Conversion

__all__ = [
    "Extension",
    "PlaneFile",
    "expand",
    "file_state",
    "files_of_row",
    "first_variable",
    "planes_column",
    "variables",
]

Extension = str | int
"""EXTNAME or number of an extension."""


@dataclass(frozen=True, slots=True)
class PlaneFile:
    """File and extension of one plane.

    Parameters
    ----------
    path : str
        Path as the info file has it, since fingerprints depend on it.
    ext : str or int
        EXTNAME or number of the extension; 0 for a SCAMP header, which has none.
    ingested : mapping of str to str
        Values at ingest of environment variables that paths begin with.
    conversion : Conversion, optional
        Conversion of the stored pixels; by default none.
    """

    path: str
    ext: Extension = 0
    ingested: Mapping[str, str] = field(default_factory=dict)
    conversion: Conversion | None = None

    @property
    def path_now(self) -> str:
        """Path to open: a variable that is not set now keeps its value at ingest."""
        unset = {name: value for name, value in self.ingested.items() if name not in os.environ}
        # $$ stays as it is: not string.Template
        return re.sub(r"\$(\w+|\{\w+\})", lambda name: unset.get(name[1].strip("{}"), name[0]), self.path)


def files_of_row(row: Mapping[str, Any], *needed: str) -> dict[str, PlaneFile]:
    """Return the file of each plane of a row's image, by the plane's name.

    Parameters
    ----------
    row : mapping
        Row of an epoch or coadd; see `goodpix.schema.database.with_variables`.
    *needed : str
        Planes whose file the row has to name.

    Raises
    ------
    DamagedValueError
        If the row names no file of a needed plane, or a file by something other than path and extension.
    """
    ingested = row.get("variables", {})
    planes = json_object(row["planes"], "planes")
    wrong = [name for name, value in planes.items() if not _is_plane(value)]
    missing = [name for name in needed if name not in planes]
    if wrong or missing:
        raise DamagedValueError(
            f"{row.get('filename') or row.get('image_path') or 'row'}: its column planes names no file of "
            f"{(wrong + missing)[0]}: run goodpix verify --repair"
        )
    return {name: _plane(value, ingested) for name, value in planes.items()}


def _plane(value: list[Any], ingested: Mapping[str, str]) -> PlaneFile:
    path, ext, conversion = value + [0, None][len(value) - 1 :]
    return PlaneFile(path, ext, ingested, None if conversion is None else Conversion.of(conversion))


def _is_plane(value: object) -> bool:
    """Tell whether a value is a path, with or without an extension and a conversion."""
    return (
        isinstance(value, list)
        and len(value) in (1, 2, 3)
        and isinstance(value[0], str)
        and "\0" not in value[0]
        and all(isinstance(each, str | int) for each in value[1:2])
        and all(isinstance(each, dict) for each in value[2:])
    )


def planes_column(files: Mapping[str, PlaneFile]) -> str:
    """Return the value of the column ``planes``, as JSON."""
    return json.dumps({name: _listed(name, file) for name, file in files.items()}, sort_keys=True)


def _listed(name: str, file: PlaneFile) -> list[Any]:
    if name == "head":
        return [file.path]
    return [file.path, file.ext, *([] if file.conversion is None else [file.conversion.values])]


def expand(path: str) -> str:
    """Return a path with its environment variables and ``~`` expanded."""
    return os.path.expanduser(os.path.expandvars(path))  # ~nobody stays as it is


def variables(paths: Iterable[str]) -> list[str]:
    """Return the names of the environment variables in paths, without duplicates, in order of appearance."""
    found = (name for path in paths if "$" in path for name in re.findall(r"\$\{?(\w+)", path))
    return list(dict.fromkeys(found))


def first_variable(path: str) -> str | None:
    """Return the name of the environment variable that a path begins with; None if it begins with none."""
    found = re.match(r"\$(\w+|\{\w+\})", path)
    return found[1].strip("{}") if found else None


def file_state(path: str) -> tuple[int, int] | None:
    """Return the size (bytes) and modification time (ns) of a file; None if there is no such file."""
    try:
        state = os.stat(expand(path))
    except (OSError, ValueError):
        return None
    return state.st_size, state.st_mtime_ns
