"""Pages in narrow and dark windows, and where things go wrong."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from goodpix.query.dashboard.server import DashboardServer

from .conftest import PATIENCE_MS, SCREENSHOTS, Share
from .dashboard import Watched, open_page

MASK = "mask?tile=DES0131-3206&band=i"

# sides of a plot's frame and what it shows of either axis
_FRAME = """
name => {
  const view = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(name));
  const {left} = view.canvas_view.el.getBoundingClientRect(), {x_range, y_range} = view.model;
  const {left: x0, right: x1, width, height} = view.frame.bbox;
  return {x0: left + x0, x1: left + x1, width, height, across: Math.abs(x_range.end - x_range.start),
    up: Math.abs(y_range.end - y_range.start)};
}
"""


def frame(page: Page, name: str) -> dict[str, float]:
    found: dict[str, float] = page.evaluate(_FRAME, name)
    return found


def scales(at: dict[str, float]) -> tuple[float, float]:
    """Return the units of x and of y in a pixel of the screen."""
    return at["across"] / at["width"], at["up"] / at["height"]


@pytest.mark.parametrize("width", [420, 1500])
def test_the_whole_mask_is_seen_and_its_pixels_are_square(share: Share, width: int) -> None:
    page = share(MASK, width=width)
    page.wait_for_function(
        "width => { const plot = Bokeh.documents[0].get_model_by_name('pixel-plot');"
        " return plot.frame_width === plot.inner_width && (width > 1000) === (plot.frame_width === 540); }",
        arg=width,
    )
    at = frame(page, "pixel-plot")
    assert 0 < at["x0"] < at["x1"] < width
    assert scales(at)[0] == pytest.approx(scales(at)[1], rel=0.02)
    section = page.locator("section.picture").first
    assert section.evaluate("each => each.scrollWidth <= each.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.screenshot(path=SCREENSHOTS / f"mask-{width}.png")


@pytest.mark.parametrize("width", [420, 1500])
def test_the_focal_plane_keeps_its_shape(share: Share, width: int) -> None:
    page = share("focalplane", width=width)
    page.wait_for_function(
        f"() => {{ const at = ({_FRAME})('plane-plot');"
        " return Math.abs(at.across / at.width - at.up / at.height) < 1e-3 * at.up / at.height; }"
    )
    at = frame(page, "plane-plot")
    assert min(at["across"], at["up"]) == pytest.approx(2.3, abs=0.2)
    assert at["x1"] < width


def test_tables_scroll_in_a_narrow_window(share: Share) -> None:
    page = share("", width=420)
    table = page.locator("section", has=page.get_by_role("heading", name="Worst CCD images")).locator(".scroll")
    assert table.evaluate("each => each.scrollWidth > each.clientWidth")
    assert table.evaluate("each => getComputedStyle(each).overflowX") == "auto"
    assert page.evaluate("document.documentElement.scrollWidth") == 420


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, ``rgb(...)`` or hexadecimal, as WCAG 2 has it."""
    if colour.startswith("#"):
        channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    else:
        channels = [float(each) / 255 for each in re.findall(r"[\d.]+", colour)[:3]]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.fixture
def dark(browser: Browser) -> Iterator[Page]:
    """A page of somebody whose browser wishes dark pages."""
    context = browser.new_context(viewport={"width": 1500, "height": 1000}, color_scheme="dark")
    context.set_default_timeout(PATIENCE_MS)
    seen = Watched(context.new_page())
    yield seen.page
    assert (seen.problems, seen.foreign) == ([], [])
    context.close()


_COLOURS = """
() => {
  const section = getComputedStyle(document.querySelector("section")).backgroundColor;
  const views = [...Bokeh.index.query((view) => view.visuals?.major_label_text)];
  const axes = views.map((view) => view.visuals.major_label_text.get_text_color());
  const bars = [...Bokeh.documents[0]._all_models.values()].filter((each) => each.type === "ColorBar");
  return {section, body: getComputedStyle(document.body).backgroundColor,
    text: getComputedStyle(document.querySelector("h1")).color, axes,
    bars: bars.map((each) => each.major_label_text_color), bands: ["#105d3c", "#72085c", "#000000"].map(goodpixInk)};
}
"""


def test_dark_pages_are_for_whoever_wishes_them_and_legible(dark: Page, dashboard: DashboardServer) -> None:
    open_page(dark, dashboard, "focalplane?ccdnum=12")
    dark.wait_for_function(
        "[...Bokeh.documents[0]._all_models.values()].some(each => each.major_label_text_color === '#e4e4e2')"
    )
    found: dict[str, Any] = dark.evaluate(_COLOURS)
    assert luminance(found["body"]) < 0.02
    assert found["axes"]
    assert found["bars"]
    for colour in [found["text"], *found["axes"], *found["bars"]]:
        assert contrast(colour, found["section"]) > 4.5
    for colour in found["bands"]:
        assert contrast(colour, found["section"]) > 3
    arrow = dark.get_by_label("Colour").evaluate("each => getComputedStyle(each).backgroundImage")
    assert "%23e4e4e2" in arrow
    dark.screenshot(path=SCREENSHOTS / "dark.png")


def test_light_pages_are_for_everybody_else(share: Share) -> None:
    page = share("focalplane")
    assert luminance(page.evaluate(_COLOURS)["body"]) > 0.9
    assert page.evaluate("goodpixInk('#105d3c')") == "#105d3c"


def test_an_address_without_a_page_has_the_way_back(page: Page, dashboard: DashboardServer) -> None:
    for address in ("nowhere", "sky/nowhere/else"):
        answer = page.request.get(dashboard.url + address)
        assert answer.status == 404
    # a browser notes on its console that a page is not there
    seen = page.context.new_page()
    seen.goto(dashboard.url + "some/<b>where")
    expect(seen.get_by_role("heading", name="No such page")).to_be_visible()
    expect(seen.get_by_text("The dashboard has no page /some/")).to_be_visible()
    assert seen.locator("b").count() == 0
    seen.get_by_role("link", name="Focal plane").click()
    expect(seen.get_by_role("heading", name="Focal plane", exact=True)).to_be_visible()
    assert seen.url == f"{dashboard.url}focalplane"
    seen.close()


def test_a_component_that_panel_did_not_draw_is_drawn(share: Share) -> None:
    page = share("sky")
    row = page.locator("tbody tr").first
    expect(row).to_be_visible()
    # a view that is made when the script of its component is there already is not listed yet when that is asked for
    page.evaluate(
        """async () => {
          const [view] = Bokeh.index.query((each) => each.model.class_name === "PagedTable");
          view.container.replaceChildren();
          view._rendered = false;
          const {default: {render}} = await view.model.render_module;
          render("no view of this id");
          window.emptied = view.container.childElementCount === 0;
        }"""
    )
    assert page.evaluate("window.emptied")
    expect(row).to_be_visible()


def test_the_program_is_copied_whole(page: Page, dashboard: DashboardServer) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_page(page, dashboard, MASK)
    expect(page.locator("pre")).to_contain_text("import goodpix")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("pre").inner_text()
