"""The reasons for which pixels are bad, with their colours and toggles."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import param
from panel.custom import JSComponent

from ...palette import GOOD_COLOUR
from ...plots.reasons import REASONS, reason_table
from ..look.format import count, fraction, html_table
from ..look.markup import STYLE
from .openmask import OpenMask, PixelInfo

__all__ = ["ReasonLegend", "counts_html", "legend_items", "pixel_html"]

_HERE = Path(__file__).parent


class ReasonLegend(JSComponent):  # type: ignore[misc]  # Panel carries no types for it
    """The reasons with their colours; `hidden_names` changes in the browser."""

    items = param.List([])
    hidden_names = param.List([])

    _esm = (_HERE / "legend.js").read_text()
    _stylesheets = [STYLE]  # noqa: RUF012  # Panel wants a list


def legend_items(opened: OpenMask, hidden: Sequence[str], *, over_image: bool) -> list[dict[str, str]]:
    """Return the legend: what is shown of how many pixels."""
    shown = (
        np.bincount(reason_table(hidden), weights=opened.n_by_criteria, minlength=len(REASONS) + 1)
        / opened.criteria.size
    )
    items = [
        {
            "name": "",
            "label": "good" if not hidden else "good, or hidden",
            "colour": GOOD_COLOUR,
            "share": fraction(shown[0]),
        }
    ]
    for number, reason in enumerate(REASONS, 1):
        share = "hidden" if reason.name in hidden else fraction(shown[number])
        colour = reason.shown(over_image=over_image)
        items.append({"name": reason.name, "label": reason.label, "colour": colour, "share": share})
    return items


def counts_html(stored: OpenMask, opened: OpenMask) -> str:
    """Return the counts of a mask by the default definition of good, and by another, as HTML."""

    def row(name: str, counts: Any) -> list[str]:
        shares = [fraction(counts[each]) for each in ("fraction_good_se", "fraction_good_on_coadd", "fraction_good")]
        return [name, *shares, count(counts["n_good"])]

    rows = [row("default", stored.counts)]
    if str(opened.selection) != "default":
        rows.append(row("this selection", opened.counts))
    header = ["Definition", "Good SE", "Good on coadd", "Good of all", "Good pixels"]
    note = f"<p class='note'>selection: {escape(str(opened.selection))}</p>"
    return html_table(header, rows, numbers=[False, True, True, True, True]) + note


def pixel_html(words: PixelInfo | None) -> str:
    """Return what there is to say about a pixel as HTML; None is no pixel."""
    if words is None:
        return "<p class='words'>No pixel of the image is under the pointer.</p>"
    facts = {
        "x, y": f"{words.x}, {words.y}",
        "RA, Dec": f"{words.ra:.6f}°, {words.dec:.6f}°",
        "is": words.criteria if words.criteria else "good",
        "SE bits": words.se_bits or "none",
        "coadd bits": words.coadd_bits or "none",
    }
    return "<dl>" + "".join(f"<dt>{escape(n)}</dt><dd>{escape(v)}</dd>" for n, v in facts.items()) + "</dl>"
