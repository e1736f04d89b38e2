"""Overview page: totals, histograms, losses by criterion and mask bit, worst tiles and images, failures."""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import sqlalchemy as sa

from ....schema.criteria import Criterion
from ....schema.errors import GoodpixError
from ...palette import CRITERION_COLOURS
from ...summary.costs import criteria_costs
from ..cache import CatalogueCache
from ..look.format import count, fraction, html_table, number, share, short_count
from ..look.markup import band_legend, html_pane, note, under
from ..look.table import PagedTable, TableColumn, TablePage
from ..numbers.bitcosts import BitCosts, bits_of
from ..numbers.rankings import CCD_COLUMNS, FAILURE_COLUMNS, TILE_COLUMNS, ccd_page, failure_page, tile_page
from ..numbers.scope import TileScope, scope_of
from ..numbers.survey import Histograms, Ingests, Numbers, histograms, ingests, survey_numbers
from ..session import Section, Session, Update
from ..url import TableView, View
from .maskwidth import WidthBox, Widths, widths_of
from .overviewplots import Bars, GrowthPlot, HistogramPlot

__all__ = ["NUMBERS", "Overview", "numbers_html"]

NUMBERS = ("numbers", "The survey in numbers")
"""Name and title of the section that the page begins with."""


_LARGE = 1000.0

_TABLES: Mapping[str, Sequence[TableColumn]] = {
    "tiles": TILE_COLUMNS,
    "ccds": CCD_COLUMNS,
    "failures": FAILURE_COLUMNS,
}


_OF_COADDS = _ON_COADD, _AREA = ("Good on coadd", "Good area, deg² x images")
_FILTERED = (
    "The night and CCD filters apply to Good SE and CCD images, to the table of CCD images, the mask bits and the mask "
    "width; all else is of the tiles, whatever the night and CCD."
)
_COSTS_NOTE = (
    "Light: pixels that fail the criterion; dark: pixels that fail no other criterion. Fractions are of all pixels, or "
    "of the pixels on the coadd for coadd criteria."
)


class Overview:
    """The overview page.

    Parameters
    ----------
    session : Session
        Session of the page.
    """

    filters = ("band", "tile", "nite", "ccdnum", "box")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._numbers, self._ingests = html_pane(), html_pane()
        self._histogram_note, self._bits_note = html_pane(), html_pane()
        self._histogram, self._costs, self._bits = HistogramPlot(), Bars(["total", "alone"]), Bars(["total"])
        self._growth = GrowthPlot()
        self._widths = WidthBox(lambda: session.go(replace(session.view, widths=True)))
        self._tables = {name: PagedTable.of_columns(columns) for name, columns in _TABLES.items()}
        for name, table in self._tables.items():
            table.listen(partial(session.ask_table, name))

    def sections(self) -> Sequence[Section]:
        """Return the sections of the page, still without data."""
        tables = self._tables
        return (
            Section(*NUMBERS, self._numbers),
            Section(
                "histogram",
                "Good fraction of pixels",
                under(self._histogram_note, self._histogram.plot),
                "half",
            ),
            Section(
                "costs", "Pixels lost to each criterion", under(html_pane(note(_COSTS_NOTE)), self._costs.plot), "half"
            ),
            Section("tiles", "Worst tiles", tables["tiles"], "half"),
            Section("ccds", "Worst CCD images", tables["ccds"], "half"),
            Section("bits", "Pixels with each mask bit set", under(self._bits_note, self._bits.plot), "half"),
            Section("widths", "Is the mask wide enough?", self._widths.body, "half"),
            Section("ingest", "Ingest of the whole catalogue", under(self._growth.pane, self._ingests)),
            Section("failures", "Failures", tables["failures"]),
        )

    def updates(self, view: View, since: float) -> Sequence[Update]:
        """Return the updates that show a view, with data read after `since`."""
        cache = self._session.cache

        def of_tiles(name: str, read: Callable[[sa.Connection, TileScope], Any], *more: Hashable) -> Any:
            scope = scope_of(cache, view, since)
            return cache.get((name, scope, *more), lambda connection: read(connection, scope), since=since)

        def table(
            name: str, read: Callable[[sa.Connection, TileScope, TableView], TablePage], *more: Hashable
        ) -> Update:
            shown = view.table(name)
            return Update(
                lambda: of_tiles(name, lambda connection, scope: read(connection, scope, shown), shown, *more),
                lambda page: self._tables[name].show(_TABLES[name], shown, page),
                cached=True,
            )

        def ccds(connection: sa.Connection, scope: TileScope, shown: TableView) -> TablePage:
            return ccd_page(connection, scope, view.nite, view.ccdnum, shown)

        self._widths.ask(view.widths)
        return (
            Update(
                lambda: numbers_html(cache, view, since),
                lambda html: setattr(self._numbers, "object", html),
                cached=True,
            ),
            table("tiles", tile_page),
            Update(lambda: of_tiles("histograms", histograms), self._show_histogram, cached=True),
            Update(
                lambda: of_tiles("costs", lambda _, scope: criteria_costs(cache.listings, **scope.filters)),
                lambda costs: self._costs.show(*_cost_bars(costs)),
                cached=True,
            ),
            Update(lambda: cache.get("ingests", ingests, since=since), self._show_ingests, cached=True),
            table("ccds", ccds, view.nite, view.ccdnum),
            Update(
                lambda: of_tiles(
                    "bits",
                    lambda c, scope: bits_of(cache.listings, c, scope, view.nite, view.ccdnum),
                    view.nite,
                    view.ccdnum,
                ),
                self._show_bits,
                cached=True,
            ),
            table("failures", failure_page),
            Update(
                lambda: _measured(cache, view, since) if view.widths else None,
                self._widths.show,
            ),
        )

    def _show_histogram(self, histograms: Histograms) -> None:
        null = f" {count(histograms.n_null)} have no pixels on the coadd." if histograms.n_null else ""
        empty = "" if histograms.counts else " No data."
        text = note(f"{histograms.statistic} of {histograms.of}, by band.{null}{empty}")
        self._histogram_note.object = text + band_legend(histograms.counts)
        self._histogram.show(histograms)

    def _show_bits(self, costs: BitCosts) -> None:
        self._bits_note.object = note(costs.words)
        self._bits.show(*_bit_bars(costs))

    def _show_ingests(self, history: Ingests) -> None:
        self._growth.show(history)
        self._ingests.object = _runs_html(history)


def numbers_html(cache: CatalogueCache, view: View, since: float) -> str:
    """Return the totals of a view as HTML, read after `since` (seconds since 1970)."""
    numbers = survey_numbers(cache, scope_of(cache, view, since), since, view.nite, view.ccdnum)
    filtered = view.nite is not None or view.ccdnum is not None
    return _numbers_html(numbers) + (note(_FILTERED) if filtered else "")


def _measured(cache: CatalogueCache, view: View, since: float) -> Widths | str:
    """Return the widths of masks, or what is missing to measure them."""
    try:
        return widths_of(cache, scope_of(cache, view, since), since, view.nite, view.ccdnum)
    except GoodpixError as error:
        return str(error)


def _cost_bars(costs: Any) -> tuple[list[str], dict[str, Sequence[Any]]]:
    """Return the bars of criteria, most costly first, summed over all bands."""
    summed = costs.groupby("criterion")[["n_fail", "n_only", "n_pixels"]].sum(min_count=1).astype("float64")
    shares = {
        name: tuple(
            share(_plain(summed.at[name, column]), _plain(summed.at[name, "n_pixels"]))
            for column in ("n_fail", "n_only")
        )
        for name in summed.index
    }
    names = sorted((name for name in shares if shares[name][0] is not None), key=lambda name: -(shares[name][0] or 0.0))
    no_error = [np.nan] * len(names)
    return names, {
        "total": [shares[name][0] for name in names],
        "alone": [shares[name][1] for name in names],
        "colour": [CRITERION_COLOURS[Criterion[name]] for name in names],
        "error": no_error,
        "low": no_error,
        "high": no_error,
    }


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _bit_bars(costs: BitCosts) -> tuple[list[str], dict[str, Sequence[Any]]]:
    colours = {"se": CRITERION_COLOURS[Criterion.SE_BMASK], "coadd": CRITERION_COLOURS[Criterion.COADD_BMASK]}
    bits = costs.bits
    return [f"{bit.plane.upper()}:{bit.name}" for bit in bits], {
        "total": [bit.fraction for bit in bits],
        "colour": [colours[bit.plane] for bit in bits],
        "error": [bit.error for bit in bits],
        "low": [bit.fraction - bit.error for bit in bits],
        "high": [bit.fraction + bit.error for bit in bits],
    }


def _numbers_html(numbers: Numbers) -> str:
    """Return the totals as HTML, a row for each band."""
    if not numbers.bands:
        return "<p class='words'>No tiles: the catalogue is empty, or no tiles match the filters.</p>"
    rows = [_numbers_row(row["band"], row) for row in numbers.bands]
    if len(rows) > 1:
        rows.append(_numbers_row("all", numbers.total))
    header = [
        "Band",
        "Good SE",
        _ON_COADD,
        "Tiles",
        "CCD images",
        "Epochs",
        "Pixels",
        "Good pixels",
        _AREA,
    ]
    if numbers.total["n_pixels"] and numbers.total["n_on_coadd"] is None:  # there are no coadds
        kept = [k for k, title in enumerate(header) if title not in _OF_COADDS]
        header, rows = [header[k] for k in kept], [[row[k] for k in kept] for row in rows]
    table = html_table(header, rows, numbers=[False, *[True] * (len(header) - 1)], total=len(rows) > 1)
    # unknown if no epoch was ingested
    unused = (numbers.total["n_epochs"] or 0) - (numbers.total["n_epochs_used"] or 0)
    facts = [
        f"Unique sky area of the tiles: {number(numbers.sky_area)} square degrees."
        if numbers.sky_area == numbers.sky_area
        else "",
        f"Epochs without an SE segmentation map, excluded from the sums: {count(unused)}." if unused else "",
        f"Failures on record: {count(numbers.n_failures)}.",
        "Good SE is of epochs: the CCD images of so many tiles are not counted."
        if numbers.total["n_ccd_images"] is None
        else "",
    ]
    return f"{table}{note(' '.join(filter(None, facts)))}"


def _numbers_row(name: str, row: Mapping[str, Any]) -> list[str]:
    area = row["area_good_unique"]
    return [
        name,
        fraction(_good_se(row)),
        fraction(share(row["n_good"], row["n_on_coadd"])),
        count(row["n_tiles"]),
        count(row["n_ccd_images"]),
        count(row["n_epochs"]),
        short_count(row["n_pixels"]),
        short_count(row["n_good"]),
        _area(None if area is None else area / 3600.0),
    ]


def _good_se(row: Mapping[str, Any]) -> float | None:
    """Return the good fraction of CCD images, each counted once; of epochs where the images are too many to count."""
    if row["n_ccd_images"] is None:
        return share(row["n_good_se"], row["n_pixels"])
    return share(row["n_good_se_images"], row["n_pixels_images"])


def _area(value: float | None) -> str:
    """Return an area; small areas keep significant digits."""
    return count(value) if value is None or value >= _LARGE else number(value)


def _runs_html(history: Ingests) -> str:
    """Return the last runs and the most frequent errors as HTML."""
    if not history.runs:
        return note("No ingest runs on record: the database was rebuilt from the masks.")
    header = ["Run", "Started (UTC)", "Outcome", "Info files", "New epochs", "Unchanged", "Failures"]
    rows = [
        [
            row["run_id"],
            str(row["started"])[:19].replace("T", " "),
            row["outcome"] or "running or died",
            count(row["n_tiles"]),
            count(row["n_epochs"]),
            count(row["n_unchanged"]),
            count(row["n_failures"]),
        ]
        for row in history.runs
    ]
    kinds = ", ".join(f"{count(n)} {name}" for name, n in history.failures)
    return html_table(header, rows, numbers=[False] * 3 + [True] * 4) + (
        note(f"Failures on record in the whole catalogue: {kinds}.") if kinds else ""
    )
