"""The focal plane page, without a browser."""

import statistics
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from bokeh.events import Tap

import goodpix
from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.look.format import count
from goodpix.query.dashboard.look.table import PagedTable
from goodpix.query.dashboard.numbers.ccdhistory import amplifier_months
from goodpix.query.dashboard.pages.focalplane import FocalView, _readable
from goodpix.query.focalplane import FOCAL_PLANE
from goodpix.query.palette import OUTLIER_COLOUR
from goodpix.query.source import open_source
from goodpix.query.summary.layout import focal_plane
from goodpix.schema.tables import ccd_night

from .....noirlabfiles import CpExposure
from .....rowcatalogue import DARK, SICK, TILES, grouped
from ...conftest import RowCatalogue
from ..conftest import OpenPage, data_of, without_threads

EMPTY, KNOWN, CHOSEN = 0, 1, 2


@pytest.fixture(scope="module")
def page(rows_cache: CatalogueCache) -> OpenPage[FocalView]:
    return OpenPage(rows_cache, FocalView)


@pytest.fixture
def opened(page: OpenPage[FocalView]) -> OpenPage[FocalView]:
    page.show("")
    return page


def test_every_half_is_drawn_once_and_the_dark_ones_apart(opened: OpenPage[FocalView]) -> None:
    plane = opened.figure("plane-plot")
    empty, known = data_of(plane, EMPTY), data_of(plane, KNOWN)
    detpos = FOCAL_PLANE[DARK].detpos
    assert empty["name"] == [f"CCD {DARK} ({detpos}), amplifier {half}" for half in "ab"]
    assert len(known["name"]) == len({*known["name"], *empty["name"]}) - 2 == 122
    assert f"Hatched: 1 CCD without images: {DARK}." in opened.text
    for name, xs, ys in zip(known["name"], known["xs"], known["ys"], strict=True):
        ccd = FOCAL_PLANE[int(name.split()[1])]
        np.testing.assert_allclose(np.array([xs, ys]).T, ccd.corners(name[-1]))


def test_halves_have_the_median_over_nights_of_their_fraction(
    opened: OpenPage[FocalView], sqlite_rows: RowCatalogue
) -> None:
    opened.show("band=r")
    known = data_of(opened.figure("plane-plot"), KNOWN)
    found = dict(zip(known["name"], known["value"], strict=True))
    for ccdnum, half in ((1, "a"), (30, "b")):
        images = [row for row in sqlite_rows.ccd_images if (row["ccdnum"], row["band"]) == (ccdnum, "r")]
        nights = grouped(images, "nite").values()
        good, whole = (
            [sum(row[f"{name}_amp_{half}"] for row in night) for night in nights] for name in ("n_good_se", "n_pixels")
        )
        name = f"CCD {ccdnum} ({FOCAL_PLANE[ccdnum].detpos}), amplifier {half}"
        assert found[name] == pytest.approx(statistics.median(np.divide(good, whole)))


def test_outlier_is_framed_and_named(opened: OpenPage[FocalView]) -> None:
    known = data_of(opened.figure("plane-plot"), KNOWN)
    framed = [name for name, edge in zip(known["name"], known["edge"], strict=True) if edge == OUTLIER_COLOUR]
    assert framed == [f"CCD {SICK[0]} ({FOCAL_PLANE[SICK[0]].detpos}), amplifier {SICK[1]}"]
    assert f"Outliers (framed): {SICK[0]}{SICK[1]}." in opened.text


def test_counts_are_numbers_and_not_percentages(opened: OpenPage[FocalView], sqlite_rows: RowCatalogue) -> None:
    opened.show("statistic=n_ccd_images")
    known = data_of(opened.figure("plane-plot"), KNOWN)
    counts = Counter(row["ccdnum"] for row in sqlite_rows.ccd_images)
    first = known["name"].index(f"CCD 1 ({FOCAL_PLANE[1].detpos}), amplifier a")
    assert (known["value"][first], known["shown"][first]) == (counts[1], f"n_ccd_images {counts[1]}")
    assert "sum over nights" in opened.text
    assert opened.widget("Colour").value == "n_ccd_images"


def test_statistic_that_is_chosen_is_in_the_view(opened: OpenPage[FocalView]) -> None:
    assert "SE:OTHER" in opened.widget("Colour").options
    opened.do(lambda: setattr(opened.widget("Colour"), "value", "SE:STAR"))
    assert opened.session.view.statistic == "SE:STAR"
    assert "SE:STAR of each amplifier half" in opened.text


def test_click_on_a_ccd_shows_its_history_and_its_images(
    opened: OpenPage[FocalView], sqlite_rows: RowCatalogue
) -> None:
    assert "Click a CCD" in opened.text
    ccd, plane = FOCAL_PLANE[12], opened.figure("plane-plot")
    opened.do(lambda: plane._trigger_event(Tap(plane, x=ccd.east, y=ccd.north)))
    assert opened.session.view.ccdnum == 12
    assert f"CCD 12 ({ccd.detpos}): fraction_good_se of its amplifier halves" in opened.text
    images = [row for row in sqlite_rows.ccd_images if row["ccdnum"] == 12]
    dated = grouped([row for row in images if row["nite"] is not None], "nite", "band")
    for number, half in enumerate("ab"):
        drawn = data_of(opened.figure("history-plot"), number)
        assert list(zip(drawn["nite"], drawn["band"], strict=True)) == sorted(dated)
        assert drawn["y"] == pytest.approx(
            [
                sum(row[f"n_good_se_amp_{half}"] for row in dated[key])
                / sum(row[f"n_pixels_amp_{half}"] for row in dated[key])
                for key in sorted(dated)
            ]
        )
    (table,) = opened.parts(PagedTable)
    assert table.total == len(images)
    undated = len(images) - sum(len(rows) for rows in dated.values())
    assert f"{len(images)} CCD images, {undated} of them without a night and so not in the plot." in opened.text
    assert f"{count(len(sqlite_rows.ccd_images))} CCD images of all CCDs." in opened.text
    assert len(data_of(plane, CHOSEN)["xs"]) == 1


def test_bits_on_the_plane_are_those_of_the_tiles_that_are_chosen(
    opened: OpenPage[FocalView], sqlite_rows: RowCatalogue
) -> None:
    def drawn(query: str) -> list[float]:
        opened.show(f"statistic=SE:STAR{query}")
        return list(data_of(opened.figure("plane-plot"), KNOWN)["value"])

    survey, every = drawn(""), drawn("&tile=DES")
    assert every == pytest.approx(survey)
    held = {(row["expnum"], row["ccdnum"]) for row in sqlite_rows.epochs if row["tilename"] == TILES[0]}
    n_images = sum((row["expnum"], row["ccdnum"]) in held for row in sqlite_rows.ccd_images)
    opened.show(f"statistic=SE:STAR&tile={TILES[0]}")
    assert f"median over nights; {count(n_images)} CCD images." in opened.text
    assert sum(data_of(opened.figure("plane-plot"), KNOWN)["n"]) == 2 * n_images


def test_click_between_the_ccds_chooses_none(opened: OpenPage[FocalView]) -> None:
    plane = opened.figure("plane-plot")
    opened.do(lambda: plane._trigger_event(Tap(plane, x=1.1, y=1.1)))
    assert opened.session.view.ccdnum is None


def test_statistic_that_is_none_is_said(opened: OpenPage[FocalView]) -> None:
    opened.show("statistic=fraction_god_se")
    assert "has no statistic &#x27;fraction_god_se&#x27;, did you mean" in opened.problems


def test_numbers_of_dark_ccds_are_white_and_of_unknown_ones_black() -> None:
    values = np.array([0.0, 0.1, 0.0, 1.0, 1.0, 1.0, np.nan, np.nan])
    assert _readable(values, 0.0, 1.0) == ["#ffffff", "#000000", "#000000", "#000000"]


def test_ccds_of_another_camera_are_drawn_whole(tmp_path: Path) -> None:
    path = CpExposure("mosaic3", {"WCSCAL": "Successful"}, ccds={"CCD1": 1, "CCD3": 3}).write(tmp_path / "files")
    goodpix.ingest_tiles(
        path, db=tmp_path / "cp.db", masks=tmp_path / "masks", profile="noirlab-cp", no_segment=True, workers=1
    )
    with goodpix.Catalogue(tmp_path / "cp.db") as cat:
        plane, ccds = focal_plane(cat), cat.ccds().set_index("ccdnum")
    with open_source(tmp_path / "cp.db") as source:
        cache = without_threads(source)
        page = OpenPage(cache, FocalView)
        known = data_of(page.figure("plane-plot"), KNOWN)
        assert known["name"] == ["CCD 1", "CCD 3"]
        assert known["value"] == (ccds.n_good_se / ccds.n_pixels).tolist()
        for ccdnum, xs, ys in zip((1, 3), known["xs"], known["ys"], strict=True):
            np.testing.assert_allclose(np.array([xs, ys]).T, plane[ccdnum].corners())
        assert "fraction_good_se of each CCD: median over nights; 2 CCD images." in page.text
        x_range = page.figure("plane-plot").x_range
        assert x_range.start > np.abs([ccd.corners() for ccd in plane.values()]).max() > -x_range.end * 0.9
        page.do(
            lambda: page.figure("plane-plot")._trigger_event(
                Tap(page.figure("plane-plot"), x=plane[3].east, y=plane[3].north)
            )
        )
        assert page.session.view.ccdnum == 3
        assert "CCD 3: fraction_good_se by night. 1 CCD image." in page.text
        whole, other = (data_of(page.figure("history-plot"), number) for number in (0, 1))
        assert (whole["y"], whole["half"]) == ([ccds.n_good_se[3] / ccds.n_pixels[3]], ["all"])
        assert other["y"] == []
        with source.database.engine.connect() as connection:
            assert amplifier_months(connection, ccd_night).halves == []
        cache.close()
