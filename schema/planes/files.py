"""Where the files of a catalogue's image are, on the machine that opens them."""

import json
import os
from collections.abc import Mapping
from string import Template
from typing import Any

import sqlalchemy as sa

from .. import tables

__all__ = ["PlaneFile", "Remembered", "planes_of", "read_remembered"]

PlaneFile = tuple[Any, ...]
"""Path of a plane, and its extension (name or number) where it has one."""

Remembered = Mapping[int, Mapping[str, str]]
"""Values that environment variables of paths had in an ingest, by the run's number."""


def read_remembered(connection: sa.Connection) -> Remembered:
    """Return what the environment variables in the files' paths were in each run."""
    run = tables.ingest_run
    found = connection.execute(sa.select(run.c.run_id, run.c.arguments))
    return {each.run_id: json.loads(each.arguments or "{}").get("variables", {}) for each in found}


def planes_of(row: Mapping[str, Any], remembered: Remembered) -> dict[str, PlaneFile]:
    """Return path and extension of each plane of a row's image.

    Parameters
    ----------
    row : mapping
        Of an epoch or a coadd.
    remembered : mapping
        See `read_remembered`: a variable that is not set has the value that it had when the row was made.
    """
    of_run = remembered.get(row["run_id"], {})
    unset = {name: value for name, value in of_run.items() if name not in os.environ}
    planes = json.loads(row["planes"]).items()
    return {name: (Template(path).safe_substitute(unset), *ext) for name, (path, *ext) in planes}
