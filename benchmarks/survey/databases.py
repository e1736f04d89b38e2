"""Databases with a catalogue of the synthetic survey."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ..postgres import running_server
from .loading import load
from .synthetic import Survey

__all__ = ["DATABASES", "Loaded", "parquet", "sqlite_survey"]

_COUNTS = ("epoch", "ingest_run")

# Settings for a dedicated machine.
_SERVER = {
    "shared_buffers": "2GB",
    "effective_cache_size": "8GB",
    "maintenance_work_mem": "1GB",
    "work_mem": "64MB",
    "random_page_cost": "1.1",
    "max_wal_size": "8GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "default_toast_compression": "lz4",
    "autovacuum": "off",
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A catalogue of the synthetic survey.

    Parameters
    ----------
    name, url : str
        Name of the database, and its URL.
    n_bytes : int
        Size on disk.
    seconds : dict
        Duration of each stage of the load, by name.
    forget : callable
        Drops it from the page cache and from the server's memory.
    """

    name: str
    url: str
    n_bytes: int
    seconds: dict[str, float]
    forget: Callable[[], None]


@contextmanager
def sqlite_survey(survey: Survey, folder: Path, *, keep: bool = False) -> Iterator[Loaded]:
    """Provide a catalogue in SQLite, made if missing, and removed afterwards unless `keep`."""
    path = folder / "sqlite" / "survey.db"
    seconds = _loaded(survey, folder, "sqlite", f"sqlite:///{path}")
    try:
        yield Loaded("SQLite", f"sqlite:///{path}", path.stat().st_size, seconds, lambda: _forget([path]))
    finally:
        if not keep:
            shutil.rmtree(folder / "sqlite")


@contextmanager
def postgres_survey(survey: Survey, folder: Path, *, keep: bool = False) -> Iterator[Loaded]:
    """Provide a catalogue in a Postgres server of its own; see `sqlite_survey`.

    Raises
    ------
    ServerError
        If no server can be started.
    """
    try:
        with running_server(folder / "postgres" / "server", _SERVER) as server:
            seconds = _loaded(survey, folder, "postgres", server.url)
            files = folder / "postgres" / "server" / "data" / "base"

            def forget() -> None:
                server.restart()
                _forget([path for path in files.rglob("*") if path.is_file()])

            n_bytes = sum(path.stat().st_size for path in files.rglob("*"))
            yield Loaded(f"Postgres {server.version()}", server.url, n_bytes, seconds, forget)
    finally:
        if not keep:
            shutil.rmtree(folder / "postgres", ignore_errors=True)


DATABASES = {"sqlite": sqlite_survey, "postgres": postgres_survey}
"""Databases by name."""


def parquet(folder: Path) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB connection to the counts of all epochs, which the load wrote as Parquet."""
    connection = duckdb.connect()
    for name in _COUNTS:
        connection.execute(f"CREATE VIEW {name} AS FROM '{folder / f'{name}.parquet'}'")
    return connection


def _loaded(survey: Survey, folder: Path, name: str, url: str) -> dict[str, float]:
    """Load the survey unless it is already there; return the duration of each stage of the load."""
    note = folder / name / "load.json"
    note.parent.mkdir(parents=True, exist_ok=True)
    if note.is_file():
        content: dict[str, Any] = json.loads(note.read_text())
        if content["n_epochs"] == len(survey):
            return dict(content["seconds"])
        raise FileExistsError(f"{note.parent} holds {content['n_epochs']} epochs, not {len(survey)}: remove it")
    has_counts = all((folder / f"{each}.parquet").is_file() for each in _COUNTS)
    times = load(survey, url, note.parent / "masks", None if has_counts else folder)
    note.write_text(json.dumps({"n_epochs": len(survey), "seconds": times.seconds}))
    return times.seconds


def _forget(paths: list[Path]) -> None:
    """Drop files from the page cache, as far as the system allows."""
    os.sync()
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
