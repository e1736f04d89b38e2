"""What is said about a mask: its counts, and one of its pixels."""

from html import escape
from typing import Any

from .openmask import OpenMask, PixelWords
from .wording import count, fraction, html_table

__all__ = ["counts_html", "pixel_html"]


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


def pixel_html(words: PixelWords | None) -> str:
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
