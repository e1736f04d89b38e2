"""The page that shows how the survey went from night to night."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import panel as pn
import sqlalchemy as sa
from bokeh.events import SelectionGeometry
from bokeh.models import BoxSelectTool, ColorBar, ColumnDataSource, FactorRange, NumeralTickFormatter

from ....schema.views import VIEWS
from ...palette import band_colour, in_band_order
from ...summary.overtime import over_time
from ...summary.statistic import RATIOS, statistics_of
from ..look.figures import PERCENT, diverging, new_figure
from ..look.filterbar import bands_of
from ..look.format import count
from ..look.markup import band_legend, html_pane, note, under
from ..look.table import PagedTable
from ..numbers.ccdhistory import AmplifierMonths, amplifier_months
from ..numbers.rankings import EXPOSURE_COLUMNS, exposure_page, n_exposures
from ..numbers.scope import TileScope, scope_of
from ..session import Part, Section, Session
from ..url import Span, View

__all__ = ["TimeView"]

_ALWAYS = ("fraction_good_se", "sky_rate")
_FIRST = "fraction_se_bmask"
_MOST_EXPOSURES = 20_000
_NIGHTS, _EXPOSURES = "by night", "by exposure"
_MJD_0, _MS_0 = datetime(1858, 11, 17), datetime(1970, 1, 1)


class TimeView:
    """The page.

    Parameters
    ----------
    session : Session
        Whose page it is.
    """

    filters = ("band", "nite", "ccdnum", "tile", "box")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._by = pn.widgets.RadioButtonGroup(options=[_NIGHTS, _EXPOSURES], value=_NIGHTS, margin=(0, 12, 8, 0))
        self._by.param.watch(lambda event: self._ask(by="exposure" if event.new == _EXPOSURES else ""), "value")
        options = [each for each in statistics_of(VIEWS["exposure_quality"].table) if each not in _ALWAYS]
        self._statistic = pn.widgets.Select(label="Third plot", options=options, value=_FIRST, width=260, margin=(4, 0))
        self._statistic.param.watch(lambda event: self._ask(statistic=event.new), "value")
        self._words = html_pane()
        first = _Series("good-plot", self._chosen)
        self._series = [first, *(_Series(name, self._chosen, like=first) for name in ("sky-rate-plot", "third-plot"))]
        self._months, self._table = _Months(), PagedTable.of_columns(EXPOSURE_COLUMNS)
        self._table.listen(partial(session.ask_table, "exposures"))

    def sections(self) -> Sequence[Section]:
        """Return its parts, still without data."""
        plots = [each.plot for each in self._series]
        return (
            Section("time", "Good share and sky", under(self._by, self._words, *plots[:2], self._statistic, plots[2])),
            Section("amplifiers", "Amplifiers by month", under(html_pane(note(_MONTHS_WORDS)), self._months.plot)),
            Section("exposures", "Worst exposures", self._table),
        )

    def parts(self, view: View, since: float) -> Sequence[Part]:
        """Return what it shows of a view, none of it read before a time of day."""
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

        def series(name: str) -> Any:
            by = "exposure" if view.by == "exposure" and n_points() <= _MOST_EXPOSURES else "night"
            ccd = {} if view.ccdnum is None else {"ccdnum": view.ccdnum}
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
            Part(partial(series, name), partial(plot.show, name))
            for name, plot in zip((*_ALWAYS, statistic), self._series, strict=True)
        ]
        return (
            *plots,
            Part(n_points, lambda n: self._say(view, n)),
            Part(months, self._months.show),
            Part(page, lambda found: self._table.show(EXPOSURE_COLUMNS, shown, found)),
        )

    def _say(self, view: View, n: int) -> None:
        """Say what the points are."""
        if view.by != "exposure":
            words = "Each point is a night and band: sums over sums. Select nights to see only them, on every page."
        elif n <= _MOST_EXPOSURES:
            words = f"Each point is an exposure; {count(n)} of them. Select nights to see only them, on every page."
        else:
            words = (
                f"{count(n)} exposures are too many to show each (up to {count(_MOST_EXPOSURES)}): choose nights or a "
                "band. Each point is a night and band."
            )
        if view.box is not None or view.tile:
            words += " Of the exposures that the tiles hold a part of."
        bands = [view.band] if view.band else in_band_order(bands_of(self._session.cache, self._session.since))
        self._words.object = note(words) + band_legend(bands)

    def _ask(self, **changes: Any) -> None:
        before = self._session.view
        view = replace(before, **changes)
        if (view.statistic or _FIRST, view.by, view.nite) != (before.statistic or _FIRST, before.by, before.nite):
            self._session.go(view)

    def _chosen(self, nights: Span) -> None:
        self._ask(nite=nights)


class _Series:
    """A number over time, a colour for each band."""

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

    def show(self, name: str, frame: Any) -> None:
        """Show a number."""
        ratio = name in RATIOS and name != "sky_rate"
        self.plot.yaxis.axis_label = _LABELS.get(name, name)
        self.plot.yaxis.formatter = NumeralTickFormatter(format=PERCENT if ratio else "0,0.[000]")
        dated = frame[frame.nite.notna()]
        values = dated.value.astype("float64").to_numpy(np.float64)
        known = np.isfinite(values)
        dated, values = dated[known], values[known]
        by_exposure = "expnum" in dated.columns
        n_undated = int(frame.nite.isna().sum())
        left_out = f"{count(n_undated)} without a night are left out" if n_undated else ""
        self.plot.title.text = left_out if len(dated) else f"nothing to show{left_out and f': {left_out}'}"
        self._source.data = {
            "x": [_when(row, by_exposure) for row in dated.itertuples()],
            "y": values,
            "nite": dated.nite.to_numpy(np.int64),
            "band": dated.band.tolist(),
            "expnum": [str(each) for each in dated.expnum] if by_exposure else ["all"] * len(dated),
            "shown": [f"{each:.2%}" if ratio else f"{each:.4g}" for each in values.tolist()],
            "n": dated.n_ccd_images.to_numpy(np.int64),
            "colour": [band_colour(band) for band in dated.band],
        }

    def _select(self, event: Any) -> None:
        at = event.geometry
        if event.final and at.get("x0") is not None and at["x0"] != at["x1"]:
            left, right = (_MS_0 + timedelta(milliseconds=each) for each in sorted((at["x0"], at["x1"])))
            points = zip(self._source.data["x"], self._source.data["nite"], strict=True)
            inside = [int(nite) for when, nite in points if left <= when <= right]
            if inside:
                self._chosen(Span(min(inside), max(inside)))


class _Months:
    """Every amplifier half by month, less what was to be expected."""

    def __init__(self) -> None:
        self._halves, self._of_month = FactorRange(), FactorRange()
        tooltips = [
            ("CCD and amplifier", "@half"),
            ("month", "@month"),
            ("good SE", f"@fraction{{{PERCENT}}}"),
            ("less expected", f"@difference{{+{PERCENT}}}"),
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

    def show(self, found: AmplifierMonths) -> None:
        """Show months, the last at the top."""
        months = [f"{each // 100}-{each % 100:02d}" for each in found.months]
        self._halves.factors, self._of_month.factors = found.halves, months
        self.plot.title.text = "" if months else "nothing to show"
        self.plot.height = 60 + 13 * min(max(len(months), 10), 80)
        known = np.isfinite(found.difference)
        where = np.nonzero(known)
        span = float(np.percentile(np.abs(found.difference[known]), 99)) if known.any() else 0.0
        self._colours.update(low=-(span or 1.0), high=span or 1.0)
        self._source.data = {
            "half": [found.halves[k] for k in where[0].tolist()],
            "month": [months[k] for k in where[1].tolist()],
            "fraction": found.fraction[known],
            "difference": found.difference[known],
        }


_POINT = ("nite", "band", "expnum", "shown", "n", "colour")
_LABELS = {"sky_rate": "sky brightness / s"}
_MONTHS_WORDS = (
    "fraction_good_se of each amplifier half (CCD number, a or b) by month, less the half's own over all months, less "
    "the median of the month over all halves: blue is worse than was to be expected, orange better, white no image."
)


def _touching(connection: sa.Connection, scope: TileScope) -> dict[str, Any]:
    """Return the exposures that some tiles hold a part of, as a filter."""
    exposures = scope.exposures(connection)
    return {} if exposures is None else {"expnum": exposures}


def _when(row: Any, by_exposure: bool) -> datetime:
    """Return when an exposure began, where that is known; else the day of its night."""
    if by_exposure and row.mjd_obs == row.mjd_obs and row.mjd_obs is not None:
        return _MJD_0 + timedelta(days=float(row.mjd_obs))
    return datetime.strptime(str(row.nite), "%Y%m%d")
