"""Time page: statistics by night or exposure, and amplifiers by month."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

import numpy as np
import panel as pn
import sqlalchemy as sa
from bokeh.events import SelectionGeometry
from bokeh.models import BoxSelectTool, ColorBar, ColumnDataSource, FactorRange, NumeralTickFormatter

from ....schema.views import VIEWS
from ...filters import FilterKeywords
from ...palette import band_colour, in_band_order
from ...summary.overtime import over_time
from ...summary.statistic import RATIOS, statistic_unit, statistics_of
from ..look.figures import PERCENT, diverging, new_figure
from ..look.filterbar import bands_of
from ..look.format import count
from ..look.markup import band_legend, html_pane, note, under
from ..look.table import PagedTable
from ..numbers.ccdhistory import AmplifierMonths, amplifier_months
from ..numbers.rankings import EXPOSURE_COLUMNS, exposure_page, n_exposures
from ..numbers.scope import TileScope, scope_of
from ..session import Section, Session, Update
from ..url import Span, View

__all__ = ["TimeView"]

_ALWAYS = ("fraction_good_se", "sky_rate")
_FIRST = "fraction_se_bmask"
_MOST_EXPOSURES = 20_000
_NIGHTS, _EXPOSURES = "by night", "by exposure"
_MJD_0, _MS_0 = datetime(1858, 11, 17), datetime(1970, 1, 1)


class TimeView:
    """The time page.

    Parameters
    ----------
    session : Session
        Session of the page.
    """

    filters = ("band", "nite", "ccdnum", "tile", "box")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._by = pn.widgets.RadioButtonGroup(options=[_NIGHTS, _EXPOSURES], value=_NIGHTS, margin=(0, 12, 8, 0))
        self._by.param.watch(lambda event: self._ask(by="exposure" if event.new == _EXPOSURES else ""), "value")
        options = [each for each in statistics_of(VIEWS["exposure_quality"].table) if each not in _ALWAYS]
        self._statistic = pn.widgets.Select(label="Third plot", options=options, value=_FIRST, width=260, margin=(4, 0))
        self._statistic.param.watch(lambda event: self._ask(statistic=event.new), "value")
        self._note = html_pane()
        first = _Series("good-plot", self._chosen)
        self._series = [first, *(_Series(name, self._chosen, like=first) for name in ("sky-rate-plot", "third-plot"))]
        self._months, self._table = _Months(), PagedTable.of_columns(EXPOSURE_COLUMNS)
        self._table.listen(partial(session.ask_table, "exposures"))

    def sections(self) -> Sequence[Section]:
        """Return the sections of the page, still without data."""
        plots = [series.plot for series in self._series]
        body = under(self._by, self._note, *plots[:2], self._statistic, plots[2])
        return (
            Section("time", "Good fraction and sky brightness", body),
            Section("amplifiers", "Amplifiers by month", under(html_pane(note(_MONTHS_NOTE)), self._months.plot)),
            Section("exposures", "Worst exposures", self._table),
        )

    def updates(self, view: View, since: float) -> Sequence[Update]:
        """Return the updates that show a view, with data read after `since`."""
        cache, statistic, shown = self._session.cache, view.statistic or _FIRST, view.table("exposures")
        if statistic in self._statistic.options:
            self._statistic.value = statistic
        self._by.value = _EXPOSURES if view.by == "exposure" else _NIGHTS

        def get(name: str, read: Callable[[sa.Connection, TileScope, dict[str, Any]], Any], *more: Hashable) -> Any:
            scope = scope_of(cache, view, since)
            nite = None if view.nite is None else str(view.nite)

            def checked(connection: sa.Connection) -> Any:
                scope.check_few(connection)
                return read(connection, scope, {"band": view.band or None, "nite": nite})

            return cache.get((name, scope, view.nite, *more), checked, since=since)

        def n_points() -> int:
            return int(get("n exposures", lambda c, scope, of: n_exposures(c, of | _touching(c, scope))))

        def series(name: str) -> tuple[Any, str]:
            unit = cache.get(("unit", name), lambda _: statistic_unit(cache.source.database, name), since=since)
            return points(name), str(unit)

        def points(name: str) -> Any:
            by: Literal["exposure", "night"] = (
                "exposure" if view.by == "exposure" and n_points() <= _MOST_EXPOSURES else "night"
            )
            ccd: FilterKeywords = {} if view.ccdnum is None else {"ccdnum": view.ccdnum}
            return get(
                "time",
                lambda c, scope, of: over_time(cache.listings, name, by=by, **of, **_touching(c, scope), **ccd),
                *(name, by, view.ccdnum),
            )

        def months() -> Any:
            return get(
                "months", lambda c, scope, of: amplifier_months(c, scope.nights(), view.ccdnum, **of), view.ccdnum
            )

        def page() -> Any:
            return get("exposures", lambda c, scope, of: exposure_page(c, of | _touching(c, scope), shown), shown)

        plots = [
            Update(partial(series, name), partial(plot.show, name))
            for name, plot in zip((*_ALWAYS, statistic), self._series, strict=True)
        ]
        return (
            *plots,
            Update(n_points, lambda n: self._describe(view, n)),
            Update(months, self._months.show),
            Update(page, lambda rows: self._table.show(EXPOSURE_COLUMNS, shown, rows)),
        )

    def _describe(self, view: View, n: int) -> None:
        """Describe the points."""
        if view.by != "exposure":
            text = "Each point is one night in one band. Drag across nights to filter every page by them."
        elif n <= _MOST_EXPOSURES:
            text = f"Each point is one of {count(n)} exposures. Drag across nights to filter every page by them."
        else:
            text = (
                f"Each point is one night in one band: {count(n)} exposures are too many to show individually (the "
                f"limit is {count(_MOST_EXPOSURES)}). Filter by night or band to see them."
            )
        if view.box is not None or view.tile:
            text += " Only exposures that overlap the tiles."
        bands = [view.band] if view.band else in_band_order(bands_of(self._session.cache, self._session.since))
        self._note.object = note(text) + band_legend(bands)

    def _ask(self, **changes: Any) -> None:
        before = self._session.view
        view = replace(before, **changes)
        if (view.statistic or _FIRST, view.by, view.nite) != (before.statistic or _FIRST, before.by, before.nite):
            self._session.go(view)

    def _chosen(self, nights: Span) -> None:
        self._ask(nite=nights)


class _Series:
    """Plot of a statistic over time, coloured by band."""

    def __init__(self, name: str, chosen: Callable[[Span], None], like: "_Series | None" = None) -> None:
        self._chosen = chosen
        self.plot: Any
        given = {"x_range": like.plot.x_range} if like else {}
        tooltips = [
            ("night", "@nite"),
            ("band", "@band"),
            ("exposure", "@expnum"),
            ("", "@shown"),
            ("CCD images", "@n{0,0}"),
        ]
        self.plot = new_figure(
            "",
            "",
            name=name,
            height=210,
            x_axis_type="datetime",
            tools="xpan,xwheel_zoom,reset,save",
            tooltips=tooltips,
            **given,
        )
        self._source = ColumnDataSource({name: [] for name in ("x", "y", *_POINT)})
        self.plot.scatter(
            "x",
            "y",
            source=self._source,
            size=5,
            fill_color="colour",
            fill_alpha=0.55,
            line_color=None,
        )
        select = BoxSelectTool(dimensions="width", renderers=[], persistent=False)
        self.plot.add_tools(select)
        self.plot.toolbar.active_drag = select
        self.plot.on_event(SelectionGeometry, self._select)

    def show(self, name: str, found: tuple[Any, str]) -> None:
        """Show the values of a statistic, and their unit."""
        frame, unit = found
        ratio = name in RATIOS and name != "sky_rate"
        label = _LABELS.get(name, name)
        self.plot.yaxis.axis_label = f"{label} ({unit})" if unit else label
        self.plot.yaxis.formatter = NumeralTickFormatter(format=PERCENT if ratio else "0,0.[000]")
        dated = frame[frame.nite.notna()]
        values = dated.value.astype("float64").to_numpy(np.float64)
        known = np.isfinite(values)
        dated, values = dated[known], values[known]
        by_exposure = "expnum" in dated.columns
        n_undated = int(frame.nite.isna().sum())
        left_out = f"not shown, without a night: {count(n_undated)}" if n_undated else ""
        self.plot.title.text = left_out if len(dated) else f"no data{left_out and f'; {left_out}'}"
        self._source.data = {
            "x": [_when(row, by_exposure) for row in dated.itertuples()],
            "y": values,
            "nite": dated.nite.to_numpy(np.int64),
            "band": dated.band.tolist(),
            "expnum": [str(expnum) for expnum in dated.expnum] if by_exposure else ["all"] * len(dated),
            "shown": [f"{value:.2%}" if ratio else f"{value:.4g} {unit}".strip() for value in values.tolist()],
            "n": dated.n_ccd_images.to_numpy(np.int64),
            "colour": [band_colour(band) for band in dated.band],
        }

    def _select(self, event: Any) -> None:
        at = event.geometry
        if event.final and at.get("x0") is not None and at["x0"] != at["x1"]:
            left, right = (_MS_0 + timedelta(milliseconds=edge) for edge in sorted((at["x0"], at["x1"])))
            points = zip(self._source.data["x"], self._source.data["nite"], strict=True)
            inside = [int(nite) for when, nite in points if left <= when <= right]
            if inside:
                self._chosen(Span(min(inside), max(inside)))


class _Months:
    """Map of every amplifier half by month, relative to the expected fraction."""

    def __init__(self) -> None:
        self._halves, self._of_month = FactorRange(), FactorRange()
        tooltips = [
            ("CCD and amplifier", "@half"),
            ("month", "@month"),
            ("good SE", f"@fraction{{{PERCENT}}}"),
            ("minus expected", f"@difference{{+{PERCENT}}}"),
        ]
        self.plot = new_figure(
            "",
            "",
            name="months-plot",
            height=330,
            tools="save",
            x_range=self._halves,
            y_range=self._of_month,
            tooltips=tooltips,
        )
        self.plot.grid.visible = False
        self.plot.xaxis.major_label_orientation = "vertical"
        self.plot.xaxis.major_label_text_font_size = "9px"
        self.plot.yaxis.major_label_text_font_size = "10px"
        self._colours = diverging()
        self._source = ColumnDataSource({name: [] for name in ("half", "month", "fraction", "difference")})
        self.plot.rect(
            "half",
            "month",
            1,
            1,
            source=self._source,
            line_color=None,
            fill_color={"field": "difference", "transform": self._colours},
        )
        bar = ColorBar(color_mapper=self._colours, width=12, padding=6, formatter=NumeralTickFormatter(format=PERCENT))
        self.plot.add_layout(bar, "right")

    def show(self, history: AmplifierMonths) -> None:
        """Show months, with the last at the top."""
        months = [f"{month // 100}-{month % 100:02d}" for month in history.months]
        self._halves.factors, self._of_month.factors = history.halves, months
        self.plot.title.text = "" if months else "no data"
        self.plot.height = 60 + 13 * min(max(len(months), 10), 80)
        known = np.isfinite(history.difference)
        where = np.nonzero(known)
        span = float(np.percentile(np.abs(history.difference[known]), 99)) if known.any() else 0.0
        self._colours.update(low=-(span or 1.0), high=span or 1.0)
        self._source.data = {
            "half": [history.halves[k] for k in where[0].tolist()],
            "month": [months[k] for k in where[1].tolist()],
            "fraction": history.fraction[known],
            "difference": history.difference[known],
        }


_POINT = ("nite", "band", "expnum", "shown", "n", "colour")
_LABELS = {"sky_rate": "sky brightness"}
_MONTHS_NOTE = (
    "fraction_good_se of each amplifier half (CCD number, a or b) by month, minus the half's value over all months, "
    "minus the month's median over all halves. Blue: worse than expected; orange: better; white: no images."
)


def _touching(connection: sa.Connection, scope: TileScope) -> dict[str, Any]:
    """Return a filter for the exposures that overlap the selected tiles."""
    exposures = scope.exposures(connection)
    return {} if exposures is None else {"expnum": exposures}


def _when(row: Any, by_exposure: bool) -> datetime:
    """Return the start of an exposure, or the date of its night if the start is unknown."""
    if by_exposure and row.mjd_obs == row.mjd_obs and row.mjd_obs is not None:
        return _MJD_0 + timedelta(days=float(row.mjd_obs))
    return datetime.strptime(str(row.nite), "%Y%m%d")
