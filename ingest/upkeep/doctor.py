"""Diagnosis of an installation and a catalogue."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ...schema import tables
from ...schema.database import (
    REVISION,
    Database,
    open_for_reading,
    parse_url,
    recorded_revision,
    shown,
    with_variables,
)
from ...schema.dialects import sqlite_path
from ...schema.errors import GoodpixError
from ...schema.executors import usable_cores
from ...schema.extras import EXTRAS, missing_library
from ...schema.planes.imagefiles import PlaneFile, file_state, files_of_row, first_variable
from ...schema.store.masksroot import MOVED_ROOT_CURE
from ...schema.store.protocol import Place
from ..report import counted

__all__ = ["Finding", "State", "diagnose"]

_DEFAULT = "sqlite:///goodpix.db"

_LIBRARIES = ("numpy", "numba", "pyarrow", "sqlalchemy", "fitsio", "esutil", "astropy", "pandas")

# Bytes written to measure the speed of a masks root, as many as some hundred masks take.
_N_BYTES = 32 << 20

# Mask files and image files looked for, spread over the catalogue.
_N_FILES = 20

# Planes that every profile reads to make masks.
_OF_MASKS = ("image", "weight", "bmask", "seg")

# Free bytes in the temporary folder below which a tile's flags may not fit.
_ROOM = 1 << 30


class State(Enum):
    """Verdict on one part."""

    FINE = "ok"
    ABSENT = "absent"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """Verdict on one part of an installation or a catalogue.

    Parameters
    ----------
    topic : str
        The part.
    state : State
        Fine, absent (an extra, or a catalogue that is yet to be made) or wrong.
    text : str
        What was found.
    cure : str
        What helps; empty if all is fine.

    Examples
    --------
    >>> finding = goodpix.diagnose("goodpix.db")[0]
    >>> finding.topic, finding.state.name
    ('software', 'FINE')
    """

    topic: str
    state: State
    text: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.state.value:<7} {self.topic:<12} {self.text}" + (f": {self.cure}" if self.cure else "")


def diagnose(db: str | os.PathLike[str] | None = None) -> list[Finding]:
    """Examine the installation, and a catalogue with its masks root and image files.

    Parameters
    ----------
    db : str or path, optional
        Database URL or SQLite file. One that does not exist is wrong; without it ``goodpix.db``, which may be yet to be
        made.

    Returns
    -------
    list of Finding
        What is fine, absent or wrong, with cures. Nothing is changed; a file of 32 MB is written to a masks root in a
        folder, to measure its speed, and removed.

    Raises
    ------
    UsageError
        If the URL is none.

    Examples
    --------
    >>> [finding.topic for finding in goodpix.diagnose("goodpix.db") if finding.state.name == "WRONG"]
    []
    """
    return [*_software(), *_machine(), *_catalogue(db)]


def _software() -> Iterator[Finding]:
    versions = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("software", State.FINE, f"goodpix {version('goodpix')}, Python {python}, {versions}")
    for extra, libraries in EXTRAS.items():
        absent = [name for name in libraries if find_spec(name) is None]
        if absent:
            yield Finding(f"[{extra}]", State.ABSENT, str(missing_library(absent[0])))
        else:
            found = ", ".join(f"{name} {_version(name)}" for name in libraries)
            yield Finding(f"[{extra}]", State.FINE, found)


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "(version unknown)"


def _machine() -> Iterator[Finding]:
    folder = Path(tempfile.gettempdir())
    free = shutil.disk_usage(folder).free
    text = f"{counted(usable_cores(), 'core')} to use, {free / 1e9:.1f} GB free in {folder}"
    if free < _ROOM:
        yield Finding("machine", State.WRONG, text, "set TMPDIR to a folder with at least 1 GB")
    else:
        yield Finding("machine", State.FINE, text)


def _catalogue(named: str | os.PathLike[str] | None) -> Iterator[Finding]:
    """Yield findings about a catalogue; where it cannot be opened, why."""
    db = _DEFAULT if named is None else named
    url = parse_url(db)
    path = sqlite_path(url)
    if path is not None and not path.exists():
        cure = "goodpix ingest makes it; --db or GOODPIX_DB names another"
        state = State.ABSENT if named is None else State.WRONG
        yield Finding("database", state, f"{shown(url)} does not exist", cure)
        return
    try:
        with open_for_reading(db) as database:
            yield _database(database)
            root = _masks_root(database)
            yield root
            if root.state is State.FINE:
                yield from _mask_files(database)
            yield from _image_files(database)
    except GoodpixError as error:
        yield Finding("database", State.WRONG, str(error))


def _database(database: Database) -> Finding:
    names = {"coadd": tables.coadd, "epoch": tables.epoch, "failure": tables.failure}
    with database.engine.connect() as connection:
        revision = recorded_revision(connection)
        n_rows = {
            name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for name, table in names.items()
        }
        of_files = sa.select(sa.func.count()).where(tables.coadd.c.wcs.is_(None))
        n_rows["coadd"] -= connection.scalar(of_files) or 0  # rows of exposures, which have none
    held = ", ".join(counted(n, name) for name, n in n_rows.items())
    text = f"{shown(database.url)}: {database.identity.campaign}, {held}"
    cures = ["goodpix failures lists them"] if n_rows["failure"] else []
    if revision != REVISION:
        text += f", of revision {revision}"
        cures.append(f"goodpix db upgrade makes it {REVISION}")
    return Finding("database", State.WRONG if n_rows["failure"] else State.FINE, text, "; ".join(cures))


def _masks_root(database: Database) -> Finding:
    try:
        trouble = database.root.trouble(database.identity.uuid)
    except GoodpixError as error:
        return Finding("masks root", State.WRONG, str(error))
    if trouble is not None:
        cure = "" if database.root.owner else MOVED_ROOT_CURE
        return Finding("masks root", State.WRONG, f"{database.root}: {trouble}", cure)
    folder = Path(str(database.root))
    if not folder.is_dir():
        return Finding("masks root", State.FINE, f"{database.root} can be read")
    try:
        speed = _write_speed(folder)
    except OSError as error:
        why = f"cannot be written ({error.strerror or error})"
        return Finding("masks root", State.FINE, f"{database.root} can be read, but {why}, which only an ingest needs")
    return Finding("masks root", State.FINE, f"{database.root} takes {speed / 1e6:.0f} MB/s")


def _write_speed(folder: Path) -> float:
    """Return how many bytes a second a folder takes, until they are on the disk."""
    content = os.urandom(_N_BYTES)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".goodpix-speed-") as file:
        started = time.perf_counter()
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        return _N_BYTES / (time.perf_counter() - started)


def _mask_files(database: Database) -> Iterator[Finding]:
    """Look for some mask files, which everything about pixels reads."""
    coadd = tables.coadd.c
    with database.engine.connect() as connection:
        rows = _some_rows(connection, coadd.coadd_id, coadd.mask_file)
        n_files = connection.scalar(sa.select(sa.func.count()).select_from(tables.coadd)) or 0  # one for each
    if not rows:
        return
    chosen = [str(row["mask_file"]) for row in rows]
    missing = [place for place in map(database.root.path, chosen) if not _exists(place)]
    if not missing:
        text = f"{len(chosen)} of {counted(n_files, 'file')} looked for and found"
        yield Finding("mask files", State.FINE, text)
        return
    text = f"{len(missing)} of {counted(len(chosen), 'file')} looked for missing, such as {missing[0]}"
    cure = (
        f"copy the mask files to {database.root}, or run goodpix ingest, which remakes them; goodpix verify lists all"
    )
    yield Finding("mask files", State.WRONG, text, cure)


def _exists(place: Place) -> bool:
    if isinstance(place, Path):
        return place.exists()
    try:
        place.read(0, 1)
    except FileNotFoundError:
        return False
    return True


def _image_files(database: Database) -> Iterator[Finding]:
    """Look for some image files, which sky statistics, `check` and the dashboard's images read."""
    coadd, epoch = tables.coadd.c, tables.epoch.c
    with database.engine.connect() as connection:
        coadds = with_variables(connection, _some_rows(connection, coadd.coadd_id, coadd.image_path, coadd.run_id))
        epochs = with_variables(connection, _some_rows(connection, epoch.epoch_id, epoch.planes, epoch.run_id))
    files = [PlaneFile(row["image_path"], ingested=row["variables"]) for row in coadds if row["image_path"]]
    yield from _looked_for(files, "coadd image")
    # no mask is made of the other planes, such as bkg, which a survey may do without
    named = (files_of_row(row) for row in epochs)
    planes = {file.path_now: file for each in named for name, file in each.items() if name in _OF_MASKS}
    yield from _looked_for(list(planes.values()), "epoch file")


def _some_rows(connection: sa.Connection, key: "sa.Column[Any]", *columns: "sa.Column[Any]") -> list[sa.RowMapping]:
    """Return some rows of a table, spread over the catalogue, by its key: it may be long."""
    least, most = connection.execute(sa.select(sa.func.min(key), sa.func.max(key))).one()
    if least is None:
        return []
    query = sa.select(key, *columns).order_by(key).limit(1)
    starts = range(least, most + 1, max(1, -(-(most + 1 - least) // _N_FILES)))
    rows = (connection.execute(query.where(key >= start)).mappings().first() for start in starts)
    return list({row[key.name]: row for row in rows if row is not None}.values())


def _looked_for(files: list[PlaneFile], noun: str) -> Iterator[Finding]:
    missing = [file.path for file in files if file_state(file.path_now) is None]
    if not files:
        return
    if not missing:
        yield Finding("image files", State.FINE, f"{counted(len(files), noun)} looked for and found")
        return
    variable = first_variable(missing[0])
    cure = f"set {variable} to the folder of the survey's files" if variable else "mount or copy the survey's files"
    text = f"{len(missing)} of {counted(len(files), noun)} missing, such as {missing[0]}"
    yield Finding("image files", State.WRONG, text, f"{cure}; masks need none of them")
