"""Sky page: map of the tiles."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import panel as pn
from bokeh.events import SelectionGeometry
from bokeh.models import (
    BoxSelectTool,
    ColumnDataSource,
    CustomJSTickFormatter,
    LinearColorMapper,
    OpenURL,
    Range1d,
    TapTool,
)

from ....schema.views import VIEWS
from ...palette import OUTLIER_COLOUR
from ...summary.skytiles import MARKER_PX, MOST_MARKED, sky_tiles
from ...summary.statistic import RATIOS, Statistic, statistic_unit, statistics_of
from ..look.figures import colour_bar, fit_scale, new_figure, sequential
from ..look.format import count, fraction, number
from ..look.markup import STYLE, html_pane, note, under
from ..look.table import PagedTable, TablePage
from ..numbers.rankings import TILE_COLUMNS, tile_page
from ..numbers.scope import scope_of
from ..session import Section, Session, Update
from ..url import SkyBox, View

__all__ = [
    "SkyView",
]

# of the tiles; the second where no tile has the first, in a catalogue without coadds
_FIRST, _WITHOUT_COADDS = "fraction_good_on_coadd", "fraction_good_se"
_HEIGHT = 520
_MARGIN = 0.03
_WRAPPED = "return `${+((tick % 360 + 360) % 360).toFixed(6)}°`"
_DEGREES = "return `${+tick.toFixed(6)}°`"


@dataclass(frozen=True, slots=True, eq=False)
class _Tiles:
    """Tiles with the value of a statistic; the corners have shape (n, 4), and `inside` is false outside the box."""

    statistic: str
    names: Sequence[str]
    ra: npt.NDArray[np.float64]
    dec: npt.NDArray[np.float64]
    value: npt.NDArray[np.float64]
    inside: npt.NDArray[np.bool_]
    meaning: str
    unit: str


class SkyView:
    """The sky page.

    Parameters
    ----------
    session : Session
        Session of the page.
    """

    filters = ("band", "tile", "box")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._first = _FIRST
        options = statistics_of(VIEWS["tile_quality"].table)
        self._statistic = pn.widgets.Select(
            label="Colour", options=options, value=_FIRST, width=260, margin=(0, 0, 6, 0), stylesheets=[STYLE]
        )
        self._statistic.param.watch(lambda event: self._ask(statistic=event.new), "value")
        self._note, self._table = html_pane(), PagedTable.of_columns(TILE_COLUMNS)
        self._table.listen(partial(session.ask_table, "tiles"))
        self._map = _Map(self._chosen)

    def sections(self) -> Sequence[Section]:
        """Return the sections of the page, still without data."""
        picture = under(self._statistic, self._map.plot, self._note)
        return (Section("sky", "Tiles", picture), Section("tiles", "Tiles, worst first", self._table))

    def updates(self, view: View, since: float) -> Sequence[Update]:
        """Return the updates that show a view, with data read after `since`."""
        cache = self._session.cache
        shown = view.table("tiles")

        def page() -> TablePage:
            scope = scope_of(cache, view, since)
            return cache.get(("tiles", scope, shown), lambda c: tile_page(c, scope, shown), since=since)

        return (
            Update(lambda: self._read_tiles(view, since), lambda tiles: self._show_tiles(view, tiles)),
            Update(page, lambda rows: self._table.show(TILE_COLUMNS, shown, rows)),
        )

    def _read_tiles(self, view: View, since: float) -> _Tiles:
        tiles = self._tiles_with(view.statistic or _FIRST, view, since)
        if view.statistic or not tiles.names or not np.isnan(tiles.value).all():
            return tiles
        return self._tiles_with(_WITHOUT_COADDS, view, since)

    def _tiles_with(self, statistic: str, view: View, since: float) -> _Tiles:
        cache = self._session.cache
        scope = scope_of(cache, replace(view, box=None), since)
        meaning = Statistic.of(statistic, VIEWS["tile_quality"].table).meaning
        tiles = cache.get(
            ("sky", statistic, scope),
            lambda _: sky_tiles(cache.listings, statistic, **scope.filters),
            since=since,
        )
        corners = [tiles[[f"{name}c{k}" for k in (1, 2, 3, 4)]].to_numpy(np.float64) for name in ("ra", "dec")]
        value = np.array(tiles.value, np.float64)
        unit = statistic_unit(cache.source.database, statistic)
        names, chosen = tiles.tilename.tolist(), scope_of(cache, view, since).names
        inside = np.ones(len(names), bool) if chosen is None else np.isin(names, chosen)
        return _Tiles(statistic, names, _unwrapped(corners[0]), corners[1], value, inside, meaning, unit)

    def _show_tiles(self, view: View, tiles: _Tiles) -> None:
        statistic = tiles.statistic
        if not view.statistic:
            self._first = statistic
        self._statistic.value = statistic
        n_null = int(np.isnan(tiles.value).sum())
        null = f" Tiles without a value, in grey: {count(n_null)}." if n_null else ""
        text = (
            f"{statistic}: {tiles.meaning}{tiles.unit and f' ({tiles.unit})'}, over the selected bands. "
            f"Drag a box to filter every page by the tiles in it.{null}"
        )
        self._note.object = note(text if tiles.names else "No matching tiles.")
        self._map.show(tiles, statistic, view.box)

    def _ask(self, **changes: Any) -> None:
        view = replace(self._session.view, **changes)
        first, shown = self._first, self._session.view
        if (view.statistic or first) != (shown.statistic or first) or view.box != shown.box:
            self._session.go(view)

    def _chosen(self, box: SkyBox) -> None:
        self._ask(box=box)


class _Map:
    """Map of the tiles, with right ascension increasing to the left."""

    def __init__(self, chosen: Any) -> None:
        self._chosen = chosen
        self._extent: list[float] = []
        self.plot = new_figure(
            "right ascension",
            "declination",
            name="sky-plot",
            height=_HEIGHT,
            tools="pan,wheel_zoom,reset,save",
            x_range=Range1d(1, 0),
            y_range=Range1d(0, 1),
            tooltips=[("tile", "@name"), ("", "@shown")],
        )
        self.plot.xaxis.formatter = CustomJSTickFormatter(code=_WRAPPED)
        self.plot.yaxis.formatter = CustomJSTickFormatter(code=_DEGREES)
        self._colours: LinearColorMapper = sequential()
        columns = ("x", "y", "xs", "ys", "value", "name", "shown", "alpha")
        self._tiles = ColumnDataSource({name: [] for name in columns})
        look = {
            "source": self._tiles,
            "fill_color": {"field": "value", "transform": self._colours},
            "fill_alpha": "alpha",
            "nonselection_fill_alpha": "alpha",
            "nonselection_line_alpha": 1.0,
        }
        # behind the tiles: seen where they are smaller
        self._marks = self.plot.scatter("x", "y", marker="square", size=MARKER_PX, line_color=None, **look)
        drawn = self.plot.patches("xs", "ys", line_color="#ffffff", line_width=0.3, **look)
        self._box = ColumnDataSource({name: [] for name in ("left", "right", "bottom", "top")})
        self.plot.quad(
            "left", "right", "bottom", "top", source=self._box, fill_color=None, line_color=OUTLIER_COLOUR, line_width=2
        )
        select = BoxSelectTool(renderers=[], persistent=False)
        self.plot.add_tools(
            select, TapTool(renderers=[self._marks, drawn], callback=OpenURL(url="./mask?tile=@name", same_tab=True))
        )
        self.plot.toolbar.active_drag = select
        self._bar = colour_bar(self._colours)
        self.plot.add_layout(self._bar, "right")
        self.plot.on_event(SelectionGeometry, self._select)

    def show(self, tiles: _Tiles, statistic: str, box: SkyBox | None) -> None:
        """Show tiles; those outside the box are faint."""
        ratio = statistic in RATIOS
        format_value = fraction if ratio and statistic != "sky_rate" else number
        self._marks.visible = len(tiles.names) <= MOST_MARKED
        fit_scale(self._bar, tiles.value[tiles.inside], percent=format_value is fraction)
        self._bar.title = tiles.unit
        self.plot.title.text = ""
        self._tiles.data = {
            "x": tiles.ra.mean(axis=1),
            "y": tiles.dec.mean(axis=1),
            "xs": tiles.ra.tolist(),
            "ys": tiles.dec.tolist(),
            "value": tiles.value,
            "name": list(tiles.names),
            "shown": [f"{format_value(value)} {tiles.unit}".strip() for value in tiles.value.tolist()],
            "alpha": np.where(tiles.inside, 1.0, 0.25),
        }
        extent = [tiles.ra.max(), tiles.ra.min(), tiles.dec.min(), tiles.dec.max()] if tiles.names else []
        if extent and extent != self._extent:
            self._extent = extent
            x_margin, y_margin = _MARGIN * (extent[0] - extent[1]), _MARGIN * (extent[3] - extent[2])
            west, east = extent[0] + x_margin, extent[1] - x_margin
            south, north = extent[2] - y_margin, extent[3] + y_margin
            self.plot.x_range.update(start=west, end=east, reset_start=west, reset_end=east)
            self.plot.y_range.update(start=south, end=north, reset_start=south, reset_end=north)
        self._box.data = _outline(box, tiles.ra)

    def _select(self, event: Any) -> None:
        at = event.geometry
        if event.final and at.get("type") == "rect" and at["x0"] != at["x1"] and at["y0"] != at["y1"]:
            ra = sorted((at["x0"], at["x1"]))
            dec = np.clip(sorted((at["y0"], at["y1"])), -90.0, 90.0)
            self._chosen(SkyBox.parse(f"{ra[0]:.4f}:{ra[1]:.4f},{dec[0]:.4f}:{dec[1]:.4f}"))


def _unwrapped(ra: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Unwrap right ascensions so that they do not jump at RA = 0 within a tile or the survey.

    Parameters
    ----------
    ra : ndarray of float64, shape (n, 4)
        Corners of tiles, degrees.

    Returns
    -------
    ndarray of float64, shape (n, 4)
        The same directions, increasing from the eastern end of the widest gap; some may be negative.
    """
    if not ra.size:
        return ra
    centres = np.sort(ra[:, 0] % 360.0)
    gaps = np.diff(centres, append=centres[0] + 360.0)
    first = centres[(int(np.argmax(gaps)) + 1) % centres.size]
    # a survey across RA = 0 gets negative values to the west of it
    start = first - 360.0 if first > 180.0 else first
    begin = (ra[:, :1] - start) % 360.0 + start
    out: npt.NDArray[np.float64] = begin + (ra - ra[:, :1] + 180.0) % 360.0 - 180.0
    return out


def _outline(box: SkyBox | None, ra: npt.NDArray[np.float64]) -> dict[str, list[float]]:
    """Return the outline of the box in the unwrapped right ascensions of the map."""
    if box is None or not ra.size:
        return {name: [] for name in ("left", "right", "bottom", "top")}
    width, middle = box.width, (ra.min() + ra.max()) / 2
    left = (box.ra0 + width / 2 - middle + 180.0) % 360.0 - 180.0 + middle - width / 2
    return {"left": [left], "right": [left + width], "bottom": [box.dec0], "top": [box.dec1]}
