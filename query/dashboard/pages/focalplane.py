"""Focal plane page: CCDs and amplifiers at their positions in the camera."""

import datetime
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import panel as pn
import sqlalchemy as sa
from bokeh.events import Tap
from bokeh.models import ColumnDataSource, LinearColorMapper, Range1d

from ...focalplane import HALVES, Layout
from ...palette import NO_DATA_COLOUR, OUTLIER_COLOUR, TEXT_COLOUR, band_colour, in_band_order
from ...summary.ccdhalves import ccd_halves
from ...summary.layout import focal_plane
from ..look.figures import PERCENT, colour_bar, fit_scale, ink, keep_shape, new_figure, sequential
from ..look.format import count, fraction, number
from ..look.markup import STYLE, band_legend, html_pane, note, under
from ..look.table import PagedTable
from ..numbers.ccdhistory import CcdHistory, ccd_history
from ..numbers.rankings import CCD_COLUMNS, ccd_page
from ..numbers.scope import TileScope, scope_of
from ..session import Section, Session, Update
from ..url import View

__all__ = ["FocalView"]

_FIRST = "fraction_good_se"
_STATISTICS = (_FIRST, "fraction_se_seg", "fraction_se_weight", "fraction_se_bmask", "n_ccd_images")
_MARGIN = 1.045  # of the field, over the extent of the CCDs
_ASPECT = 1.12  # of the plot with its axes and the bar of colours
_FEW = 5  # CCDs that are named one by one
_DARK = 0.55  # fraction of the colour scale below which colours are dark


class FocalView:
    """The focal plane page.

    Parameters
    ----------
    session : Session
        Session of the page.
    """

    filters = ("band", "nite", "ccdnum", "tile", "box")

    def __init__(self, session: Session) -> None:
        self._session = session
        bits = [f"SE:{name}" for name in session.cache.source.database.identity.bit_names.se]
        self._statistic = pn.widgets.Select(
            label="Colour",
            options=[*_STATISTICS, *bits, "SE:OTHER"],
            width=260,
            margin=(0, 0, 6, 0),
            stylesheets=[STYLE],
        )
        self._statistic.param.watch(lambda event: self._ask(statistic=event.new), "value")
        self._note, self._history_note = html_pane(), html_pane()
        self._plane, self._history = _Plane(lambda ccdnum: self._ask(ccdnum=ccdnum)), _History()
        self._table = PagedTable.of_columns(CCD_COLUMNS)
        self._table.listen(partial(session.ask_table, "ccds"))
        self._of_ccd = under(self._history.plot, self._table)
        self._of_ccd.visible = False

    def sections(self) -> Sequence[Section]:
        """Return the sections of the page, still without data."""
        return (
            Section("plane", "CCDs on the sky", under(self._statistic, self._plane.plot, self._note), "half"),
            Section("history", "One CCD", under(self._history_note, self._of_ccd), "half"),
        )

    def updates(self, view: View, since: float) -> Sequence[Update]:
        """Return the updates that show a view, with data read after `since`."""
        cache, statistic, ccdnum = self._session.cache, view.statistic or _FIRST, view.ccdnum
        filters: dict[str, Any] = {"band": view.band or None, "nite": None if view.nite is None else str(view.nite)}

        def of_tiles(name: str, read: Callable[[sa.Connection, TileScope], Any], *more: Hashable) -> Any:
            scope = scope_of(cache, view, since)

            def checked(connection: sa.Connection) -> Any:
                scope.check_few(connection)
                return read(connection, scope)

            return cache.get((name, scope, view.nite, *more), checked, since=since)

        def halves(_: sa.Connection, scope: TileScope) -> Any:
            frame = ccd_halves(
                cache.listings, statistic, nights=scope.nights(), bit_nights=scope.bit_nights(), **filters
            )
            return frame, focal_plane(cache.listings)

        plane = Update(lambda: of_tiles("halves", halves, statistic), lambda found: self._show_plane(view, *found))
        self._of_ccd.visible = ccdnum is not None
        if ccdnum is None:
            self._history_note.object = note("Click a CCD to see its history and its worst images.")
            return (plane,)
        shown = view.table("ccds")
        history = Update(
            lambda: of_tiles("history", lambda c, scope: ccd_history(c, scope.nights(), ccdnum, **filters), ccdnum),
            lambda data: self._show_history(ccdnum, data),
        )
        images = Update(
            lambda: of_tiles("images", lambda c, scope: ccd_page(c, scope, view.nite, ccdnum, shown), ccdnum, shown),
            lambda page: self._table.show(CCD_COLUMNS, shown, page),
        )
        return plane, history, images

    def _show_plane(self, view: View, halves: Any, plane: Layout) -> None:
        statistic = view.statistic or _FIRST
        self._statistic.value = statistic
        self._plane.place(plane)
        self._plane.show(halves, statistic, view.ccdnum)
        self._note.object = note(_describe_plane(halves, statistic, of_all=view.ccdnum is not None))

    def _show_history(self, ccdnum: int, history: CcdHistory) -> None:
        ccd = self._plane.ccds.get(ccdnum)
        name = f"CCD {ccdnum} ({ccd.detpos})" if ccd and ccd.detpos else f"CCD {ccdnum}"
        n, n_undated = int(history.n_ccd_images.sum()) + history.n_undated, history.n_undated
        images = f" {count(n) if n else 'No'} CCD image{'s' * (n != 1)}"
        undated = f", {count(n_undated)} of them without a night and so not in the plot" if n_undated else ""
        halves = ccd.halves if ccd else HALVES
        of_halves = " of its amplifier halves by night; a filled, b open." if halves == HALVES else " by night."
        text = f"{name}: fraction_good_se{of_halves}{images}{undated}."
        self._history_note.object = note(text) + band_legend(in_band_order(set(history.band)))
        self._history.show(history, halves)

    def _ask(self, **changes: Any) -> None:
        before = self._session.view
        view = replace(before, **changes)
        if (view.statistic or _FIRST, view.ccdnum) != (before.statistic or _FIRST, before.ccdnum):
            self._session.go(view)


class _Plane:
    """Map of the CCDs or of their amplifier halves, with north up and east to the left."""

    def __init__(self, chosen: Callable[[int], None]) -> None:
        self._chosen = chosen
        self.ccds: Layout = {}
        self.plot = new_figure(
            "degrees east of the field centre",
            "degrees north of the field centre",
            name="plane-plot",
            tools="save",
            x_range=Range1d(1, -1),
            y_range=Range1d(-1, 1),
            tooltips=[("", "@name"), ("", "@shown"), ("CCD images", "@n{0,0}")],
        )
        self.plot.update(height=None, sizing_mode="scale_width", aspect_ratio=_ASPECT)
        keep_shape(self.plot)
        self.plot.grid.visible = False
        self._colours: LinearColorMapper = sequential()
        columns = ("xs", "ys", "value", "name", "shown", "n", "edge", "width")
        self._known, self._empty = (ColumnDataSource({name: [] for name in columns}) for _ in range(2))
        self.plot.patches(
            "xs",
            "ys",
            source=self._empty,
            fill_color=NO_DATA_COLOUR,
            hatch_pattern="/",
            hatch_scale=8,
            hatch_color=TEXT_COLOUR,
            hatch_alpha=0.45,
            line_color="#ffffff",
        )
        self.plot.patches(
            "xs",
            "ys",
            source=self._known,
            fill_color={"field": "value", "transform": self._colours},
            line_color="edge",
            line_width="width",
        )
        self._chosen_ccd = ColumnDataSource({"xs": [], "ys": [], "colour": []})
        self.plot.patches("xs", "ys", source=self._chosen_ccd, fill_color=None, line_color=ink(), line_width=3)
        self._names = self._write_names()
        self._bar = colour_bar(self._colours)
        self.plot.add_layout(self._bar, "right")
        self.plot.on_event(Tap, self._tap)

    def _write_names(self) -> ColumnDataSource:
        """Write the number of each CCD at its centre, once it has its place."""
        names = ColumnDataSource({"x": [], "y": [], "text": [], "colour": []})
        self.plot.text(
            "x",
            "y",
            "text",
            source=names,
            text_align="center",
            text_baseline="middle",
            text_font_size="11px",
            text_color="colour",
        )
        return names

    def place(self, ccds: Layout) -> None:
        """Give each CCD its place."""
        if ccds is self.ccds or not ccds:
            return
        self.ccds = ccds
        corners = np.array([ccd.corners() for ccd in ccds.values()])
        half_field = _MARGIN * float(np.abs(corners).max())
        self.plot.x_range.update(start=half_field, end=-half_field)
        self.plot.y_range.update(start=-half_field, end=half_field)
        self.plot.tags = [half_field]
        self._names.data = {
            "x": corners[:, :, 0].mean(axis=1).tolist(),
            "y": corners[:, :, 1].mean(axis=1).tolist(),
            "text": [str(ccdnum) for ccdnum in ccds],
            "colour": [TEXT_COLOUR] * len(ccds),
        }

    def show(self, halves: Any, statistic: str, ccdnum: int | None) -> None:
        """Show a statistic of each half."""
        self.plot.title.text = ""
        format_value = number if statistic.startswith("n_") else fraction
        values = halves.value.to_numpy(np.float64)
        fit_scale(self._bar, values, percent=format_value is fraction)
        known = np.isfinite(values)
        n_halves = max((len(ccd.halves) for ccd in self.ccds.values()), default=1)
        colours = _readable(values, self._colours.low, self._colours.high, n_halves)
        self._names.data = {**self._names.data, "colour": colours}
        for source, which in ((self._known, known), (self._empty, ~known)):
            rows = halves[which]
            corners = [np.array(self.ccds[row.ccdnum].corners(row.half)) for row in rows.itertuples()]
            outlier = rows.outlier.to_numpy(bool)
            source.data = {
                "xs": [polygon[:, 0].tolist() for polygon in corners],
                "ys": [polygon[:, 1].tolist() for polygon in corners],
                "value": rows.value.to_numpy(np.float64),
                "name": [_name(row) for row in rows.itertuples()],
                "shown": [f"{statistic} {format_value(value)}" for value in rows.value.tolist()],
                "n": rows.n_ccd_images.to_numpy(np.int64),
                "edge": np.where(outlier, OUTLIER_COLOUR, "#ffffff").tolist(),
                "width": np.where(outlier, 3.0, 0.7),
            }
        chosen = self.ccds.get(ccdnum) if ccdnum is not None else None
        outlines = [np.array(chosen.corners()).T.tolist()] if chosen else []
        self._chosen_ccd.data = {
            "xs": [xs for xs, _ in outlines],
            "ys": [ys for _, ys in outlines],
            "colour": ["#000000"] * len(outlines),
        }

    def _tap(self, event: Any) -> None:
        for ccd in self.ccds.values():
            corners = np.array(ccd.corners())
            low, high = corners.min(axis=0), corners.max(axis=0)
            if low[0] <= event.x <= high[0] and low[1] <= event.y <= high[1]:
                self._chosen(ccd.ccdnum)


class _History:
    """Plot of the halves of one CCD by night."""

    def __init__(self) -> None:
        tooltips = [
            ("night", "@nite"),
            ("band", "@band"),
            ("amplifier", "@half"),
            ("good SE", f"@y{{{PERCENT}}}"),
            ("CCD images", "@n"),
        ]
        self.plot = new_figure(
            "night",
            "fraction_good_se",
            name="history-plot",
            height=280,
            percent="y",
            x_axis_type="datetime",
            tools="box_zoom,xwheel_zoom,reset,save",
            tooltips=tooltips,
        )
        self._sources = {}
        for half in HALVES:
            self._sources[half] = ColumnDataSource(
                {name: [] for name in ("x", "y", "nite", "band", "half", "n", "colour")}
            )
            self.plot.scatter(
                "x",
                "y",
                source=self._sources[half],
                size=5,
                line_color=ink(),
                line_alpha=0.7,
                fill_color=ink() if half == "a" else None,
                fill_alpha=0.5,
            )

    def show(self, history: CcdHistory, halves: Sequence[str]) -> None:
        """Show the history of a CCD, in its halves or as a whole."""
        self.plot.title.text = ""
        days = [datetime.datetime.strptime(str(nite), "%Y%m%d") for nite in history.nite.tolist()]
        for k, source in enumerate(self._sources.values()):
            half, n = (halves[k], len(days)) if k < len(halves) else ("", 0)
            source.data = {
                "x": days[:n],
                "y": history.fraction[half][:n],
                "nite": history.nite[:n],
                "band": history.band[:n],
                "half": [half or "all"] * n,
                "n": history.n_ccd_images[:n],
                "colour": [band_colour(band) for band in history.band[:n]],
            }


def _name(row: Any) -> str:
    position = f" ({row.detpos})" if row.detpos else ""
    return f"CCD {row.ccdnum}{position}" + (f", amplifier {row.half}" if row.half else "")


def _readable(values: Any, low: float, high: float, n_halves: int = len(HALVES)) -> list[str]:
    """Return a text colour for each CCD number that contrasts with its halves; low values are dark."""
    with np.errstate(invalid="ignore"):
        dark = (values.reshape(-1, n_halves) - low) / (high - low) < _DARK
    return ["#ffffff" if ccd_is_dark else "#000000" for ccd_is_dark in dark.all(axis=1)]


def _describe_plane(halves: Any, statistic: str, *, of_all: bool = False) -> str:
    how = "sum over nights" if statistic.startswith("n_") else "median over nights"
    hatched = halves[halves.value.isna()].drop_duplicates("ccdnum")
    outliers = [f"{row.ccdnum}{row.half}" for row in halves[halves.outlier.astype(bool)].itertuples()]
    n_images = count(halves.drop_duplicates("ccdnum").n_ccd_images.sum())
    part = "amplifier half" if halves.half.any() else "CCD"
    sentences = [f"{statistic} of each {part}: {how}; {n_images} CCD images{' of all CCDs' * of_all}."]
    sentences += _sum_up(hatched.ccdnum[hatched.n_ccd_images == 0].tolist(), "images")
    sentences += _sum_up(hatched.ccdnum[hatched.n_ccd_images > 0].tolist(), "a value")
    sentences.append(f"Outliers (framed): {', '.join(outliers)}." if outliers else "No outliers.")
    return " ".join(sentences)


def _sum_up(ccds: Sequence[int], missing: str) -> list[str]:
    """Return a sentence about the hatched CCDs that lack something, which names a few of them."""
    if not ccds:
        return []
    named = f": {', '.join(map(str, ccds))}" if len(ccds) <= _FEW else ""
    return [f"Hatched: {count(len(ccds))} CCD{'s' * (len(ccds) != 1)} without {missing}{named}."]
