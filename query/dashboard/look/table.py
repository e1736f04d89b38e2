"""Table that is sorted, filtered and paged on the server."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent

from ....schema.errors import UnknownNameError
from ....schema.printable import printable
from ..url import TableView
from .format import NO_VALUE, count, fraction, number
from .markup import READING, STYLE

__all__ = ["PAGE_SIZE", "PagedTable", "TableColumn", "TablePage", "check_columns"]

PAGE_SIZE = 10
"""Number of rows per page."""

_HERE = Path(__file__).parent
_KINDS: Mapping[str, Callable[[Any], str]] = {"fraction": fraction, "count": count, "number": number}


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table.

    Parameters
    ----------
    name : str
        Key of the values in the rows.
    label : str
        Heading.
    kind : str
        ``"text"``, ``"words"`` (long text), ``"fraction"``, ``"count"`` or ``"number"``.
    doc : str
        Meaning, shown as a tooltip.
    sortable : bool
        Whether the table can be sorted by this column.
    bounded : bool
        Whether the table can be limited by this column.
    link : callable, optional
        Takes a row and returns the URL that its cell links to.
    also : str
        Key of the same quantity in another unit, shown in parentheses.
    of_coadds : bool
        Whether the column goes where it is null on all of a page, as in catalogues without coadds.
    """

    name: str
    label: str
    kind: str = "text"
    doc: str = ""
    sortable: bool = True
    bounded: bool = False
    link: Callable[[Mapping[str, Any]], str] | None = None
    also: str = ""
    of_coadds: bool = False

    @property
    def numeric(self) -> bool:
        """True if the column contains numbers."""
        return self.kind in _KINDS

    @property
    def heading(self) -> dict[str, object]:
        """What the browser has to know of the column."""
        named = {name: getattr(self, name) for name in ("name", "label", "doc", "sortable", "bounded")}
        return named | {"kind": "number" if self.numeric else self.kind}

    def stays(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Return whether the column is shown beside these rows."""
        return not (self.of_coadds and rows) or any(row[self.name] is not None for row in rows)

    def cell(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Return the content of a cell."""
        value = row[self.name]
        if value is None or value != value:  # NaN
            return {"text": NO_VALUE, "title": "no value (not zero)"}
        text = _KINDS.get(self.kind, str)
        more = f" ({text(row[self.also])})" if self.also and row[self.also] is not None else ""
        shown = {"text": printable(f"{text(value)}{more}")}
        return shown | {"href": self.link(row)} if self.link else shown


@dataclass(frozen=True, slots=True)
class TablePage:
    """A page of a table.

    Parameters
    ----------
    rows : sequence of mappings
        Values by column.
    total : int
        Number of rows on all pages.
    words : str
        Text in place of an empty table.
    of : str
        Text after the number of rows.
    """

    rows: Sequence[Mapping[str, Any]]
    total: int
    words: str = ""
    of: str = field(default="")


class PagedTable(JSComponent):  # type: ignore[misc]  # Panel carries no types for it
    """The table in the browser, which changes `sort`, `where` and `page`; the server sets the rest."""

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
    _stylesheets = [STYLE]  # noqa: RUF012  # Panel requires a list

    @classmethod
    def of_columns(cls, columns: Sequence[TableColumn], **given: Any) -> "PagedTable":
        """Return an empty table with these columns."""
        shown = [each.heading for each in columns]
        return cls(columns=shown, words=READING, sizing_mode="stretch_width", **given)

    def show(self, columns: Sequence[TableColumn], view: TableView, page: TablePage) -> None:
        """Show a page."""
        kept = [each for each in columns if each.stays(page.rows)]
        self.param.update(
            columns=[each.heading for each in kept],
            rows=[[each.cell(row) for each in kept] for row in page.rows],
            total=page.total,
            words=page.words if not page.rows else "",
            of=page.of,
            sort=view.sort,
            where=view.where,
            page=view.page,
        )

    def listen(self, changed: Callable[[str, str], None]) -> None:
        """Call a function with the name and new text when the user changes ``sort``, ``where`` or ``page``."""
        for name in ("sort", "where", "page"):
            self.param.watch(lambda event: changed(event.name, str(event.new)), name)


def check_columns(view: TableView, columns: Sequence[TableColumn]) -> None:
    """Check that the table can be sorted and limited by the view's columns.

    Raises
    ------
    UnknownNameError
        If it cannot.
    """
    sortable = [each.name for each in columns if each.sortable]
    bounded = [each.name for each in columns if each.bounded]
    if view.sort and view.sort.removeprefix("-") not in sortable:
        raise UnknownNameError(f"the table cannot be sorted by {view.sort!r}: expected one of {', '.join(sortable)}")
    if view.column and view.column not in bounded:
        raise UnknownNameError(f"the table cannot be limited by {view.column!r}: expected one of {', '.join(bounded)}")
