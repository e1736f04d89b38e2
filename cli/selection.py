"""Commands for the named selections of a catalogue."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ..query.tables.formats import format_of
from .options import DEFAULT_DB, Db, FormatOption, Output, SelectionName, with_options
from .output import say, show, write_table

if TYPE_CHECKING:
    from ..query.tableshape import TableShape
    from ..schema.criteria import Selection

__all__ = ["add", "remove", "selections", "show_selection"]

# Imports in function bodies: they load numba, pandas and SQL, which would slow --help down.


@with_options
def add(
    name: SelectionName,
    *,
    db: Db = DEFAULT_DB,
    selection: "Selection",
    description: Annotated[str, typer.Option(help="Purpose of the selection.")] = "",
) -> None:
    """Keep a selection with the catalogue under a name, which keeps its meaning."""
    from ..ingest.upkeep.selections import add_selection

    added = add_selection(db, name, selection, description)
    show(added.selection.with_name(name))


def remove(name: SelectionName, db: Db = DEFAULT_DB) -> None:
    """Remove a named selection from the catalogue."""
    from ..ingest.upkeep.selections import remove_selection

    say(f"removed {remove_selection(db, name).selection.with_name(name)}")


@with_options
def selections(
    *, db: Db = DEFAULT_DB, shape: "TableShape", format_: FormatOption = None, output: Output = None
) -> None:
    """List the named selections with their descriptions and hashes."""
    from ..query.catalogue import Catalogue
    from ..query.provenance import Provenance

    with Catalogue(db) as catalogue:
        provenance = Provenance.of(None, catalogue=catalogue.database.identity)
        rows = catalogue.selections(**asdict(shape))
    write_table([rows], "selections", format_ or format_of(output), output, provenance, whole=bool(shape.columns))


def show_selection(name: SelectionName, db: Db = DEFAULT_DB) -> None:
    """Show one named selection and the options that stand for it."""
    from ..query.catalogue import Catalogue
    from ..schema.criteria import SelectionWords

    with Catalogue(db) as catalogue:
        found = catalogue.selection(name)
        listed = catalogue.selections().set_index("name").loc[name]
    show(f"name         {name}")
    show(f"description  {listed['description']}")
    show(f"selection    {found}")
    show(f"hash         {found.hash}")
    show(f"options      {SelectionWords.of(found).options or '(none)'}")
