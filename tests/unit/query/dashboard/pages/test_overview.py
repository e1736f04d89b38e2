"""The overview page, without a browser."""

import math
from typing import Any

import pandas as pd
import panel as pn
import pytest

from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.look.format import NO_VALUE, count, fraction
from goodpix.query.dashboard.look.table import PagedTable
from goodpix.query.dashboard.numbers.bitcosts import BitCost, BitCosts
from goodpix.query.dashboard.numbers.survey import Ingests, Numbers
from goodpix.query.dashboard.pages.overview import (
    Overview,
    _area,
    _bit_bars,
    _cost_bars,
    _numbers_html,
    _runs_html,
)
from goodpix.query.palette import CRITERION_COLOURS
from goodpix.schema.criteria import Criterion

from .....rowcatalogue import TILES, ratio
from ...conftest import RowCatalogue
from ..conftest import OpenPage

COSTS = pd.DataFrame(
    [
        ("r", "SE_SEG", 10, 4, 100),
        ("i", "SE_SEG", 30, 6, 300),
        ("r", "COADD_SEG", 20, 1, 50),
        ("i", "OFF_COADD", None, None, None),
    ],
    columns=["band", "criterion", "n_fail", "n_only", "n_pixels"],
).astype({"n_fail": "Int64", "n_only": "Int64", "n_pixels": "Int64"})


@pytest.fixture(scope="module")
def page(rows_cache: CatalogueCache) -> OpenPage[Overview]:
    return OpenPage(rows_cache, Overview)


@pytest.fixture
def opened(page: OpenPage[Overview]) -> OpenPage[Overview]:
    page.show("")
    return page


@pytest.fixture
def barren(page: OpenPage[Overview]) -> OpenPage[Overview]:
    """The page of a tile none of whose epochs was ingested."""
    page.show(f"tile={TILES[2]}")
    return page


def test_page_has_its_numbers_tables_and_no_problem(opened: OpenPage[Overview], sqlite_rows: RowCatalogue) -> None:
    assert opened.problems == ""
    epochs = sqlite_rows.epochs
    images = sqlite_rows.ccd_images
    assert f'<td>all</td><td class="number">{fraction(ratio(images, "n_good_se", "n_pixels"))}</td>' in opened.text
    assert f"excluded from the sums: {count(len(sqlite_rows.rows) - len(epochs))}." in opened.text
    tiles, ccds, failures = opened.parts(PagedTable)
    assert (tiles.total, failures.total) == (2 * len(TILES), 13)
    assert ccds.total == min(len(sqlite_rows.ccd_images), 500)
    assert len(tiles.rows) == 6


def test_table_is_sorted_as_the_address_says(opened: OpenPage[Overview]) -> None:
    opened.show("failures.sort=-attempts")
    _, _, failures = opened.parts(PagedTable)
    names = [each["name"] for each in failures.columns]
    attempts = [row[names.index("attempts")]["text"] for row in failures.rows]
    assert (failures.sort, attempts) == ("-attempts", sorted(attempts, reverse=True))


@pytest.mark.parametrize(
    ("query", "is_said"), [("", False), ("band=r", False), ("ccdnum=3", True), ("nite=20150101", True)]
)
def test_filters_of_ccds_alone_are_said_to_be_so(query: str, is_said: bool, opened: OpenPage[Overview]) -> None:
    opened.show(query)
    words = "The night and CCD filters apply to Good SE and CCD images, to the table of CCD images, the mask bits"
    assert (words in opened.text) == is_said


def test_tile_without_epochs_has_no_bars_and_no_problem(barren: OpenPage[Overview]) -> None:
    assert barren.problems == ""
    assert f'<td>r</td><td class="number">{NO_VALUE}</td>' in barren.text
    plots = [each.object for each in barren.parts(pn.pane.Bokeh)]
    bars = next(plot for plot in plots if plot.xaxis.axis_label == "fraction of pixels")
    assert not bars.visible


def test_width_is_measured_only_when_asked_for(barren: OpenPage[Overview]) -> None:
    button = next(each for each in barren.parts(pn.widgets.Button) if each.label == "Measure")
    assert button.visible
    barren.do(lambda: setattr(button, "clicks", 1))
    assert (barren.session.view.widths, button.visible) == (True, False)
    assert "No matching images." in barren.text


def test_bars_of_criteria_are_ratios_of_sums_and_the_longest_comes_first() -> None:
    names, bars = _cost_bars(COSTS)
    assert names == ["COADD_SEG", "SE_SEG"]
    assert bars["total"] == pytest.approx([20 / 50, 40 / 400])
    assert bars["alone"] == pytest.approx([1 / 50, 10 / 400])
    assert bars["colour"] == [CRITERION_COLOURS[Criterion[name]] for name in names]


def test_bars_of_bits_have_the_colour_of_their_plane_and_their_error() -> None:
    costs = BitCosts([BitCost("se", "STAR", 0.25, 0.05), BitCost("coadd", "NO_DATA", 0.5, 0.0)], "of a sample")
    names, bars = _bit_bars(costs)
    assert names == ["SE:STAR", "COADD:NO_DATA"]
    assert bars["colour"] == [CRITERION_COLOURS[Criterion.SE_BMASK], CRITERION_COLOURS[Criterion.COADD_BMASK]]
    assert bars["low"] == pytest.approx([0.2, 0.5])
    assert bars["high"] == pytest.approx([0.3, 0.5])


def numbers_of(*bands: str, sky_area: float = 4.5, unused: int = 0, **more: Any) -> Numbers:
    sums = {"n_pixels": 100, "n_good_se": 50, "n_good": 20, "n_on_coadd": 40, "area_good_unique": 7200.0}
    sums |= {"n_good_se_images": 30, "n_pixels_images": 60}
    row = {**sums, "n_tiles": 1, "n_ccd_images": 3, "n_epochs": 5, "n_epochs_used": 5 - unused, **more}
    return Numbers([{**row, "band": band} for band in bands], row, sky_area, 7)


def test_one_band_needs_no_total() -> None:
    one, two = _numbers_html(numbers_of("r")), _numbers_html(numbers_of("r", "i"))
    assert ("<td>all</td>" in one, "<td>all</td>" in two) == (False, True)
    assert '<td class="number">50.00 %</td><td class="number">50.00 %</td>' in one
    assert '<td class="number">2</td></tr>' in one  # square degrees
    assert "Unique sky area of the tiles: 4.5 square degrees. Failures on record: 7." in one


def test_unknown_area_is_not_said_and_unknown_sums_are_dashes() -> None:
    found = _numbers_html(numbers_of("r", sky_area=math.nan, unused=2, area_good_unique=None, n_good=None))
    assert "Unique sky area" not in found
    assert found.count(f">{NO_VALUE}<") == 3
    assert "Epochs without an SE segmentation map, excluded from the sums: 2." in found


def test_good_fraction_of_too_many_images_is_that_of_epochs() -> None:
    found = _numbers_html(numbers_of("r", n_ccd_images=None, n_good_se=25))
    assert '<td class="number">25.00 %</td>' in found
    assert "Good SE is of epochs: the CCD images of so many tiles are not counted." in found


def test_catalogue_without_tiles_says_so() -> None:
    assert "No tiles: the catalogue is empty, or no tiles match the filters." in _numbers_html(numbers_of())


@pytest.mark.parametrize(
    ("area", "text"), [(None, NO_VALUE), (0.001234567, "0.001235"), (999.9, "999.9"), (12345.6, "12,346")]
)
def test_small_areas_keep_their_digits(area: float | None, text: str) -> None:
    assert _area(area) == text


def test_runs_are_listed_with_the_most_frequent_errors() -> None:
    run = {"run_id": 3, "started": "2025-01-02T03:04:05.678", "outcome": None, "n_tiles": 1234}
    counts = {"n_epochs": 5, "n_unchanged": None, "n_failures": 0}
    found = _runs_html(Ingests([], [run | counts], [("FitsFileError", 13), ("<Error>", 2)]))
    assert "<td>3</td><td>2025-01-02 03:04:05</td><td>running or died</td>" in found
    cells = "".join(f'<td class="number">{text}</td>' for text in ("1,234", "5", NO_VALUE, "0"))
    assert cells in found
    assert "Failures on record in the whole catalogue: 13 FitsFileError, 2 &lt;Error&gt;." in found
    assert "No ingest runs on record" in _runs_html(Ingests([], [], []))
