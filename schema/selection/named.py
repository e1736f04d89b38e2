"""Named selections, and the file beside the masks that keeps them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..errors import CatalogueError, UsageError
from .definition import Selection
from .terms import check_name

__all__ = ["SELECTIONS_FILE", "NamedSelection", "selections_in", "selections_text"]

SELECTIONS_FILE = "_selections.json"
"""Name of the file below the masks root; the underscore hides it from readers of Parquet datasets."""


@dataclass(frozen=True, slots=True)
class NamedSelection:
    """A selection that is kept with a catalogue.

    Parameters
    ----------
    name : str
        Its name: up to 64 letters, digits and ``._+-``.
    selection : Selection
        The definition of good.
    description : str
        Its purpose.

    Raises
    ------
    UsageError
        If it cannot be a name, or the description is no text.

    Examples
    --------
    >>> goodpix.add_selection("goodpix.db", "shear-v1", Selection(border=48), "shapes, 2026").description
    'shapes, 2026'
    """

    name: str
    selection: Selection
    description: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)
        if not isinstance(self.description, str):
            raise UsageError(f"description is {self.description!r}: expected text")

    @property
    def row(self) -> dict[str, str]:
        """Its row in the table selection."""
        return {
            "name": self.name,
            "selection": str(replace(self.selection, named="")),  # the name has a column of its own
            "description": self.description,
            "hash": self.selection.hash,
        }


def selections_text(named: Iterable[NamedSelection]) -> bytes:
    """Return the content of the file, in order of the names."""
    rows = [each.row for each in sorted(named, key=lambda each: each.name)]
    return (json.dumps({"selections": rows}, indent=1, ensure_ascii=False) + "\n").encode()


def selections_in(content: bytes, where: str) -> list[NamedSelection]:
    """Return the named selections of a file.

    Parameters
    ----------
    content : bytes
        Its content.
    where : str
        The file, for messages.

    Raises
    ------
    CatalogueError
        If the file is damaged.
    """
    out = []
    try:
        for row in json.loads(content)["selections"]:
            named = NamedSelection(row["name"], Selection.parse(row["selection"]), row["description"])
            if named.selection.hash != row["hash"]:
                raise UsageError(f"selection {named.name}: its hash is {named.selection.hash}, expected {row['hash']}")
            out.append(named)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CatalogueError(f"{where}: damaged ({error})") from error
    return out
