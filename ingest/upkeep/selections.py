"""Named selections, added to a catalogue and removed from it."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import sqlalchemy as sa

from ...schema import tables
from ...schema.criteria import BoundSelection, Selection
from ...schema.database import REVISION, parse_url, read_identity, root_of, shown
from ...schema.dialects import sqlite_path
from ...schema.errors import CatalogueError, UnknownNameError, UsageError, did_you_mean
from ...schema.selection.named import SELECTIONS_FILE, NamedSelection, selections_in, selections_text
from ...schema.store.masksroot import MasksRoot
from ..database.bulk import insert_rows
from ..database.claims import sharing, sole_writer
from ..database.locks import key_of, lock_transaction
from ..database.opening import engine_to_write
from ..database.retry import Retry

__all__ = ["add_selection", "kept_selections", "remove_selection"]

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
    >>> goodpix.add_selection("goodpix.db", "shear-v1", Selection(border=48), "shapes, 2026")  # doctest: +SKIP
    """
    if not isinstance(selection, Selection):
        raise UsageError(f"selection is {selection!r}: expected a goodpix.Selection")
    added = NamedSelection(name, selection, description)
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
    try:
        content = root.store.read(SELECTIONS_FILE)
    except OSError as error:
        raise CatalogueError(f"masks root {root}: cannot read its {SELECTIONS_FILE} ({error})") from error
    return None if content is None else selections_in(content, f"masks root {root}: {SELECTIONS_FILE}")


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
            kept = {each.name: each for each in kept_selections(root) or _stored(connection)}
            yield kept
            connection.execute(sa.delete(tables.selection))
            insert_rows(connection, tables.selection, [each.row for each in kept.values()])
            try:
                root.store.write(SELECTIONS_FILE, selections_text(kept.values()))
            except OSError as error:
                raise CatalogueError(f"masks root {root}: cannot write its {SELECTIONS_FILE} ({error})") from error


def _stored(connection: sa.Connection) -> list[NamedSelection]:
    """Return the named selections of the table."""
    rows = connection.execute(sa.select(tables.selection)).mappings()
    return [NamedSelection(row["name"], Selection.parse(row["selection"]), row["description"]) for row in rows]
