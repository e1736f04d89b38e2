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
from bokeh.models import (
    BasicTicker,
    BoxSelectTool,
    ColumnDataSource,
    DatetimeTicker,
    DatetimeTickFormatter,
    FactorRange,
    NumeralTickFormatter,
)

from ....schema.views import VIEWS
from ...palette import band_colour, in_band_order
from ...summary.overtime import over_time
from ...summary.statistic import RATIOS, statistic_unit, statistics_of
from ..look.figures import PERCENT, are_whole, colour_bar, diverging, ink, new_figure, whole_ticks
from ..look.filterbar import bands_of
from ..look.format import NO_VALUE, count
from ..look.markup import STYLE, band_legend, html_pane, note, under
from ..look.table import PagedTable
from ..numbers.ccdhistory import AmplifierMonths, amplifier_months
from ..numbers.rankings import EXPOSURE_COLUMNS, ExposureDates, exposure_dates, exposure_page
from ..numbers.scope import TileScope, scope_of
from ..session import Section, Session, Update
from ..url import Span, View

__all__ = ["TimeView"]

_ALWAYS = ("fraction_good_se", "sky_rate")
_FIRST = "fraction_se_bmask"
_MOST_EXPOSURES = 20_000
_LEAST = 0.01  # end of the scale of differences where there are none
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
        self._by = pn.widgets.RadioButtonGroup(
            options=[_NIGHTS, _EXPOSURES], value=_NIGHTS, margin=(0, 12, 8, 0), stylesheets=[STYLE]
        )
        self._by.param.watch(lambda event: self._ask(by="exposure" if event.new == _EXPOSURES else ""), "value")
        known = statistics_of(VIEWS["exposure_quality"].table)
        options = [each for each in known if each not in (*_ALWAYS, *_NAMES)]
        look = {"width": 260, "margin": (4, 0), "stylesheets": [STYLE]}
        self._statistic = pn.widgets.Select(label="Third plot", options=options, value=_FIRST, **look)
        self._statistic.param.watch(lambda event: self._ask(statistic=event.new), "value")
        self._note, self._months_note = html_pane(), html_pane(note(_MONTHS_NOTE))
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
            Section("amplifiers", "Amplifiers by month", under(self._months_note, self._months.plot)),
            Section("exposures", "Worst exposures", self._table),
        )

    def updates(self, view: View, since: float) -> Sequence[Update]:
        """Return the updates that show a view, with data read after `since`."""
        cache, statistic, shown = self._session.cache, view.statistic or _FIRST, view.table("exposures")
        if statistic in self._statistic.options:
            self._statistic.value = statistic
        bands = view.band or None
        # a CCD is found by an index, together with its band
        of_ccd = {} if view.ccdnum is None else {"ccdnum": view.ccdnum, "band": bands or bands_of(cache, since)}

        def get(name: str, read: Callable[[sa.Connection, TileScope, dict[str, Any]], Any], *more: Hashable) -> Any:
            scope = scope_of(cache, view, since)
            nite = None if view.nite is None else str(view.nite)

            def checked(connection: sa.Connection) -> Any:
                scope.check_few(connection)
                return read(connection, scope, {"band": bands, "nite": nite})

            return cache.get((name, scope, view.nite, *more), checked, since=since)

        def dates() -> ExposureDates:
            found: ExposureDates = get(
                "dates", lambda c, scope, of: exposure_dates(c, of | _touching(c, scope) | of_ccd), view.ccdnum
            )
            return found

        def series(name: str) -> tuple[Any, str]:
            unit = cache.get(("unit", name), lambda _: statistic_unit(cache.source.database, name), since=since)
            return points(name), str(unit)

        def points(name: str) -> Any:
            by: Literal["exposure", "night"] = "exposure" if _by_exposure(view, dates()) else "night"
            return get(
                "time",
                lambda c, scope, of: over_time(cache.listings, name, by=by, **(of | _touching(c, scope) | of_ccd)),
                *(name, by, view.ccdnum),
            )

        def months() -> Any:
            return get(
                "months", lambda c, scope, of: amplifier_months(c, scope.nights(), view.ccdnum, **of), view.ccdnum
            )

        def page() -> Any:
            return get(
                "exposures",
                lambda c, scope, of: exposure_page(c, of | _touching(c, scope) | of_ccd, shown),
                *(shown, view.ccdnum),
            )

        plots = [
            Update(partial(series, name), partial(plot.show, name))
            for name, plot in zip((*_ALWAYS, statistic), self._series, strict=True)
        ]
        return (
            *plots,
            Update(dates, lambda found: self._describe(view, found)),
            Update(months, self._months.show),
            Update(page, lambda rows: self._table.show(EXPOSURE_COLUMNS, shown, rows)),
        )

    def _describe(self, view: View, dates: ExposureDates) -> None:
        """Describe the points."""
        n, drag = dates.n, " Drag across nights to filter every page by them." if dates.n_nights else ""
        of_ccd = "" if view.ccdnum is None else f" CCD {view.ccdnum} alone, in the table as well."
        self._by.disabled = _without_nights(dates)
        self._by.value = _EXPOSURES if view.by == "exposure" or _without_nights(dates) else _NIGHTS
        self._months_note.object = note(_MONTHS_NOTE) + (_NO_NIGHTS if _without_nights(dates) else "")
        if _by_exposure(view, dates):
            text = f"Each point is one of {count(n)} exposures.{drag}"
        elif view.by != "exposure" and not _without_nights(dates):
            text = f"Each point is one night in one band.{drag}"
        else:
            instead = "" if _without_nights(dates) else "Each point is one night in one band: "
            text = (
                f"{instead}{count(n)} exposures are too many to show individually (the limit is "
                f"{count(_MOST_EXPOSURES)}). Filter by night or band to see them."
            )
        text += _why(dates) + of_ccd
        if view.box is not None or view.tile:
            text += " Only exposures that overlap the tiles."
        bands = [view.band] if view.band else in_band_order(bands_of(self._session.cache, self._session.since))
        self._note.object = note(text) + band_legend(bands)

    def _ask(self, **changes: Any) -> None:
        before = self._session.view
        view = replace(before, **changes)
        if self._by.disabled and view.by != before.by:
            return  # without nights there is nothing to choose
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
            fill_color=ink(),
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
        by_exposure = "expnum" in frame.columns
        has_date = frame.nite.notna() | frame.mjd_obs.notna() if by_exposure else frame.nite.notna()
        # exposures of which none has a date are in the order of their numbers
        numbered = by_exposure and not has_date.any() and len(frame) > 0
        self._mark_times(numbered=numbered)
        dated = frame if numbered else frame[has_date]
        values = dated.value.astype("float64").to_numpy(np.float64)
        known = np.isfinite(values)
        dated, values = dated[known], values[known]
        self._mark_values(values, percent=ratio, named=name in _NAMES)
        n_undated = 0 if numbered else int(frame.n_ccd_images[~has_date].sum())
        missing = "date" if by_exposure else "night"
        left_out = f"CCD images without a {missing}, not shown: {count(n_undated)}" if n_undated else ""
        self.plot.title.text = left_out if len(dated) else f"no data{left_out and f'; {left_out}'}"
        self._source.data = {
            "x": dated.expnum.tolist() if numbered else [_when(row, by_exposure) for row in dated.itertuples()],
            "y": values,
            "nite": [
                NO_VALUE if unknown else int(nite) for nite, unknown in zip(dated.nite, dated.nite.isna(), strict=True)
            ],
            "band": dated.band.tolist(),
            "expnum": [str(expnum) for expnum in dated.expnum] if by_exposure else ["all"] * len(dated),
            "shown": [f"{value:.2%}" if ratio else f"{value:.4g} {unit}".strip() for value in values.tolist()],
            "n": dated.n_ccd_images.to_numpy(np.int64),
            "colour": [band_colour(band) for band in dated.band],
        }

    def _mark_times(self, *, numbered: bool) -> None:
        """Label the horizontal axis with dates, or with the numbers of exposures."""
        axis = self.plot.xaxis[0]
        if numbered != isinstance(axis.formatter, NumeralTickFormatter):
            axis.ticker = whole_ticks() if numbered else DatetimeTicker()
            axis.formatter = NumeralTickFormatter(format="0") if numbered else DatetimeTickFormatter()
            axis.axis_label = "exposure number" if numbered else ""

    def _mark_values(self, values: Any, *, percent: bool, named: bool) -> None:
        """Label the vertical axis: integers where all values are, and none in thousands where they are names."""
        axis, whole = self.plot.yaxis[0], are_whole(values) and not percent
        axis.ticker = whole_ticks() if whole or named else BasicTicker()
        plain = "0" if named else "0,0" if whole else "0,0.[000]"
        axis.formatter = NumeralTickFormatter(format=PERCENT if percent else plain)

    def _select(self, event: Any) -> None:
        at = event.geometry
        if event.final and at.get("x0") is not None and at["x0"] != at["x1"]:
            left, right = (_MS_0 + timedelta(milliseconds=edge) for edge in sorted((at["x0"], at["x1"])))
            points = zip(self._source.data["x"], self._source.data["nite"], strict=True)
            inside = [nite for when, nite in points if nite != NO_VALUE and left <= when <= right]
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
        self.plot.add_layout(
            colour_bar(self._colours, ticker="auto", formatter=NumeralTickFormatter(format=PERCENT)), "right"
        )

    def show(self, history: AmplifierMonths) -> None:
        """Show months, with the last at the top."""
        months = [f"{month // 100}-{month % 100:02d}" for month in history.months]
        self._halves.factors, self._of_month.factors = history.halves, months
        self.plot.title.text = "" if months else "no data"
        self.plot.height = 60 + 13 * min(max(len(months), 10), 80)
        known = np.isfinite(history.difference)
        where = np.nonzero(known)
        span = float(np.percentile(np.abs(history.difference[known]), 99)) if known.any() else 0.0
        self._colours.update(low=-(span or _LEAST), high=span or _LEAST)
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
    "minus the month's median over all halves. Blue: worse than expected; orange: better; empty: no images."
)


_NAMES = ("expnum", "nite")
"""Statistics that are names of exposures and nights; there is nothing to choose them for."""
_NO_NIGHTS = note("The catalogue does not know the nights of these exposures, and so no months.")


def _without_nights(dates: ExposureDates) -> bool:
    """Return whether there are exposures, and none of them has a night."""
    return dates.n > 0 and not dates.n_nights


def _by_exposure(view: View, dates: ExposureDates) -> bool:
    """Return whether points are exposures: where they are asked for or have no nights, and are not too many."""
    return (view.by == "exposure" or _without_nights(dates)) and dates.n <= _MOST_EXPOSURES


def _why(dates: ExposureDates) -> str:
    """Return a sentence about what is unknown of dates."""
    if not _without_nights(dates):
        return ""
    return " Their nights are unknown." if dates.n_dates else " Their dates are unknown; they are in order of number."


def _touching(connection: sa.Connection, scope: TileScope) -> dict[str, Any]:
    """Return a filter for the exposures that overlap the selected tiles."""
    exposures = scope.exposures(connection)
    return {} if exposures is None else {"expnum": exposures}


def _when(row: Any, by_exposure: bool) -> datetime:
    """Return the start of an exposure, or the date of its night if the start is unknown."""
    if by_exposure and row.mjd_obs == row.mjd_obs and row.mjd_obs is not None:
        return _MJD_0 + timedelta(days=float(row.mjd_obs))
    return datetime.strptime(str(row.nite), "%Y%m%d")
