"""The mask viewer, in a real browser: what is on the screen is what the catalogue says, pixel by pixel."""

import io
import re
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageColor
from playwright.sync_api import FloatRect, Page, expect

import goodpix
from goodpix.query.dashboard.mask.openmask import OpenMask, OpenMasks
from goodpix.query.dashboard.server import DashboardServer
from goodpix.query.palette import GOOD_COLOUR
from goodpix.query.plots.reasons import REASONS
from goodpix.schema.rows import MaskKey

from ..waiting import DEADLINE, Allowance
from .conftest import NEIGHBOUR, Share
from .dashboard import at, drag, open_page, parameters

TILE = "DES0131-3206"


@pytest.fixture(scope="module")
def mask(catalogue: goodpix.Catalogue) -> goodpix.Mask:
    """The mask of an epoch that has all sorts of pixels."""
    epoch = catalogue.epochs(tilename=TILE, band="i").iloc[0]
    return catalogue.mask(TILE, "i", epoch.expnum, epoch.ccdnum)


@pytest.fixture(scope="module")
def address(mask: goodpix.Mask) -> str:
    """Its address."""
    return f"mask?band=i&tile={TILE}&expnum={mask.key.expnum}&ccdnum={mask.key.ccdnum}"


@pytest.fixture(scope="module")
def near(address: str) -> str:
    """The address of a part of it, in which pixels are seen."""
    return f"{address}&window=60:168,150:294"


def colours(criteria: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return what pixels are to be shown in: the colour of the first reason that applies; shape (ny, nx, 3)."""
    names = np.full(criteria.shape, GOOD_COLOUR, dtype="U7")
    for reason in reversed(REASONS):
        names[(criteria & int(reason.bit)) != 0] = reason.colour
    known = {name: [int(name[k : k + 2], 16) for k in (1, 3, 5)] for name in np.unique(names).tolist()}
    return np.array([[known[name] for name in row] for row in names.tolist()], np.uint8)


def on_screen(page: Page, x0: int, x1: int, y0: int, y1: int) -> npt.NDArray[np.uint8]:
    """Return the colours of pixels as they are on the screen, each at its middle; shape (ny, nx, 3)."""
    left, top = at(page, "pixel-plot", x0, y1 - 1)
    right, bottom = at(page, "pixel-plot", x1 - 1, y0)
    clip: FloatRect = {"x": int(left) - 1, "y": int(top) - 1, "width": right - left + 4, "height": bottom - top + 4}
    with Image.open(io.BytesIO(page.screenshot(clip=clip))) as picture:
        shot = np.asarray(picture.convert("RGB"))
    columns = np.rint(np.linspace(left, right, x1 - x0) - clip["x"] - 0.5).astype(int)
    rows = np.rint(np.linspace(bottom, top, y1 - y0) - clip["y"] - 0.5).astype(int)
    found: npt.NDArray[np.uint8] = shot[rows][:, columns]
    return found


def wait_for_colours(page: Page, box: tuple[int, int, int, int], expected: npt.NDArray[np.uint8]) -> None:
    """Wait until pixels have these colours on the screen: what is drawn comes after the address and the words."""
    allowance = Allowance(DEADLINE)
    while not np.array_equal(found := on_screen(page, *box), expected) and allowance.left() > 0:
        page.wait_for_timeout(50)
    np.testing.assert_array_equal(found, expected)


def window(page: Page) -> tuple[int, int, int, int]:
    """Return the pixels that the address says are in sight."""
    (found,) = (each for each in parameters(page) if each.startswith("window="))
    x0, x1, y0, y1 = map(int, re.findall(r"\d+", found))
    return x0, x1, y0, y1


def whole(page: Page) -> None:
    """Look at all of the CCD."""
    page.get_by_role("button", name="Whole CCD").click()
    expect(page).not_to_have_url(re.compile("window="))


def test_a_reason_that_is_hidden_gives_way_to_the_next(share: Share, mask: goodpix.Mask, near: str) -> None:
    page = share(near)
    page.get_by_label("SE mask bit", exact=False).first.uncheck()
    expect(page).to_have_url(re.compile("hide=SE-mask-bit"))
    expect(page.get_by_text("hidden", exact=True)).to_be_visible()
    expected = colours(mask.criteria()[150:294, 60:168] & ~np.uint8(goodpix.Criterion.SE_BMASK))
    wait_for_colours(page, (60, 168, 150, 294), expected)


def test_the_image_lies_behind_the_mask_when_its_file_is_there(share: Share, near: str) -> None:
    # where no mask bit is shown, weights are
    page = share(near.replace("&window", "&hide=SE-mask-bit&window"))
    plain = on_screen(page, 60, 168, 150, 294)
    assert (plain == 0).all(axis=2).any()
    page.get_by_label("Image behind the mask").check()
    expect(page).to_have_url(re.compile("image=1"))
    page.wait_for_function(
        "new Set(Bokeh.documents[0].get_model_by_name('pixel-plot').renderers[0].data_source.data.image[0]).size > 50"
    )
    tinted = on_screen(page, 60, 168, 150, 294)
    good = (plain == 255).all(axis=2)
    grey = tinted[good]
    assert (grey.max(axis=1) == grey.min(axis=1)).all()
    assert len(np.unique(grey)) > 50
    assert (tinted[~good].max(axis=1) > tinted[~good].min(axis=1)).all()
    for number, reason in enumerate(REASONS, 1):
        colour = f"rgb{ImageColor.getrgb(reason.over_image)}"
        expect(page.locator(".legend .swatch").nth(number)).to_have_css("background-color", colour)
    page.get_by_label("Image behind the mask").uncheck()
    expect(page).not_to_have_url(re.compile("image=1"))
    page.get_by_label("SE mask bit", exact=False).first.check()
    expect(page).not_to_have_url(re.compile("hide="))


def test_what_is_sent_is_only_what_is_in_sight(share: Share, near: str) -> None:
    shape, size = share(near).evaluate(
        "(image => [image.shape, image.length * image.BYTES_PER_ELEMENT])"
        "(Bokeh.documents[0].get_model_by_name('pixel-plot').renderers[0].data_source.data.image[0])"
    )
    assert (shape, size) == ([144, 108], 144 * 108)


def test_zooming_with_the_wheel_and_dragging_bring_the_right_pixels(
    share: Share, mask: goodpix.Mask, near: str
) -> None:
    page = share(near)
    page.mouse.move(*at(page, "pixel-plot", 114, 222))
    page.mouse.wheel(0, -400)
    page.wait_for_function("!location.search.includes('window=60:168,150:294')")
    before = window(page)
    start = at(page, "pixel-plot", 114, 222)
    drag(page, start, (start[0] + 60, start[1] + 40))
    page.wait_for_function(f"!location.search.includes('window={before[0]}:{before[1]},')")
    expect(page).to_have_url(re.compile("window="))
    x0, x1, y0, y1 = window(page)
    assert x0 < before[0]
    assert y1 > before[3]
    inside = (x0 + 2, x1 - 2, y0 + 2, y1 - 2)
    expected = colours(mask.criteria()[inside[2] : inside[3], inside[0] : inside[1]])
    page.mouse.move(5, 5)
    wait_for_colours(page, inside, expected)
    whole(page)


def test_native_pixels_have_the_colours_of_the_mask(share: Share, mask: goodpix.Mask, address: str) -> None:
    page = share(address)
    page.get_by_role("button", name="Native pixels").click()
    expect(page).to_have_url(re.compile("window="))
    x0, x1, y0, y1 = window(page)
    assert (x1 - x0, y1 - y0) == (108, 144)
    expected = colours(mask.criteria()[y0:y1, x0:x1])
    assert len(np.unique(expected.reshape(-1, 3), axis=0)) > 3
    wait_for_colours(page, (x0, x1, y0, y1), expected)
    whole(page)


def test_the_next_epoch_of_the_same_place_is_shown_there(
    share: Share, catalogue: goodpix.Catalogue, mask: goodpix.Mask, address: str
) -> None:
    ny, nx = mask.shape
    page = share(address)
    page.mouse.click(*at(page, "pixel-plot", nx // 2, ny // 2))
    expect(page).to_have_url(re.compile(f"pixel={nx // 2},{ny // 2}"))
    ra, dec = (each[0] for each in mask.grid.wcs.sky(np.array([nx // 2 + 1.0]), np.array([ny // 2 + 1.0])))
    seen = catalogue.at(ra, dec, tilename=TILE, reasons=False)
    here = list(zip(seen.band, seen.expnum, seen.ccdnum, strict=True)).index(("i", mask.key.expnum, mask.key.ccdnum))
    row = seen.iloc[(here + 1) % len(seen)]
    page.get_by_role("button", name="Next", exact=True).click()
    expect(page.get_by_text(f"of {len(seen)} epochs of this tile that cover")).to_be_visible()
    expect(page).to_have_url(
        re.compile(f"expnum={row.expnum}&ccdnum={row.ccdnum}.*pixel={round(row.x)},{round(row.y)}")
    )
    page.get_by_role("button", name="Previous", exact=True).click()
    expect(page).to_have_url(re.compile(f"expnum={mask.key.expnum}&"))


def test_an_epoch_that_is_still_being_read_is_left_from_there(
    share: Share, mask: goodpix.Mask, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = share(f"{address}&pixel={mask.shape[1] // 2},{mask.shape[0] // 2}")
    open_mask, under_way, left = OpenMasks.open, threading.Event(), threading.Event()

    def slowly(masks: OpenMasks, key: MaskKey, selection: goodpix.Selection) -> OpenMask:
        if key.expnum != mask.key.expnum:
            if under_way.is_set():  # the step back asks for it, too
                left.set()
            under_way.set()
            left.wait()
        return open_mask(masks, key, selection)

    monkeypatch.setattr(OpenMasks, "open", slowly)
    with ExitStack() as stack:
        stack.callback(left.set)  # whatever fails, nothing waits for ever
        page.get_by_role("button", name="Next", exact=True).click()
        expect(page).not_to_have_url(re.compile(f"expnum={mask.key.expnum}&"))
        page.get_by_role("button", name="Previous", exact=True).click()
        expect(page).to_have_url(re.compile(f"expnum={mask.key.expnum}&"))
        expect(page.get_by_text("read 20")).to_be_visible()


def test_the_pixel_under_the_pointer_is_explained(share: Share, mask: goodpix.Mask, address: str) -> None:
    page = share(f"{address}&pixel={mask.shape[1] // 2},{mask.shape[0] // 2}")
    flags = mask.flags()
    wanted = np.argwhere((flags & 4 != 0) & (flags & (1 << 8 | 1 << 14) != 0))
    y, x = wanted[len(wanted) // 2].tolist()
    page.mouse.move(*at(page, "pixel-plot", x, y))
    expect(page.locator("dd").first).to_have_text(f"{x}, {y}")
    names = [name for name, value in mask.bit_names.se.items() if flags[y, x] >> 8 & value]
    expect(page.locator("dd").nth(3)).to_have_text(", ".join(names))
    failing = [str(each.name) for each in goodpix.Criterion if flags[y, x] & each]
    expect(page.locator("dd").nth(2)).to_have_text(", ".join(failing))
    ra, dec = mask.grid.wcs.sky(np.array([x + 1.0]), np.array([y + 1.0]))
    expect(page.locator("dd").nth(1)).to_have_text(f"{ra[0]:.6f}°, {dec[0]:.6f}°")
    page.mouse.down()
    page.mouse.up()
    expect(page).to_have_url(re.compile(f"pixel={x},{y}"))
    page.mouse.move(5, 5)
    expect(page.locator("dd").first).to_have_text(f"{x}, {y}")


def test_files_that_are_not_there_are_named(
    share: Share, catalogue: goodpix.Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    # of an epoch whose image no other test has read
    monkeypatch.setenv("MEDS_DIR", "/nowhere")
    row = catalogue.epochs(tilename=NEIGHBOUR.tilename).iloc[0]
    page = share(f"mask?band={row.band}&tile={row.tilename}&expnum={row.expnum}&ccdnum={row.ccdnum}&image=1")
    expect(page.get_by_text("The image cannot be shown: ")).to_contain_text("no such file")
    page.get_by_label("Tile").fill("<b>DES</b>")
    page.get_by_label("Tile").press("Enter")
    expect(page.get_by_role("alert")).to_have_text("the catalogue has no epoch with tilename <b>DES</b>")
    expect(page.get_by_text("some data could not be read")).to_be_visible()


def test_a_picture_that_cannot_be_drawn_is_said_and_the_next_is_drawn(
    page: Page, dashboard: DashboardServer, mask: goodpix.Mask, near: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_page(page, dashboard, near)
    place = at(page, "pixel-plot", 114, 222)
    with monkeypatch.context() as patch:
        patch.setattr("goodpix.query.dashboard.mask.downsample.MOST_CELLS", "no number")
        drag(page, place, (place[0] + 50, place[1]))
        expect(page.get_by_role("alert")).to_contain_text("could not be shown because of a bug")
    drag(page, place, (place[0], place[1] + 50))
    page.wait_for_function("!location.search.includes(',150:294')")
    x0, x1, y0, y1 = window(page)
    page.mouse.move(5, 5)
    inside = (x0 + 2, x1 - 2, y0 + 2, y1 - 2)
    wait_for_colours(page, inside, colours(mask.criteria()[inside[2] : inside[3], inside[0] : inside[1]]))


def test_a_mask_file_that_is_not_there_is_named_and_shown_once_it_is_back(
    page: Page, demo: Path, mask: goodpix.Mask, near: str
) -> None:
    with ExitStack() as stack:
        # one that has no mask file open yet
        served = stack.enter_context(stack.enter_context(goodpix.Catalogue(demo / "goodpix.db")).dashboard())
        assert mask.row is not None
        path = demo / "goodpix-masks" / mask.row["mask_file"]
        away = path.with_suffix(".away")
        path.rename(away)
        with ExitStack() as gone:
            gone.callback(away.rename, path)
            page.goto(served.url + near)
            expect(page.get_by_role("alert")).to_contain_text(path.name)
        page.get_by_label("COADD_SEG", exact=True).check()
        expect(page.get_by_text("read 20")).to_be_visible()
        selection = goodpix.Selection(["COADD_SEG"])
        wait_for_colours(page, (60, 168, 150, 294), colours(mask.criteria(selection)[150:294, 60:168]))


SELECTION = goodpix.Selection(["COADD_SEG"], {"SE": ["TRAIL"]}, {"SE_SEG": 2.5}, 7)
IN_ADDRESS = ["ignore=COADD_SEG", "ignore-bit=SE:TRAIL", "grow=SE_SEG=2.5", "border=7"]


def test_a_selection_cuts_again_with_the_new_fractions_and_the_same_python(
    share: Share, mask: goodpix.Mask, address: str
) -> None:
    page = share(f"{address}&window=0:108,60:204")
    page.get_by_label("COADD_SEG", exact=True).check()
    page.get_by_label("SE:TRAIL", exact=True).check()
    page.get_by_label("Grow by pixels").fill("SE_SEG=2.5")
    page.get_by_label("Grow by pixels").press("Enter")
    page.get_by_label("Border, pixels").fill("7")
    page.get_by_label("Border, pixels").press("Enter")
    n_good = mask.count(SELECTION)
    row = page.locator("tr", has_text="this selection")
    expect(row.locator("td").last).to_have_text(f"{n_good:,}")
    expect(row.locator("td").nth(3)).to_have_text(
        f"{n_good / mask.encoded.nx / mask.encoded.ny:.2%}".replace("%", " %")
    )
    words = "ignore COADD_SEG, ignore SE:TRAIL, grow SE_SEG by 2.5, border 7"
    expect(page.get_by_text(f"selection: {words}")).to_be_visible()
    assert parameters(page)[4:] == [*IN_ADDRESS, "window=0:108,60:204"]
    wait_for_colours(page, (5, 25, 100, 120), colours(mask.criteria(SELECTION)[100:120, 5:25]))
    names: dict[str, Any] = {}
    code = page.locator("pre").inner_text()
    exec(code, names)
    assert np.array_equal(names["good"], mask.good(SELECTION))
    names["cat"].close()


def test_the_selection_of_an_address_is_shown_and_a_wrong_one_said(
    page: Page, dashboard: DashboardServer, mask: goodpix.Mask, address: str
) -> None:
    open_page(page, dashboard, "&".join([address, *IN_ADDRESS, "window=0:108,60:204"]))
    wait_for_colours(page, (5, 25, 100, 120), colours(mask.criteria(SELECTION)[100:120, 5:25]))
    page.get_by_label("Grow by pixels").fill("SE_SEG")
    page.get_by_label("Grow by pixels").press("Enter")
    expect(page.get_by_role("alert")).to_have_text("grow SE_SEG: expected WHAT=PIXELS, such as COADD_SEG=8")


def test_downloads_are_the_mask(share: Share, mask: goodpix.Mask, address: str, tmp_path: Path) -> None:
    page = share("&".join([address, *IN_ADDRESS, "window=0:108,60:204"]))
    path = tmp_path / f"{TILE}_i_{mask.key.expnum}_{mask.key.ccdnum:02d}.png"
    for kind in ("FITS", "PNG"):
        with page.expect_download() as downloaded:
            page.get_by_text(f"Download {kind}").click()
        assert downloaded.value.suggested_filename == f"{path.stem}.{kind.lower()}"
        downloaded.value.save_as(tmp_path / downloaded.value.suggested_filename)
    assert np.array_equal(fitsio.read(tmp_path / f"{path.stem}.fits", ext="MASK") == 0, mask.good(SELECTION))
    with Image.open(path) as picture:
        np.testing.assert_array_equal(np.asarray(picture.convert("RGB"))[::-1], colours(mask.criteria(SELECTION)))
