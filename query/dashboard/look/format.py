"""Numbers and texts as people read them, safe to put into a page."""

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

__all__ = ["NO_VALUE", "count", "fraction", "html_table", "number", "share", "short_count"]

NO_VALUE = "—"
"""What stands where there is no number, which is not zero."""

_UNITS = ((1e15, "quadrillion"), (1e12, "trillion"), (1e9, "billion"), (1e6, "million"))


def fraction(value: float | None) -> str:
    """Return a fraction in per cent."""
    return NO_VALUE if _missing(value) else f"{value:.2%}".replace("%", " %")


def count(value: float | None) -> str:
    """Return a whole number with commas."""
    return NO_VALUE if value is None or _missing(value) else f"{round(value):,}"


def short_count(value: float | None) -> str:
    """Return a large number in words of three digits."""
    if value is None or _missing(value):
        return NO_VALUE
    for size, unit in _UNITS:
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}" if abs(value) < 999.5 * size else f"{value / size:,.0f} {unit}"
    return count(value)


def number(value: float | None) -> str:
    """Return a number of four digits."""
    return NO_VALUE if _missing(value) else f"{value:.4g}"


def share(part: float | None, whole: float | None) -> float | None:
    """Return a part over the whole; None where either is not known, or there is nothing."""
    return None if part is None or not whole else part / whole


def html_table(
    header: Sequence[str], rows: Iterable[Sequence[Any]], *, numbers: Sequence[bool], total: bool = False
) -> str:
    """Return a table as HTML; every text is escaped.

    Parameters
    ----------
    header : sequence of str
        Names of the columns.
    rows : iterable of sequences
        Their cells.
    numbers : sequence of bool
        Whether each column is of numbers, which stand to the right.
    total : bool
        Whether the last row is the sum of the others.
    """
    classes = [' class="number"' if each else "" for each in numbers]
    heads = "".join(f"<th{kind}>{escape(text)}</th>" for kind, text in zip(classes, header, strict=True))
    listed = list(rows)
    lines = []
    for place, row in enumerate(listed, 1):
        cells = "".join(f"<td{kind}>{escape(str(text))}</td>" for kind, text in zip(classes, row, strict=True))
        kind = ' class="total"' if total and place == len(listed) > 1 else ""
        lines.append(f"<tr{kind}>{cells}</tr>")
    return f"<div class='scroll'><table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"


def _missing(value: float | None) -> bool:
    return value is None or math.isnan(value)
