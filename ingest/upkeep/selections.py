"""Named selections: added to a catalogue, removed from it, and checked."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import sqlalchemy as sa

from ...schema import tables
from ...schema.criteria import BoundSelection, Selection
from ...schema.database import REVISION, Database, parse_url, read_identity, recorded_revision, root_of, shown
from ...schema.dialects import sqlite_path
from ...schema.errors import CatalogueError, UnknownNameError, UsageError, did_you_mean
from ...schema.selection.named import SELECTIONS_FILE, NamedSelection, selections_in, selections_text
from ...schema.store.masksroot import MasksRoot
from ..database.bulk import insert_rows
from ..database.claims import sharing, sole_writer
from ..database.locks import key_of, lock_transaction
from ..database.opening import WritableDatabase, engine_to_write
from ..database.retry import Retry
from ..report import counted
from .report import Problem

__all__ = [
    "add_selection",
    "check_selections",
    "kept_or_restored",
    "kept_selections",
    "remove_selection",
    "repair_selections",
]

PathLike = str | os.PathLike[str]


def add_selection(db: PathLike, name: str, selection: Selection, description: str = "") -> NamedSelection:
    """Keep a selection with a catalogue under a name.

    It is stored in the database and beside the masks, so that `rebuild` has it.

    Parameters
    ----------
    db : str or path
        Database URL or SQLite file.
    name : str
        Its name: up to 64 letters, digits and ``._+-``.
    selection : Selection
        The definition of good.
    description : str
        Its purpose.

    Returns
    -------
    NamedSelection
        What is stored.

    Raises
    ------
    UnknownNameError
        If the selection has a bit name that the catalogue does not know.
    UsageError
        If the name cannot be one, or is that of another selection.
    CatalogueError
        If there is no catalogue at the URL, or it cannot be written.

    Examples
    --------
    >>> added = goodpix.add_selection("goodpix.db", "shear-v1", Selection(border=48), "shapes, 2026")
    >>> added.name, str(added.selection)
    ('shear-v1', 'border 48')
    """
    if not isinstance(selection, Selection):
        raise UsageError(f"selection is {selection!r}: expected a goodpix.Selection")
    added = NamedSelection(name, selection, description)
    if name.lower() == str(Selection()):
        raise UsageError(
            f"name of a selection is {name!r}: expected another, since that stands for the definition of DES"
        )
    with _selections(db, selection) as kept:
        before = kept.get(name)
        if before is not None and before.selection != selection:
            raise UsageError(
                f"selection {name} is already {before.selection}: expected another name, since one that was cited "
                f"keeps its meaning; goodpix selection remove {name} gives it up"
            )
        kept[name] = added
    return added


def remove_selection(db: PathLike, name: str) -> NamedSelection:
    """Remove a named selection from a catalogue, and return what it was.

    Parameters
    ----------
    db : str or path
        Database URL or SQLite file.
    name : str
        Its name.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    CatalogueError
        If there is no catalogue at the URL, or it cannot be written.

    Examples
    --------
    >>> added = goodpix.add_selection("goodpix.db", "shear-v1", Selection(border=48))
    >>> goodpix.remove_selection("goodpix.db", "shear-v1").name
    'shear-v1'
    """
    with _selections(db) as kept:
        if name not in kept:
            hint = did_you_mean(str(name), list(kept)) if kept else ": the catalogue has none"
            raise UnknownNameError(f"unknown selection {name!r}{hint}")
        return kept.pop(name)


def kept_selections(root: MasksRoot) -> list[NamedSelection] | None:
    """Return the named selections of a masks root; None if its file of them does not exist.

    Raises
    ------
    CatalogueError
        If the file is damaged or cannot be read.
    """
    content = _content(root)
    return None if content is None else selections_in(content, f"masks root {root}: {SELECTIONS_FILE}")


def check_selections(database: Database) -> list[Problem]:
    """Return what differs between the named selections beside the masks, which are the truth, and those of the table.

    Parameters
    ----------
    database : Database
        Database of the catalogue.
    """
    table, root = tables.selection, database.root
    with database.engine.connect() as connection:
        if str(recorded_revision(connection)) < table.info["since"]:
            return []
        stored = {row["name"]: row for row in _rows(connection)}
    of_table = f"the database has {counted(len(stored), 'selection')}"
    try:
        kept = kept_selections(root)
    except CatalogueError as error:
        return [Problem("selection", SELECTIONS_FILE, f"{error}: {of_table}")]
    if kept is None:
        return [Problem("selection", SELECTIONS_FILE, f"is missing: {of_table}")] if stored else []
    rows = {each.name: each.row for each in kept}
    return [
        Problem("selection", name, _difference(rows.get(name), stored.get(name)))
        for name in sorted(rows.keys() | stored.keys())
        if rows.get(name) != stored.get(name)
    ]


def _difference(row: dict[str, str] | None, stored: dict[str, str] | None) -> str:
    """Return the difference between a row of the file and one of the table."""
    if stored is None:
        return f"is in {SELECTIONS_FILE} but not in the database"
    if row is None:
        return f"is in the database but not in {SELECTIONS_FILE}"
    differing = [f"{name} is {stored[name]!r}, expected {row[name]!r}" for name in row if row[name] != stored[name]]
    return f"{'; '.join(differing)}, as in {SELECTIONS_FILE}"


def repair_selections(database: WritableDatabase) -> None:
    """Replace the table of named selections by the file beside the masks; see `kept_or_restored`."""
    with database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            lock_transaction(connection, key_of(database.identity.uuid, "selections"), shown(database.url))
        _replace(connection, kept_or_restored(database.root, _rows(connection)))


def kept_or_restored(root: MasksRoot, stored: Iterable[Mapping[str, Any]]) -> list[NamedSelection]:
    """Return the named selections of a masks root; where its file is lost, write it from rows of the table.

    A damaged file counts as lost; its content is kept as ``_selections.json.damaged``.

    Raises
    ------
    CatalogueError
        If the file cannot be read or written.
    UsageError
        If the file is lost and a row is no selection.
    """
    content = _content(root)
    try:
        kept = kept_selections(root)
    except CatalogueError:
        kept = None
    if kept is not None:
        return kept
    kept = _named(stored)
    if content is not None:
        _write(root, f"{SELECTIONS_FILE}.damaged", content)
    if kept or content is not None:
        _write(root, SELECTIONS_FILE, selections_text(kept))
    return kept


def _content(root: MasksRoot) -> bytes | None:
    """Return the content of the file of a masks root; None if it does not exist."""
    try:
        return root.store.read(SELECTIONS_FILE)
    except OSError as error:
        raise CatalogueError(f"masks root {root}: cannot read its {SELECTIONS_FILE} ({error})") from error


def _write(root: MasksRoot, name: str, content: bytes) -> None:
    try:
        root.store.write(name, content)
    except OSError as error:
        raise CatalogueError(f"masks root {root}: cannot write its {name} ({error})") from error


def _replace(connection: sa.Connection, kept: Iterable[NamedSelection]) -> None:
    """Replace the rows of the table."""
    connection.execute(sa.delete(tables.selection))
    insert_rows(connection, tables.selection, [each.row for each in kept])


@contextmanager
def _selections(db: PathLike, used: Selection | None = None) -> Iterator[dict[str, NamedSelection]]:
    """Provide the named selections of a catalogue by name, and store them as they are at the end of the block.

    The file beside the masks is the truth; the table follows it.
    """
    url = parse_url(db)
    path = sqlite_path(url)
    if path is not None and not path.is_file():
        raise CatalogueError(f"no catalogue at {shown(url)}: goodpix ingest creates one, --db names another")
    with sole_writer(url), engine_to_write(url) as engine, ExitStack() as stack:
        identity = read_identity(engine, url, (REVISION,))
        BoundSelection.of(used, identity.bit_names)
        if path is None:
            stack.enter_context(sharing(engine, url, Retry(shown(url))))
        root = root_of(url, identity)
        root.claim(identity.uuid, facts=identity.facts)
        with engine.begin() as connection:
            if path is None:
                lock_transaction(connection, key_of(identity.uuid, "selections"), shown(url))
            kept = {each.name: each for each in kept_selections(root) or _named(_rows(connection))}
            yield kept
            _replace(connection, kept.values())
            _write(root, SELECTIONS_FILE, selections_text(kept.values()))


def _rows(connection: sa.Connection) -> list[dict[str, Any]]:
    """Return the rows of the table."""
    return [dict(row) for row in connection.execute(sa.select(tables.selection)).mappings()]


def _named(rows: Iterable[Mapping[str, Any]]) -> list[NamedSelection]:
    """Return the named selections of rows of the table."""
    return [NamedSelection(row["name"], Selection.parse(row["selection"]), row["description"]) for row in rows]
