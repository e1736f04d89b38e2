"""Filter bar above a page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import panel as pn
import sqlalchemy as sa

from ....schema.errors import UsageError
from ....schema.tables import coadd
from ...palette import in_band_order
from ..cache import CatalogueCache
from ..url import Span, View
from .markup import STYLE, escaped

__all__ = [
    "FilterBar",
    "bands_of",
]

ALL = "all"


def bands_of(cache: CatalogueCache, since: float) -> list[str]:
    """Return the bands of the catalogue, read after `since` (seconds since 1970)."""
    query = sa.select(coadd.c.band).distinct().order_by(coadd.c.band)
    return cache.get("bands", lambda connection: list(connection.execute(query).scalars()), since=since)


def _describe_filters(view: View, names: Sequence[str]) -> str:
    """Describe the filters of a page."""
    texts = {
        "band": f"band {view.band}" if view.band else "",
        "tile": f"tiles with {view.tile} in their name" if view.tile else "",
        "nite": f"nights {view.nite}" if view.nite else "",
        "ccdnum": f"CCD {view.ccdnum}" if view.ccdnum is not None else "",
        "box": f"tiles centred in RA, Dec {view.box}" if view.box else "",
    }
    return ", ".join(texts[name] for name in names if texts[name]) or "everything"


class FilterBar:
    """The filter bar above a page.

    Parameters
    ----------
    names : sequence of str
        Filters to show: ``"band"``, ``"tile"``, ``"nite"``, ``"ccdnum"``, ``"box"``.
    bands : sequence of str
        Bands of the catalogue.
    view : View
        Initial view.
    changed : callable
        Called with the new view when the user changes a filter.
    """

    def __init__(self, names: Sequence[str], bands: Sequence[str], view: View, changed: Callable[[View], None]) -> None:
        self._names, self._changed, self._view = names, changed, view
        makers: Mapping[str, Callable[[], Any]] = {
            "band": lambda: pn.widgets.RadioButtonGroup(
                options=[ALL, *in_band_order(bands)], value=ALL, label="Band", margin=(0, 12, 0, 0), stylesheets=[STYLE]
            ),
            "tile": lambda: _text("Tile", "part of a name", 175),
            "nite": lambda: _text("Nights", "20150801:20160228", 230),
            "ccdnum": lambda: _text("CCD", "1 to 62", 120),
        }
        self._widgets = {name: makers[name]() for name in names if name in makers}
        self._summary = pn.pane.HTML("", margin=(6, 8), stylesheets=[STYLE])
        self._clear = pn.widgets.Button(label="Clear filters", margin=(0, 8), visible=False)
        self._clear.on_click(lambda _: changed(replace(self._view, band="", tile="", nite=None, ccdnum=None, box=None)))
        for name, widget in self._widgets.items():
            widget.param.watch(lambda event, name=name: self._apply(name, event.new), "value")
        self.row = pn.FlexBox(*self._widgets.values(), self._summary, self._clear, align_items="center", margin=0)
        self.show(view)

    def offer(self, bands: Sequence[str]) -> bool:
        """Offer bands; return whether they are others than before."""
        widget, options = self._widgets.get("band"), [ALL, *in_band_order(bands)]
        if widget is None or widget.options == options:
            return False
        shown = self._view.band if self._view.band in options else ALL
        widget.param.update(options=options, value=shown)
        return True

    def show(self, view: View) -> None:
        """Show the filters of a view."""
        self._view = view
        shown = {
            "band": view.band or ALL,
            "tile": view.tile,
            "nite": str(view.nite or ""),
            "ccdnum": "" if view.ccdnum is None else str(view.ccdnum),
        }
        for name, widget in self._widgets.items():
            if name != "band" or shown[name] in widget.options:
                widget.value = shown[name]
        summary = _describe_filters(view, self._names)
        self._summary.object = f"<span class='note'>Shown: {escaped(summary)}. Default definition of good.</span>"
        self.row.visible = bool(self._names)
        self._clear.visible = summary != "everything"

    def _apply(self, name: str, text: str) -> None:
        """Apply the text that the user has entered for a filter."""
        try:
            view = replace(self._view, **{name: _value(name, text)})
        except UsageError as error:
            self._summary.object = f"<span class='problem'>{escaped(f'{name}: {error}')}</span>"
            return
        if view != self._view:
            self._changed(view)


def _text(name: str, placeholder: str, width: int) -> Any:
    return pn.widgets.TextInput(placeholder=f"{name}: {placeholder}", width=width, margin=(0, 12, 0, 0))


def _value(name: str, text: str) -> Any:
    """Parse the text of a filter into the value of the view's field."""
    text = text.strip()
    if name == "band":
        return "" if text == ALL else text
    if name == "nite":
        return Span.parse(text) if text else None
    if name == "ccdnum":
        span = Span.parse(text) if text else None
        return span.first if span else None
    return text
