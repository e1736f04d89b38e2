"""The small pieces that pages are made of."""

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import panel as pn

from ...palette import band_colour

__all__ = ["STYLE", "band_legend", "html_pane", "note", "title", "under"]

STYLE = (Path(__file__).parent / "style.css").read_text()
"""The look of everything, also within the parts that Panel encloses."""


def html_pane(text: str = "") -> Any:
    """Return a part that shows HTML, whose texts are escaped by whoever makes it."""
    return pn.pane.HTML(text, margin=0, sizing_mode="stretch_width", stylesheets=[STYLE])


def title(text: str) -> Any:
    """Return a small heading."""
    return html_pane(f"<h3>{escape(text)}</h3>")


def note(text: str) -> str:
    """Return a quiet line of text as HTML."""
    return f"<p class='note'>{escape(text)}</p>"


def band_legend(bands: Iterable[str]) -> str:
    """Return the colours of bands as HTML."""
    return "".join(
        f"<span class='key'><span class='swatch' style='background: {band_colour(band)}'></span>{escape(band)}</span>"
        for band in bands
    )


def under(*parts: Any) -> Any:
    """Return parts one under the other, as wide as there is room."""
    return pn.Column(*parts, sizing_mode="stretch_width", margin=0)
