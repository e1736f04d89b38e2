"""Formatting of numbers and HTML tables; all text is escaped."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from .markup import escaped

__all__ = ["NO_VALUE", "count", "fraction", "html_table", "number", "share", "short_count"]

NO_VALUE = "—"
"""Text in place of a missing number."""

_UNITS = ((1e15, "quadrillion"), (1e12, "trillion"), (1e9, "billion"), (1e6, "million"))


def fraction(value: float | None) -> str:
    """Return a fraction as a percentage."""
    return NO_VALUE if _missing(value) else f"{value:.2%}".replace("%", " %")


def count(value: float | None) -> str:
    """Return an integer with thousands separators."""
    return NO_VALUE if value is None or _missing(value) else f"{round(value):,}"


def short_count(value: float | None) -> str:
    """Return a large number with three digits and its name, such as ``1.23 million``."""
    if value is None or _missing(value):
        return NO_VALUE
    for size, unit in _UNITS:
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}" if abs(value) < 999.5 * size else f"{value / size:,.0f} {unit}"
    return count(value)


def number(value: float | None) -> str:
    """Return a number with four digits."""
    return NO_VALUE if _missing(value) else f"{value:.4g}"


def share(part: float | None, whole: float | None) -> float | None:
    """Return `part` over `whole`; None if either is unknown or the whole is 0."""
    return None if part is None or not whole else part / whole


def html_table(
    header: Sequence[str], rows: Iterable[Sequence[Any]], *, numbers: Sequence[bool], total: bool = False
) -> str:
    """Return a table as HTML; every text is escaped.

    Parameters
    ----------
    header : sequence of str
        Column headings.
    rows : iterable of sequences
        Cells by row.
    numbers : sequence of bool
        Whether each column holds numbers, which are right-aligned.
    total : bool
        Whether the last row is a total.
    """
    classes = [' class="number"' if numeric else "" for numeric in numbers]
    heads = "".join(f"<th{kind}>{escaped(text)}</th>" for kind, text in zip(classes, header, strict=True))
    listed = list(rows)
    lines = []
    for row_number, row in enumerate(listed, 1):
        cells = "".join(f"<td{kind}>{escaped(str(text))}</td>" for kind, text in zip(classes, row, strict=True))
        kind = ' class="total"' if total and row_number == len(listed) > 1 else ""
        lines.append(f"<tr{kind}>{cells}</tr>")
    return f"<div class='scroll'><table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"


def _missing(value: float | None) -> bool:
    return value is None or math.isnan(value)
