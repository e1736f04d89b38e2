"""Small HTML elements of pages."""

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import panel as pn

from ....schema.printable import printable
from ...palette import band_colour

__all__ = ["READING", "STYLE", "band_legend", "escaped", "html_pane", "note", "title", "under"]

READING = "Reading …"
"""Text in place of what has not been read yet."""

STYLE = (Path(__file__).parent / "style.css").read_text()
"""Style sheet of the pages, also applied inside Panel's shadow roots."""


def escaped(text: str) -> str:
    """Return text as HTML, with control characters and those that turn the direction of writing as escapes."""
    return escape(printable(text, keep="\n"))


def html_pane(text: str = "") -> Any:
    """Return a pane that shows HTML; the caller escapes its text."""
    return pn.pane.HTML(text, margin=0, sizing_mode="stretch_width", stylesheets=[STYLE])


def title(text: str) -> Any:
    """Return a pane with a small heading."""
    return html_pane(f"<h3>{escaped(text)}</h3>")


def note(text: str) -> str:
    """Return a line of secondary text as HTML."""
    return f"<p class='note'>{escaped(text)}</p>"


def band_legend(bands: Iterable[str]) -> str:
    """Return a legend of band colours as HTML."""
    return "".join(
        f"<span class='key'><span class='swatch' style='background: {_ink(band_colour(band))}'></span>"
        f"{escaped(band)}</span>"
        for band in bands
    )


def under(*panes: Any) -> Any:
    """Return panes stacked vertically at full width."""
    return pn.Column(*panes, sizing_mode="stretch_width", margin=0)


def _ink(colour: str) -> str:
    """Return a colour of plots for a style sheet, which has another for dark pages; see ``style.css``."""
    return f"var(--ink-{colour.removeprefix('#')}, {colour})"
