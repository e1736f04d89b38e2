"""The page that says how good the survey is, and what is wrong where."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import sqlalchemy as sa

from ....schema.criteria import Criterion
from ...palette import CRITERION_COLOURS
from ...summary.costs import criteria_costs
from ..look.format import count, fraction, html_table, number, share, short_count
from ..look.markup import band_legend, html_pane, note, under
from ..look.table import PagedTable, TableColumn, TablePage
from ..numbers.bitcosts import BitCosts, bits_of
from ..numbers.rankings import CCD_COLUMNS, FAILURE_COLUMNS, TILE_COLUMNS, ccd_page, failure_page, tile_page
from ..numbers.scope import TileScope, scope_of
from ..numbers.survey import Histograms, Ingests, Numbers, histograms, ingests, survey_numbers
from ..session import Part, Section, Session
from ..url import TableView, View
from .maskwidth import WidthBox, widths_of
from .overviewplots import Bars, Growth, HistogramPlot

__all__ = ["Overview"]

_LARGE = 1000.0

_TABLES: Mapping[str, Sequence[TableColumn]] = {
    "tiles": TILE_COLUMNS,
    "ccds": CCD_COLUMNS,
    "failures": FAILURE_COLUMNS,
}


_COSTS_WORDS = (
    "Light: pixels that fail it; dark: that fail it alone. Of all pixels; the coadd's, of those on the coadd."
)


class Overview:
    """The page.

    Parameters
    ----------
    session : Session
        Whose page it is.
    """

    filters = ("band", "tile", "nite", "ccdnum", "box")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._numbers, self._ingests = html_pane(), html_pane()
        self._histogram_note, self._bits_note = html_pane(), html_pane()
        self._histogram, self._costs, self._bits = HistogramPlot(), Bars(["total", "alone"]), Bars(["total"])
        self._growth = Growth()
        self._widths = WidthBox(lambda: session.go(replace(session.view, widths=True)))
        self._tables = {name: PagedTable.of_columns(columns) for name, columns in _TABLES.items()}
        for name, table in self._tables.items():
            table.listen(partial(session.ask_table, name))

    def sections(self) -> Sequence[Section]:
        """Return its parts, still without data."""
        tables = self._tables
        return (
            Section("numbers", "The survey in numbers", self._numbers),
            Section(
                "histogram",
                "Good share of what is on the coadd",
                under(self._histogram_note, self._histogram.plot),
                "half",
            ),
            Section(
                "costs", "What each criterion costs", under(html_pane(note(_COSTS_WORDS)), self._costs.plot), "half"
            ),
            Section("tiles", "Worst tiles", tables["tiles"], "half"),
            Section("ccds", "Worst CCD images", tables["ccds"], "half"),
            Section("bits", "What each mask bit costs", under(self._bits_note, self._bits.plot), "half"),
            Section("widths", "Is the mask wide enough?", self._widths.body, "half"),
            Section("ingest", "Ingest", under(self._growth.pane, self._ingests)),
            Section("failures", "Failures", tables["failures"]),
        )

    def parts(self, view: View, since: float) -> Sequence[Part]:
        """Return what it shows of a view, none of it read before a time of day."""
        cache = self._session.cache

        def of_tiles(name: str, read: Callable[[sa.Connection, TileScope], Any], *more: Hashable) -> Any:
            scope = scope_of(cache, view, since)
            return cache.get((name, scope, *more), lambda connection: read(connection, scope), since=since)

        def table(name: str, read: Callable[[sa.Connection, TileScope, TableView], TablePage], *more: Hashable) -> Part:
            shown = view.table(name)
            return Part(
                lambda: of_tiles(name, lambda connection, scope: read(connection, scope, shown), shown, *more),
                lambda page: self._tables[name].show(_TABLES[name], shown, page),
            )

        def ccds(connection: sa.Connection, scope: TileScope, shown: TableView) -> TablePage:
            return ccd_page(connection, scope, view.nite, view.ccdnum, shown)

        self._widths.ask(view.widths)
        return (
            Part(
                lambda: survey_numbers(cache, scope_of(cache, view, since), since),
                lambda found: self._show_numbers(view, found),
            ),
            table("tiles", tile_page),
            Part(lambda: of_tiles("histograms", histograms), self._show_histogram),
            Part(
                lambda: of_tiles("costs", lambda _, scope: criteria_costs(cache.listings, **scope.filters)),
                lambda costs: self._costs.show(*_cost_bars(costs)),
            ),
            Part(lambda: cache.get("ingests", ingests, since=since), self._show_ingests),
            table("ccds", ccds, view.nite, view.ccdnum),
            Part(
                lambda: of_tiles(
                    "bits",
                    lambda c, scope: bits_of(cache.listings, c, scope, view.nite, view.ccdnum),
                    view.nite,
                    view.ccdnum,
                ),
                self._show_bits,
            ),
            table("failures", failure_page),
            Part(
                lambda: widths_of(cache, scope_of(cache, view, since), since) if view.widths else None,
                self._widths.show,
            ),
        )

    def _show_numbers(self, view: View, found: Numbers) -> None:
        partly = view.nite is not None or view.ccdnum is not None
        words = "Nights and CCDs choose among CCD images and mask bits below; all else is of tiles." if partly else ""
        self._numbers.object = _numbers_html(found) + (note(words) if words else "")

    def _show_histogram(self, found: Histograms) -> None:
        null = f" {count(found.n_null)} have nothing on the coadd." if found.n_null else ""
        nothing = "" if found.counts else " There is none."
        words = note(f"fraction_good_on_coadd of {found.of}, by band.{null}{nothing}")
        self._histogram_note.object = words + band_legend(found.counts)
        self._histogram.show(found)

    def _show_bits(self, found: BitCosts) -> None:
        self._bits_note.object = note(found.words)
        self._bits.show(*_bit_bars(found))

    def _show_ingests(self, found: Ingests) -> None:
        self._growth.show(found)
        self._ingests.object = _runs_html(found)


def _cost_bars(costs: Any) -> tuple[list[str], dict[str, Sequence[Any]]]:
    """Return the bars of criteria, the costliest first: sums over all bands."""
    summed = costs.groupby("criterion")[["n_fail", "n_only", "n_pixels"]].sum(min_count=1)
    shares = {
        name: tuple(
            share(_plain(summed.at[name, part]), _plain(summed.at[name, "n_pixels"])) for part in ("n_fail", "n_only")
        )
        for name in summed.index
    }
    names = sorted((name for name in shares if shares[name][0] is not None), key=lambda name: -(shares[name][0] or 0.0))
    nothing = [np.nan] * len(names)
    return names, {
        "total": [shares[name][0] for name in names],
        "alone": [shares[name][1] for name in names],
        "colour": [CRITERION_COLOURS[Criterion[name]] for name in names],
        "error": nothing,
        "low": nothing,
        "high": nothing,
    }


def _plain(value: Any) -> float | None:
    return None if value is None or value != value or str(value) == "<NA>" else float(value)


def _bit_bars(found: BitCosts) -> tuple[list[str], dict[str, Sequence[Any]]]:
    colours = {"se": CRITERION_COLOURS[Criterion.SE_BMASK], "coadd": CRITERION_COLOURS[Criterion.COADD_BMASK]}
    bits = found.bits
    return [f"{each.plane.upper()}:{each.name}" for each in bits], {
        "total": [each.fraction for each in bits],
        "colour": [colours[each.plane] for each in bits],
        "error": [each.error for each in bits],
        "low": [each.fraction - each.error for each in bits],
        "high": [each.fraction + each.error for each in bits],
    }


def _numbers_html(found: Numbers) -> str:
    """Return the survey in numbers, a row for each band."""
    if not found.bands:
        return "<p class='words'>No tile is left: the catalogue is empty, or the filters leave nothing.</p>"
    rows = [_numbers_row(row["band"], row) for row in found.bands]
    if len(rows) > 1:
        rows.append(_numbers_row("all", found.total))
    header = [
        "Band",
        "Good SE",
        "Good on coadd",
        "Tiles",
        "CCD images",
        "Epochs",
        "Pixels",
        "Good pixels",
        "Good area, deg² x epochs",
    ]
    table = html_table(header, rows, numbers=[False, *[True] * 8], total=len(rows) > 1)
    unused = found.total["n_epochs"] - found.total["n_epochs_used"]
    facts = [
        f"Unique sky area of the tiles: {number(found.sky_area)} square degrees."
        if found.sky_area == found.sky_area
        else "",
        f"{count(unused)} epochs have no SE segmentation map and are in no sum." if unused else "",
        f"Failures on record: {count(found.n_failures)}.",
    ]
    return f"{table}{note(' '.join(filter(None, facts)))}"


def _numbers_row(name: str, row: Mapping[str, Any]) -> list[str]:
    area = row["area_good_unique"]
    return [
        name,
        fraction(share(row["n_good_se"], row["n_pixels"])),
        fraction(share(row["n_good"], row["n_on_coadd"])),
        count(row["n_tiles"]),
        count(row["n_ccd_images"]),
        count(row["n_epochs"]),
        short_count(row["n_pixels"]),
        short_count(row["n_good"]),
        _area(None if area is None else area / 3600.0),
    ]


def _area(value: float | None) -> str:
    """Return an area, of which a small one is not 0."""
    return count(value) if value is None or value >= _LARGE else number(value)


def _runs_html(found: Ingests) -> str:
    """Return the last runs, and what failed most."""
    if not found.runs:
        return note("The catalogue knows of no run: it was rebuilt from its masks.")
    header = ["Run", "Started, UTC", "Outcome", "Tiles", "Epochs made", "Unchanged", "Failures"]
    rows = [
        [
            row["run_id"],
            str(row["started"])[:19].replace("T", " "),
            row["outcome"] or "runs, or died",
            count(row["n_tiles"]),
            count(row["n_epochs"]),
            count(row["n_unchanged"]),
            count(row["n_failures"]),
        ]
        for row in found.runs
    ]
    kinds = ", ".join(f"{count(n)} {name}" for name, n in found.failures)
    return html_table(header, rows, numbers=[False] * 3 + [True] * 4) + (
        note(f"Failures on record: {kinds}.") if kinds else ""
    )
