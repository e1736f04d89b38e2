"""Legend, counts and pixel information beside the mask viewer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import param
from panel.custom import JSComponent

from ....schema.criteria import Criterion
from ...palette import GOOD_COLOUR
from ...plots.reasons import REASONS, reason_table
from ..look.format import count, fraction, html_table
from ..look.markup import STYLE, escaped
from .openmask import OpenMask, PixelInfo

__all__ = ["ReasonLegend", "counts_html", "legend_items", "pixel_html"]

_HERE = Path(__file__).parent
_OF_COADD = Criterion.OFF_COADD | Criterion.COADD_SEG | Criterion.COADD_WEIGHT | Criterion.COADD_BMASK


class ReasonLegend(JSComponent):  # type: ignore[misc]  # Panel carries no types for it
    """Legend of the reasons; the browser changes `hidden_names`."""

    items = param.List([])
    hidden_names = param.List([])

    _esm = (_HERE / "legend.js").read_text()
    _stylesheets = [STYLE]  # noqa: RUF012  # Panel requires a list


def legend_items(opened: OpenMask, hidden: Sequence[str], *, over_image: bool) -> list[dict[str, str]]:
    """Return the items of the legend, with the fraction of pixels in each colour."""
    shown = (
        np.bincount(reason_table(hidden), weights=opened.n_by_criteria, minlength=len(REASONS) + 1)
        / opened.criteria.size
    )
    items = [
        {
            "name": "",
            "label": "good" if not hidden else "good or hidden",
            "colour": GOOD_COLOUR,
            "share": fraction(shown[0]),
        }
    ]
    has_coadd = _has_coadd(opened)
    for number, reason in enumerate(REASONS, 1):
        if not has_coadd and reason.bit & _OF_COADD:
            continue
        share = "hidden" if reason.name in hidden else fraction(shown[number])
        colour = reason.shown(over_image=over_image)
        items.append({"name": reason.name, "label": reason.label, "colour": colour, "share": share})
    return items


def counts_html(stored: OpenMask, opened: OpenMask) -> str:
    """Return the counts of a mask by the default definition of good and by the selection as HTML."""
    titles = {
        "fraction_good_se": "Good SE",
        "fraction_good_on_coadd": "Good on coadd",
        "fraction_good": "Good overall",
    }
    if not _has_coadd(stored):
        del titles["fraction_good_on_coadd"]

    def row(name: str, counts: Any) -> list[str]:
        return [name, *(fraction(counts[column]) for column in titles), count(counts["n_good"])]

    rows = [row("default", stored.counts)]
    if str(opened.selection) != "default":
        rows.append(row("this selection", opened.counts))
    header = ["Definition", *titles.values(), "Good pixels"]
    note = f"<p class='note'>selection: {escaped(str(opened.selection))}</p>"
    return html_table(header, rows, numbers=[False] + [True] * (len(header) - 1)) + note


def _has_coadd(opened: OpenMask) -> bool:
    """Return whether the image has a coadd, on which it may lie or not."""
    return (opened.mask.row or {}).get("n_on_coadd") is not None


def pixel_html(pixel: PixelInfo | None) -> str:
    """Return the information about a pixel as HTML; None means that there is no pixel."""
    if pixel is None:
        return "<p class='words'>No image pixel under the pointer.</p>"
    facts = {
        "x, y": f"{pixel.x}, {pixel.y}",
        "RA, Dec": f"{pixel.ra:.6f}°, {pixel.dec:.6f}°",
        "status": pixel.criteria if pixel.criteria else "good",
        "SE bits": pixel.se_bits or "none",
        "coadd bits": pixel.coadd_bits or "none",
    }
    return "<dl>" + "".join(f"<dt>{escaped(n)}</dt><dd>{escaped(v)}</dd>" for n, v in facts.items()) + "</dl>"
