"""The pages about the whole survey, in a real browser."""

import re
import urllib.request
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

import goodpix
from goodpix.ingest.database.opening import open_for_writing
from goodpix.ingest.profiles.des_pizza_cutter import campaign_of
from goodpix.query.dashboard.look.format import count, fraction
from goodpix.query.dashboard.server import DashboardServer
from goodpix.query.focalplane import FOCAL_PLANE

from .conftest import NEIGHBOUR, PATIENCE_MS, SCREENSHOTS, Share
from .dashboard import Watched, at, drag, open_page, parameters, picture

DEMO = "DES0131-3206"


def test_the_root_serves_the_overview_and_names_a_tile_without_javascript(dashboard: DashboardServer) -> None:
    with urllib.request.urlopen(dashboard.url) as answer:
        text = answer.read().decode()
    assert answer.status == 200
    assert "<h1>Overview</h1>" in text
    assert "<title>goodpix: Overview</title>" in text
    assert re.search(rf'<p class="lead">2 tiles, from {DEMO} to {NEIGHBOUR.tilename}\. Worst of all: ', text)


def test_numbers_that_are_known_stand_in_the_page_itself_and_once_when_drawn(
    share: Share, dashboard: DashboardServer, catalogue: goodpix.Catalogue
) -> None:
    page = share("")
    with urllib.request.urlopen(dashboard.url) as answer:
        text = answer.read().decode()
    assert f">{count(len(catalogue.epochs()))}</td>" in text
    assert text.index('<tr class="total">') < text.index('<script type="text/javascript" src=')
    expect(page.locator(".at-first")).to_have_count(0)
    expect(page.locator("tr.total")).to_be_visible()


def test_a_page_begins_with_its_heading_and_numbers_before_any_script(
    browser: Browser, dashboard: DashboardServer, catalogue: goodpix.Catalogue
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(dashboard.url)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(page.locator("tr.total td").nth(5)).to_have_text(count(len(catalogue.epochs())))
    expect(page.get_by_text("Numbers as of 20")).to_be_visible()
    page.goto(f"{dashboard.url}sky")
    expect(page.get_by_text("Where on the sky are pixels good? 2 tiles")).to_be_visible()
    context.close()


def test_links_of_a_page_that_is_still_being_made_keep_its_filters(page: Page, dashboard: DashboardServer) -> None:
    page.goto(f"{dashboard.url}?band=r", wait_until="commit")
    page.get_by_role("link", name="Sky").click()
    expect(page.get_by_text("Shown: band r.")).to_be_visible()
    assert parameters(page) == ["band=r"]


_BAR_LABELS = """
() => {
  const [{_axis_view: axis}] = Bokeh.index.query((view) => view.model.type === "ColorBar");
  return axis.compute_labels(axis.tick_coords.major[1]).items.map((each) => each.text);
}
"""


def test_a_colour_bar_that_is_drawn_keeps_up_with_its_values(share: Share, catalogue: goodpix.Catalogue) -> None:
    page = share("sky")
    page.wait_for_function(f"({_BAR_LABELS})().length > 1")
    page.get_by_placeholder("Tile: part of a name").fill(DEMO)
    page.get_by_placeholder("Tile: part of a name").press("Enter")
    tiles = catalogue.tiles(tilename=DEMO)
    of_tile = fraction(tiles.n_good.sum() / tiles.n_on_coadd.sum())
    page.wait_for_function(f"({_BAR_LABELS})().length === 1")
    assert page.evaluate(_BAR_LABELS) == [of_tile]
    page.get_by_role("button", name="Clear filters").click()
    page.wait_for_function(f"({_BAR_LABELS})().length > 1")


@pytest.mark.parametrize(
    ("path", "heading", "says"),
    [
        ("", "Overview", "The survey in numbers"),
        ("sky", "Sky", "fraction_good_on_coadd: n_good / n_on_coadd"),
        ("focalplane", "Focal plane", "CCDs without images."),
        ("time", "Time", "Each point is one night in one band"),
        ("mask", "Mask", "Which pixels of one epoch are sky"),
    ],
)
def test_every_page_opens_and_is_as_narrow_as_the_window(share: Share, path: str, heading: str, says: str) -> None:
    page = share(path, width=420)
    assert page.evaluate("document.documentElement.scrollWidth") == 420
    page.set_viewport_size({"width": 1400, "height": 1000})
    expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    expect(page.get_by_text(says).first).to_be_visible()
    expect(page.get_by_text(DEMO).first).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    picture(page, SCREENSHOTS / f"{heading}.png")


def test_what_filters_ask_for_can_be_read(share: Share) -> None:
    page = share("")
    for name in ("Nights", "CCD", "Tile"):
        # what is written there takes as much room as what stands there before
        field = page.get_by_placeholder(f"{name}: ")
        assert field.evaluate("each => { each.value = each.placeholder; return each.scrollWidth <= each.clientWidth; }")
        field.evaluate("each => { each.value = ''; }")


def test_the_numbers_are_the_catalogues(share: Share, catalogue: goodpix.Catalogue) -> None:
    page = share("")
    tiles = catalogue.tiles()
    row = page.locator("tr.total")
    expect(row.locator("td").nth(1)).to_have_text(fraction(tiles.n_good_se.sum() / tiles.n_pixels.sum()))
    expect(row.locator("td").nth(2)).to_have_text(fraction(tiles.n_good.sum() / tiles.n_on_coadd.sum()))
    expect(row.locator("td").nth(4)).to_have_text(count(len(catalogue.ccds())))
    expect(row.locator("td").nth(7)).to_have_text(count(tiles.n_good.sum()))
    expect(row.locator("td").nth(8)).to_have_text(f"{tiles.area_good_unique.sum() / 3600:.4g}")


def test_a_filter_is_in_the_address_survives_loading_again_and_goes_along(share: Share) -> None:
    page = share("")
    page.get_by_role("button", name="r", exact=True).click()
    expect(page.get_by_text("Shown: band r.")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?band=r$"))
    expect(page.locator("tr.total")).to_have_count(0)
    page.get_by_label("Auto-refresh").select_option("every 10 minutes")
    before = page.get_by_text("read 20").inner_text()
    # the time that is shown has whole seconds
    page.wait_for_function("before => !before.includes(new Date().toISOString().slice(11, 19))", arg=before)
    page.get_by_role("button", name="Refresh", exact=True).click()
    expect(page.get_by_text("Shown: band r.")).to_be_visible()
    expect(page.get_by_text("read 20")).not_to_have_text(before)
    page.get_by_role("link", name="Sky").click()
    expect(page.get_by_text("Shown: band r.")).to_be_visible()
    assert parameters(page) == ["band=r", "every=600"]
    page.get_by_role("button", name="Clear filters").click()
    expect(page).to_have_url(re.compile(r"/sky\?every=600$"))
    expect(page.get_by_text("Shown: everything.")).to_be_visible()


_WIDTHS = """
() => Bokeh.documents[0].get_model_by_name("width-plot").renderers.map(each => each.data_source.data).find(
  each => each.median)
"""


def test_the_width_of_masks_is_measured_when_asked_for(
    share: Share, dashboard: DashboardServer, catalogue: goodpix.Catalogue
) -> None:
    page = share("")
    n_images = len(catalogue.ccds(band="r"))
    page.get_by_role("button", name="Measure").click()
    expect(page.get_by_text(f" from {n_images} CCD images, ")).to_be_visible()
    assert parameters(page) == ["widths=1"]
    open_page(page, dashboard, f"?tile={DEMO}&widths=1")
    expect(
        page.get_by_text("The mask is wide enough where the curve is flat. r: 2 CCD images from 3 CCD images, ")
    ).to_be_visible()
    # four epochs of each band are looked at, among which 201005/33 is not
    expect(page.get_by_text("Left out: 1 CCD image (epoch 201002/43")).to_be_visible()
    expect(page.get_by_role("button", name="Measure")).to_be_hidden()
    expected = catalogue.mask_width(tilename=DEMO)
    found = pd.DataFrame({name: page.evaluate(_WIDTHS)[name] for name in ("band", "radius", "median", "error")})
    found = found.rename(columns={"error": "median_error"}).astype({"radius": float})
    pd.testing.assert_frame_equal(found, expected[found.columns], check_dtype=False)


def test_tables_are_sorted_bounded_and_paged_by_the_server(share: Share, catalogue: goodpix.Catalogue) -> None:
    page = share("")
    table = page.locator("section", has=page.get_by_role("heading", name="Worst CCD images"))
    ccds = catalogue.ccds().sort_values("fraction_good_se")
    expect(table.get_by_text(f"of {len(ccds)}")).to_be_visible()
    expect(table.locator("tbody tr")).to_have_count(10)
    expect(table.locator("tbody td").nth(4)).to_have_text(fraction(ccds.fraction_good_se.iloc[0]))
    table.get_by_role("button", name="Next page").click()
    expect(table.locator("tbody tr")).to_have_count(len(ccds) - 10)
    assert parameters(page) == ["ccds.page=2"]
    for sort in ("ccds.sort=expnum", "ccds.sort=-expnum"):
        table.get_by_role("button", name="Exposure").click()
        expect(page).to_have_url(re.compile(rf"\?{sort}$"))
    expect(table.locator("tbody td").first).to_have_text(str(ccds.expnum.max()))
    least = float(ccds.fraction_good_se.iloc[3]) + 1e-6
    table.get_by_label("Column").select_option("fraction_good_se")
    table.get_by_label("at least").fill(f"{least:.6f}")
    table.get_by_label("at least").press("Enter")
    expect(table.get_by_text(f"of {len(ccds) - 4}")).to_be_visible()
    table.locator("tbody a").first.click()
    expect(page.get_by_role("heading", name="Mask", exact=True)).to_be_visible()
    last = ccds[ccds.fraction_good_se >= least].expnum.max()
    expect(page).to_have_url(re.compile(rf"tile=DES.*&expnum={last}&ccdnum="))
    expect(page.get_by_label("Epoch: band, exposure / CCD").locator("option:checked")).to_contain_text(f"{last} / ")


def test_right_ascension_goes_to_the_left_and_a_box_filters_every_page(
    share: Share, catalogue: goodpix.Catalogue
) -> None:
    page = share("sky")
    page.get_by_label("Colour").select_option("n_epochs")
    expect(page).to_have_url(re.compile("statistic=n_epochs"))
    first, second = at(page, "sky-plot", 22.88, -32.10), at(page, "sky-plot", -0.05, -32.10)
    assert first[0] < second[0]
    drag(page, at(page, "sky-plot", 0.3, -32.085), at(page, "sky-plot", -0.4, -32.115))
    expect(page.get_by_text("Shown: tiles centred in RA, Dec 359.")).to_be_visible()
    (box,) = (each.removeprefix("box=") for each in parameters(page) if each.startswith("box="))
    # as near as the screen's pixels are
    assert [float(each) for each in re.split("[:,]", box)] == pytest.approx([359.6, 0.3, -32.115, -32.085], abs=0.05)
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("tbody a").first).to_have_text(NEIGHBOUR.tilename)
    tiles = catalogue.tiles(tilename=NEIGHBOUR.tilename)
    page.get_by_role("link", name="Overview").click()
    expect(page.locator("tr.total td").nth(7)).to_have_text(count(tiles.n_good.sum()))
    page.get_by_role("link", name="Time").click()
    n_exposures = len(set(catalogue.epochs(tilename=NEIGHBOUR.tilename).expnum))
    expect(page.get_by_text(f"of {n_exposures}").last).to_be_visible()
    page.get_by_role("link", name="Focal plane").click()
    expect(page.get_by_text(f"; {len(catalogue.epochs(tilename=NEIGHBOUR.tilename))} CCD images")).to_be_visible()
    assert parameters(page)[0].startswith("box=359.")


def test_a_ccd_without_data_is_hatched_and_not_zero(share: Share, catalogue: goodpix.Catalogue) -> None:
    page = share("focalplane")
    expect(page.get_by_text("CCDs without images.")).to_be_visible()
    shown = page.evaluate(
        "Bokeh.documents[0].get_model_by_name('plane-plot').renderers.slice(0, 2)"
        ".map(each => [each.glyph.hatch_pattern.value, Array.from(each.data_source.data.value)])"
    )
    nights = catalogue.ccds().groupby(["ccdnum", "nite"]).sum(numeric_only=True)
    known = [
        value
        for half in ("a", "b")
        for value in (nights[f"n_good_se_amp_{half}"] / nights[f"n_pixels_amp_{half}"]).groupby("ccdnum").median()
    ]
    assert shown[0][0] == "/"
    assert len(shown[0][1]) == 124 - len(known)
    assert min(known) > 0.0
    assert sorted(shown[1][1]) == pytest.approx(sorted(known))


def test_a_click_on_a_ccd_shows_its_history(share: Share, catalogue: goodpix.Catalogue) -> None:
    page = share("focalplane")
    row = catalogue.ccds(band="r").iloc[0]
    ccd = FOCAL_PLANE[int(row.ccdnum)]
    page.mouse.click(*at(page, "plane-plot", ccd.east, ccd.north))
    expect(
        page.get_by_text(f"CCD {ccd.ccdnum} ({ccd.detpos}): fraction_good_se of its amplifier halves")
    ).to_be_visible()
    assert parameters(page) == [f"ccdnum={ccd.ccdnum}"]
    images = catalogue.ccds(ccdnum=int(row.ccdnum))
    expect(page.locator("tbody td").nth(4)).to_have_text(fraction(images.fraction_good_se.min()))
    drawn = page.evaluate(
        "Bokeh.documents[0].get_model_by_name('history-plot').renderers"
        ".map(each => Array.from(each.data_source.data.y))"
    )
    nights = images.groupby(["nite", "band"]).sum(numeric_only=True)
    assert drawn == [
        pytest.approx(list(nights[f"n_good_se_amp_{half}"] / nights[f"n_pixels_amp_{half}"])) for half in "ab"
    ]


def test_plots_over_time_say_that_there_are_no_data(share: Share) -> None:
    page, names = share("time"), ("good-plot", "sky-rate-plot", "third-plot", "months-plot")
    title = "Bokeh.documents[0].get_model_by_name('{}').title.text === '{}'"
    page.get_by_placeholder("Tile: ").fill("nothing")
    page.get_by_placeholder("Tile: ").press("Enter")
    for name in names:
        page.wait_for_function(title.format(name, "no data"))
    page.get_by_role("button", name="Clear filters").click()
    for name in names:
        page.wait_for_function(title.format(name, ""))


def test_nights_are_chosen_by_dragging_and_shown_by_exposure(share: Share, catalogue: goodpix.Catalogue) -> None:
    page = share("time")
    exposures = catalogue.exposures().sort_values("mjd_obs")
    values = "Array.from(Bokeh.documents[0].get_model_by_name('good-plot').renderers[0].data_source.data.y)"
    nights = exposures.groupby(["nite", "band"])[["n_good_se", "n_pixels"]].sum()
    assert sorted(page.evaluate(values)) == pytest.approx(sorted(nights.n_good_se / nights.n_pixels))
    x0, x1, y0, y1 = page.evaluate(
        "(m => [m.x_range.start, m.x_range.end, m.y_range.start, m.y_range.end])"
        "(Bokeh.documents[0].get_model_by_name('good-plot'))"
    )
    drag(page, at(page, "good-plot", x0 + (x1 - x0) * 0.02, (y0 + y1) / 2), at(page, "good-plot", (x0 + x1) / 2, y0))
    expect(page.get_by_text("Shown: nights ")).to_be_visible()
    (nite,) = parameters(page)
    assert re.fullmatch(r"nite=20\d{6}:20\d{6}", nite)
    first, last = map(int, nite.removeprefix("nite=").split(":"))
    chosen = exposures[(exposures.nite >= first) & (exposures.nite <= last)]
    assert 0 < len(chosen) < len(exposures)
    page.get_by_role("button", name="by exposure").click()
    expect(page.get_by_text(f"Each point is one of {len(chosen)} exposures.")).to_be_visible()
    page.wait_for_function(f"{values}.length === {len(chosen)}")
    assert sorted(page.evaluate(values)) == pytest.approx(sorted(chosen.fraction_good_se))
    page.get_by_role("button", name="Clear filters").click()
    expect(page).to_have_url(re.compile(r"/time\?by=exposure$"))


def test_dragging_over_exposures_chooses_their_nights(share: Share, catalogue: goodpix.Catalogue) -> None:
    page = share("time?by=exposure")
    exposures = catalogue.exposures()
    first = exposures.nite.min()
    ends = [float((exposures.mjd_obs.min() + days - 40_587) * 86_400_000) for days in (-0.2, 0.4)]
    low, high = exposures.fraction_good_se.min(), exposures.fraction_good_se.max()
    # by universal time they are of the day after
    assert int(exposures.mjd_obs.min()) == 40_587 + (pd.Timestamp(str(first)) - pd.Timestamp(0)).days + 1
    page.wait_for_function(
        f"Bokeh.documents[0].get_model_by_name('good-plot').renderers[0].data_source.data.y.length === {len(exposures)}"
    )
    drag(page, at(page, "good-plot", ends[0], low), at(page, "good-plot", ends[1], high))
    expect(page.get_by_text(f"Shown: nights {first}.")).to_be_visible()
    assert parameters(page) == [f"nite={first}", "by=exposure"]
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_role("button", name="by night").click()
    expect(page.get_by_text("Each point is one night in one band")).to_be_visible()


def test_a_shared_address_shows_the_same(browser: Browser, share: Share) -> None:
    page = share("time")
    page.get_by_placeholder("CCD: 1 to 62").fill("12")
    page.get_by_placeholder("CCD: 1 to 62").press("Enter")
    page.get_by_role("button", name="i", exact=True).click()
    page.get_by_label("Third plot").select_option("fraction_se_seg")
    expect(page).to_have_url(re.compile("statistic=fraction_se_seg"))
    colleague = browser.new_context()
    colleague.set_default_timeout(PATIENCE_MS)
    other = Watched(colleague.new_page())
    other.page.goto(page.url)
    expect(other.page.get_by_text("Shown: band i, CCD 12.")).to_be_visible()
    expect(other.page.get_by_label("Third plot")).to_have_value("fraction_se_seg")
    assert parameters(other.page) == parameters(page) == ["band=i", "ccdnum=12", "statistic=fraction_se_seg"]
    assert (other.problems, other.foreign) == ([], [])
    colleague.close()


def test_what_is_wrong_in_an_address_is_said_and_runs_nothing(page: Page, dashboard: DashboardServer) -> None:
    evil = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"
    page.goto(
        f"{dashboard.url}?tile={evil}&band=r';%20DROP%20TABLE%20epoch;--&tiles.sort=n%27&nite=x&{evil}=1&ccds.sort=mask_file"
    )
    alerts = page.get_by_role("alert")
    expect(alerts.filter(has_text='tiles.sort: "n\'": expected a column')).to_be_visible()
    expect(alerts.filter(has_text="nite: 'x': expected a number, or a range A:B")).to_be_visible()
    expect(alerts.filter(has_text="expected one of r, i")).to_be_visible()
    expect(alerts.filter(has_text="cannot be sorted by 'mask_file': expected one of ")).to_be_visible()
    expect(alerts.filter(has_text="unknown parameter")).to_be_visible()
    expect(page.get_by_text("No matching tiles").first).to_be_visible()
    expect(page.get_by_text("<img src=x onerror=alert(1)>").first).to_be_visible()
    assert page.locator("img").count() == 0
    page.goto(f"{dashboard.url}time?statistic=nope")
    expect(page.get_by_role("alert")).to_contain_text("no statistic 'nope': expected one of fraction_good_se, ")
    assert parameters(page) == ["statistic=nope"]


def test_an_empty_catalogue_says_so_until_it_is_filled(page: Page, demo: Path, tmp_path: Path) -> None:
    infos = sorted((demo / "survey").rglob(f"{NEIGHBOUR.tilename}_*_info.yaml"))
    database, campaign = tmp_path / "empty.db", campaign_of(infos[0])
    with open_for_writing(database, masks=tmp_path / "masks", campaign=campaign, wcs_source="image"):
        pass
    with goodpix.Catalogue(database) as catalogue, catalogue.dashboard() as served:
        page.goto(f"{served.url}mask")
        expect(page.get_by_role("alert")).to_have_text("the catalogue has no epochs yet")
        for path in ("sky", "focalplane", "time", ""):
            open_page(page, served, path)
            expect(page.get_by_text("The catalogue is empty: fill it with goodpix ingest.")).to_be_visible()
            expect(page.get_by_role("alert")).to_have_count(0)
        assert goodpix.ingest_tiles(infos, db=database, masks=tmp_path / "masks").n_failures == 0
        page.evaluate("history.replaceState(null, '', '?band=r')")
        page.reload()
        expect(page.get_by_role("button", name="r", exact=True)).to_be_visible()
        expect(page.get_by_role("link", name=NEIGHBOUR.tilename).first).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(0)
