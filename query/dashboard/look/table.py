"""A table whose rows stay on the server: it is sorted, filtered and paged there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent

from ....schema.errors import UnknownNameError
from ..url import TableView
from .format import NO_VALUE, count, fraction, number
from .markup import STYLE

__all__ = ["PAGE_SIZE", "PagedTable", "TableColumn", "TablePage", "check_columns"]

PAGE_SIZE = 10
"""Rows of a page."""

_HERE = Path(__file__).parent
_KINDS: Mapping[str, Callable[[Any], str]] = {"fraction": fraction, "count": count, "number": number}


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table.

    Parameters
    ----------
    name : str
        The column that rows have it from.
    label : str
        What stands above it.
    kind : str
        ``"text"``, ``"words"`` (long), ``"fraction"``, ``"count"`` or ``"number"``.
    doc : str
        What it means.
    sortable : bool
        Whether rows can be sorted by it.
    bounded : bool
        Whether it can have bounds.
    link : callable, optional
        Takes a row and returns where its text leads.
    """

    name: str
    label: str
    kind: str = "text"
    doc: str = ""
    sortable: bool = True
    bounded: bool = False
    link: Callable[[Mapping[str, Any]], str] | None = None

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers."""
        return self.kind in _KINDS

    def cell(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Return what a cell shows."""
        value = row[self.name]
        if value is None or value != value:  # NaN
            return {"text": NO_VALUE, "title": "no value, which is not zero"}
        shown = {"text": _KINDS.get(self.kind, str)(value)}
        return shown | {"href": self.link(row)} if self.link else shown


@dataclass(frozen=True, slots=True)
class TablePage:
    """The rows of a page.

    Parameters
    ----------
    rows : sequence of mappings
        By column.
    total : int
        How many rows there are on all pages.
    words : str
        What is said where there are none.
    of : str
        What is said behind the number of rows.
    """

    rows: Sequence[Mapping[str, Any]]
    total: int
    words: str = ""
    of: str = field(default="")


class PagedTable(JSComponent):  # type: ignore[misc]  # Panel carries no types for it
    """The table in the browser; `sort`, `where` and `page` change there, and the rest is given to it."""

    columns = param.List([])
    rows = param.List([])
    total = param.Integer(0)
    words = param.String("")
    of = param.String("")
    sort = param.String("")
    where = param.String("")
    page = param.Integer(1)
    page_size = param.Integer(PAGE_SIZE)

    _esm = (_HERE / "table.js").read_text()
    _stylesheets = [STYLE]  # noqa: RUF012  # Panel wants a list

    @classmethod
    def of_columns(cls, columns: Sequence[TableColumn], **given: Any) -> "PagedTable":
        """Return an empty table of some columns."""
        shown = [
            {
                "name": each.name,
                "label": each.label,
                "doc": each.doc,
                "sortable": each.sortable,
                "bounded": each.bounded,
                "kind": "number" if each.numeric else each.kind,
            }
            for each in columns
        ]
        return cls(columns=shown, words="Reading …", sizing_mode="stretch_width", **given)

    def show(self, columns: Sequence[TableColumn], view: TableView, page: TablePage) -> None:
        """Show a page."""
        self.param.update(
            rows=[[each.cell(row) for each in columns] for row in page.rows],
            total=page.total,
            words=page.words if not page.rows else "",
            of=page.of,
            sort=view.sort,
            where=view.where,
            page=view.page,
        )

    def listen(self, changed: Callable[[str, str], None]) -> None:
        """Call a function with the name and the text of what the reader changes."""
        for name in ("sort", "where", "page"):
            self.param.watch(lambda event: changed(event.name, str(event.new)), name)


def check_columns(view: TableView, columns: Sequence[TableColumn]) -> None:
    """Refuse columns that the table does not have.

    Raises
    ------
    UnknownNameError
        If there is no such column, or its kind does not fit.
    """
    sortable = [each.name for each in columns if each.sortable]
    bounded = [each.name for each in columns if each.bounded]
    if view.sort and view.sort.removeprefix("-") not in sortable:
        raise UnknownNameError(f"the table cannot be sorted by {view.sort!r}: expected one of {', '.join(sortable)}")
    if view.column and view.column not in bounded:
        raise UnknownNameError(f"the table has no bounds of {view.column!r}: expected one of {', '.join(bounded)}")
