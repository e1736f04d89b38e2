"""The mask page, without a browser."""

import json
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import panel as pn
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from bokeh.events import RangesUpdate, Tap
from PIL import Image

import goodpix
from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.look.code import CodeBlock
from goodpix.query.dashboard.mask.downsample import LEVELS
from goodpix.query.dashboard.mask.legend import ReasonLegend
from goodpix.query.dashboard.mask.openmask import OpenMasks
from goodpix.query.dashboard.pages.mask import MaskView, _shifted
from goodpix.query.dashboard.url import Pixel, UrlQuery, View
from goodpix.query.namedselections import find_selection
from goodpix.query.plots.reasons import REASONS, reason_table
from goodpix.query.source import open_source
from goodpix.schema.amplifiers import Region
from goodpix.schema.bits import OWN_CUT
from goodpix.schema.criteria import Selection
from goodpix.schema.rows import MaskKey

from .....maskcatalogue import EAST, EPOCHS, SHAPE, WEST, make_masks
from ..conftest import OpenPage, data_of, without_threads

FLAGS = EPOCHS[MaskKey(EAST, "r", "epoch", 1, 11)].flags


@pytest.fixture(scope="module")
def page(masks_cache: CatalogueCache) -> OpenPage[MaskView]:
    return OpenPage(masks_cache, lambda session: MaskView(session, OpenMasks(masks_cache)))


@pytest.fixture
def opened(page: OpenPage[MaskView]) -> OpenPage[MaskView]:
    """The page of an epoch."""
    page.show(f"tile={EAST}&band=r&expnum=1&ccdnum=11")
    return page


def view_of(opened: OpenPage[MaskView]) -> tuple[Any, ...]:
    view = opened.session.view
    return view.tile, view.band, view.expnum, view.ccdnum


def codes(opened: OpenPage[MaskView]) -> Any:
    (image,) = data_of(opened.figure("pixel-plot"))["image"]
    return np.asarray(image)


def reasons_drawn(opened: OpenPage[MaskView]) -> Any:
    found = codes(opened).astype(int)
    return np.where(found < LEVELS, 0, (found - LEVELS) // 16 + 1)


def button(opened: OpenPage[MaskView], label: str) -> Any:
    return next(each for each in opened.parts(pn.widgets.Button) if each.label == label)


def click(opened: OpenPage[MaskView], label: str) -> None:
    wanted = button(opened, label)
    opened.do(lambda: setattr(wanted, "clicks", wanted.clicks + 1))


def test_address_of_nothing_is_the_first_epoch(opened: OpenPage[MaskView]) -> None:
    opened.show("")
    assert view_of(opened) == (WEST, "r", 1, 11)
    assert opened.problems == ""


def test_picture_has_the_reason_of_every_pixel(opened: OpenPage[MaskView]) -> None:
    np.testing.assert_array_equal(reasons_drawn(opened), reason_table()[FLAGS & 0xFF])
    n_good = np.count_nonzero(FLAGS == 0)
    assert f'<td class="number">{n_good:,}</td>' in opened.text
    (program,) = opened.parts(CodeBlock)
    assert program.code.endswith(f"good = cat.mask('{EAST}', 'r', 1, 11).good()")


def test_epoch_that_is_not_there_is_said(opened: OpenPage[MaskView]) -> None:
    opened.show(f"tile={EAST}&expnum=9")
    assert f"the catalogue has no epoch with tilename {EAST}, expnum 9" in opened.problems


def test_selection_cuts_the_mask_again(opened: OpenPage[MaskView]) -> None:
    border = opened.widget("Border, pixels")
    opened.do(lambda: setattr(border, "value", 5))
    assert opened.session.view.selection == Selection(border=5)
    inner = np.pad(np.ones((SHAPE[0] - 10, SHAPE[1] - 10), np.bool_), 5)
    np.testing.assert_array_equal(reasons_drawn(opened) == 0, (FLAGS == 0) & inner)
    assert "selection: border 5" in opened.text


def test_selection_that_is_none_is_said_and_the_mask_stays(opened: OpenPage[MaskView]) -> None:
    grow = opened.widget("Grow by pixels: criterion or PLANE:BIT")
    opened.do(lambda: setattr(grow, "value", "COAD_SEG=3"))
    assert "did you mean COADD_SEG" in opened.problems
    assert opened.session.view.selection == Selection()


def test_reason_that_is_hidden_is_not_drawn(opened: OpenPage[MaskView]) -> None:
    (legend,) = opened.parts(ReasonLegend)
    opened.do(lambda: setattr(legend, "hidden_names", ["SE-mask-bit", "SE-object"]))
    assert opened.session.view.hide == ("SE-mask-bit", "SE-object")
    expected = reason_table(opened.session.view.hide)[FLAGS & 0xFF]
    np.testing.assert_array_equal(reasons_drawn(opened), expected)
    assert legend.items[0]["label"] == "good or hidden"


def test_image_behind_the_mask_tints_bad_pixels(opened: OpenPage[MaskView]) -> None:
    (choice,) = (each for each in opened.parts(pn.widgets.CheckBoxGroup) if each.options == ["Image behind the mask"])
    opened.do(lambda: setattr(choice, "value", choice.options))
    assert opened.session.view.image
    np.testing.assert_array_equal(codes(opened) >= LEVELS, FLAGS & 0xFF != 0)
    assert len(np.unique(codes(opened)[FLAGS & 0xFF == 0])) > 20


def test_part_that_is_in_sight_is_in_the_address_and_drawn(opened: OpenPage[MaskView]) -> None:
    plot = opened.figure("pixel-plot")
    opened.do(lambda: plot._trigger_event(RangesUpdate(plot, x0=3.5, x1=13.5, y0=7.5, y1=27.5)))
    assert opened.session.view.window == Region(4, 14, 8, 28)
    np.testing.assert_array_equal(reasons_drawn(opened), reason_table()[FLAGS[8:28, 4:14] & 0xFF])
    click(opened, "Whole CCD")
    assert "window=" not in opened.session.view.query()
    assert codes(opened).shape == SHAPE


def test_native_pixels_of_a_small_image_are_all_of_it(opened: OpenPage[MaskView]) -> None:
    click(opened, "Native pixels")
    assert opened.session.view.window == Region(0, SHAPE[1], 0, SHAPE[0])
    x_range = opened.figure("pixel-plot").x_range
    assert x_range.end - x_range.start == SHAPE[1]


def test_window_that_is_shifted_stays_where_an_address_can_name_it() -> None:
    assert _shifted(Region(0, 10, 5, 15), -3, 2) == Region(0, 7, 7, 17)
    assert _shifted(Region(0, 10, 5, 15), -20, -20) == Region(0, 1, 0, 1)


def test_click_pins_a_pixel_and_explains_it(opened: OpenPage[MaskView]) -> None:
    plot = opened.figure("pixel-plot")
    y, x = (int(each) for each in np.argwhere(FLAGS & 0xFF == 1)[0])
    opened.do(lambda: plot._trigger_event(Tap(plot, x=x + 0.4, y=y - 0.4)))
    assert opened.session.view.pixel == Pixel(x, y)
    assert f"<dd>{x}, {y}</dd>" in opened.text
    assert "<dt>status</dt><dd>SE_SEG</dd>" in opened.text
    assert data_of(plot, 1) == {"x": [x], "y": [y]}


def test_click_beside_the_image_pins_nothing(opened: OpenPage[MaskView]) -> None:
    plot = opened.figure("pixel-plot")
    opened.do(lambda: plot._trigger_event(Tap(plot, x=-1.0, y=5.0)))
    assert opened.session.view.pixel is None


@pytest.mark.parametrize(("label", "back"), [("Next", "Previous"), ("Previous", "Next")])
def test_next_epoch_of_the_same_position_is_shown_there_and_back(
    opened: OpenPage[MaskView], label: str, back: str
) -> None:
    # pixel 20, 10 of this image is pixel 5, 13 of the one in i
    opened.show(f"tile={EAST}&band=r&expnum=1&ccdnum=11&pixel=20,10&window=10:30,5:25")
    before = opened.session.view
    click(opened, label)
    assert view_of(opened) == (EAST, "i", 3, 11)
    assert (opened.session.view.pixel, opened.session.view.window) == (Pixel(5, 13), Region(0, 15, 8, 28))
    assert "of 2 epochs of this tile that cover RA" in opened.text
    click(opened, back)
    # what was clipped at the edge of the other image does not come back
    assert opened.session.view == replace(before, window=Region(15, 30, 5, 25))


def test_position_of_one_epoch_alone_stays_there(opened: OpenPage[MaskView]) -> None:
    opened.show(f"tile={EAST}&band=i&expnum=3&ccdnum=11&pixel=29,2")
    click(opened, "Next")
    assert "No other epoch of this tile covers this position." in opened.text
    assert view_of(opened) == (EAST, "i", 3, 11)


def test_other_tile_begins_with_its_first_epoch(opened: OpenPage[MaskView]) -> None:
    opened.do(lambda: setattr(opened.widget("Tile"), "value", WEST))
    assert view_of(opened) == (WEST, "r", 1, 11)
    assert opened.session.view == View(tile=WEST, band="r", expnum=1, ccdnum=11)


def test_downloads_are_named_by_their_epoch(opened: OpenPage[MaskView]) -> None:
    png, image = opened.parts(pn.widgets.FileDownload)
    assert (png.filename, image.filename) == (f"{EAST}_r_1_11.png", f"{EAST}_r_1_11.fits")
    assert png.callback().read().startswith(b"\x89PNG")
    assert image.callback().read().startswith(b"SIMPLE")


def test_downloaded_picture_says_what_it_shows(opened: OpenPage[MaskView]) -> None:
    hidden = REASONS[1]
    opened.show(f"tile={EAST}&band=r&expnum=1&ccdnum=11&border=3&hide={hidden.name}")
    png, _ = opened.parts(pn.widgets.FileDownload)
    content = png.callback().read()
    with Image.open(BytesIO(content)) as picture:
        texts, codes = picture.info, np.asarray(picture)[::-1]
    assert Selection.parse(texts["selection"]) == Selection(border=3)
    assert (texts["tilename"], texts["expnum"], texts["software"]) == (EAST, "1", f"goodpix {goodpix.__version__}")
    assert (
        f"0 good, else the first reason that holds, except for {hidden.name}: 1 {REASONS[0].label}, "
        in texts["meaning"]
    )
    assert "the first row of the image is at the bottom" in texts["meaning"]
    failing = FLAGS & 0xFF
    border = np.pad(np.zeros((SHAPE[0] - 6, SHAPE[1] - 6), bool), 3, constant_values=True)
    for number, reason in enumerate(REASONS, 1):
        own_cut = border if reason.bit == OWN_CUT else np.zeros(SHAPE, bool)
        assert ((codes != number) | own_cut | (failing & int(reason.bit) != 0)).all()
    assert (codes == REASONS.index(hidden) + 1).sum() == 0
    assert not (codes[(failing == 0) & ~border]).any()
    solution = WCS(fits.Header(json.loads(texts["wcs"])))
    row: Any = opened.session.cache.mask(EAST, "r", 1, 11).row
    middle = (np.array(SHAPE[::-1]) - 1) / 2 + float(texts["position_offset"])
    ra, dec = solution.all_pix2world(*middle, 1)
    assert (float(ra), float(dec)) == pytest.approx((row["ra_cent"], row["dec_cent"]), abs=1e-7)
    opened.show(f"tile={EAST}&band=r&expnum=1&ccdnum=11&border=3&hide={hidden.name}")
    assert opened.parts(pn.widgets.FileDownload)[0].callback().read() == content


def test_download_names_the_selection_that_was_asked_for(tmp_path: Path) -> None:
    made = make_masks(tmp_path)
    for name in ("wide", "broad"):
        goodpix.add_selection(made.url, name, Selection(border=3))
    with open_source(made.url) as source:
        cache = without_threads(source)
        own = OpenPage(cache, lambda session: MaskView(session, OpenMasks(cache)))
        find = partial(find_selection, source.database)
        found = []
        for asked in ("border=3", "selection=wide", "selection=broad", "border=3"):
            view = UrlQuery.of(parse_qs(f"tile={EAST}&band=r&expnum=1&ccdnum=11&{asked}"), find).view
            own.do(partial(own.session.go, view))
            png, image = (button.callback().read() for button in own.parts(pn.widgets.FileDownload))
            with fits.open(BytesIO(image)) as hdus, Image.open(BytesIO(png)) as picture:
                assert hdus["MASK"].header["SELECT"] == picture.info["selection"]
                found.append(Selection.parse(picture.info["selection"]))
        cache.close()
    assert [each.name for each in found] == ["", "wide", "broad", ""]
    assert {each.border for each in found} == {3}


def test_named_selection_of_the_catalogue_can_be_chosen(tmp_path: Path) -> None:
    made = make_masks(tmp_path)
    goodpix.add_selection(made.url, "wide", Selection(border=3))
    with open_source(made.url) as source:
        cache = without_threads(source)
        own = OpenPage(cache, lambda session: MaskView(session, OpenMasks(cache)))
        own.show(f"tile={EAST}&band=r&expnum=1&ccdnum=11")
        choice = own.widget("Named selection")
        assert (choice.visible, choice.options[1:]) == (True, ["wide"])
        own.do(lambda: setattr(choice, "value", "wide"))
        assert "selection=wide" in own.session.view.query()
        inner = np.zeros(SHAPE, bool)
        inner[3:-3, 3:-3] = FLAGS[3:-3, 3:-3] == 0
        np.testing.assert_array_equal(reasons_drawn(own) == 0, inner)
        own.do(lambda: setattr(own.widget("Border, pixels"), "value", 2))
        assert (own.session.view.selection.border, own.session.view.selection.name) == (2, "")
        assert choice.value == choice.options[0]
        cache.close()


def test_catalogue_without_named_selections_offers_none(opened: OpenPage[MaskView]) -> None:
    assert not opened.widget("Named selection").visible
