"""Legend, counts and pixel information beside a mask."""

from dataclasses import replace

import numpy as np
import pytest

from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.mask.legend import counts_html, legend_items, pixel_html
from goodpix.query.dashboard.mask.openmask import OpenMask, PixelInfo
from goodpix.query.palette import GOOD_COLOUR
from goodpix.query.plots.reasons import REASONS, reason_table
from goodpix.schema.criteria import Selection

from .....maskcatalogue import EAST, EPOCHS

IMAGE = next(epoch for epoch in EPOCHS.values() if epoch.key.tilename == EAST and epoch.key.expnum == 2)
PIXEL = PixelInfo(3, 4, 30.1234567, -40.0, "SE_SEG", "", "<NO_DATA>")


@pytest.fixture(scope="module")
def stored(masks_cache: CatalogueCache) -> OpenMask:
    return OpenMask.of(masks_cache.mask(EAST, "r", 2, 12), Selection())


@pytest.mark.parametrize("hidden", [(), ("off-the-coadd",), tuple(reason.name for reason in REASONS)])
def test_shares_are_those_of_the_reasons_that_are_shown(stored: OpenMask, hidden: tuple[str, ...]) -> None:
    shown = reason_table(hidden)[IMAGE.flags & 0xFF]
    good, *items = legend_items(stored, hidden, over_image=False)
    assert good == {
        "name": "",
        "label": "good or hidden" if hidden else "good",
        "colour": GOOD_COLOUR,
        "share": f"{np.mean(shown == 0):.2%}".replace("%", " %"),
    }
    for number, (item, reason) in enumerate(zip(items, REASONS, strict=True), 1):
        share = f"{np.mean(shown == number):.2%}".replace("%", " %")
        assert item["share"] == ("hidden" if reason.name in hidden else share)
        assert (item["name"], item["label"]) == (reason.name, reason.label)


@pytest.mark.parametrize("over_image", [False, True])
def test_colours_are_those_of_the_picture(stored: OpenMask, over_image: bool) -> None:
    items = legend_items(stored, (), over_image=over_image)[1:]
    assert [item["colour"] for item in items] == [reason.shown(over_image=over_image) for reason in REASONS]


def test_counts_are_of_the_default_definition_and_of_the_selection(stored: OpenMask) -> None:
    n_default, n_own = (np.count_nonzero(IMAGE.flags & bits == 0) for bits in (0xFF, 0xFE))
    alone = counts_html(stored, stored)
    assert (alone.count("<tr>"), f"{n_default:,}</td>" in alone) == (2, True)
    both = counts_html(stored, OpenMask.of(stored.mask, Selection(ignore=["SE_SEG"])))
    assert both.count("<tr>") == 3
    assert both.index(f"{n_default:,}</td>") < both.index("this selection") < both.index(f"{n_own:,}</td>")
    assert "selection: ignore SE_SEG</p>" in both


def test_pixel_is_explained_and_escaped() -> None:
    found = pixel_html(PIXEL)
    for name, value in {
        "x, y": "3, 4",
        "RA, Dec": "30.123457°, -40.000000°",
        "status": "SE_SEG",
        "SE bits": "none",
        "coadd bits": "&lt;NO_DATA&gt;",
    }.items():
        assert f"<dt>{name}</dt><dd>{value}</dd>" in found


def test_good_pixel_is_good_and_no_pixel_is_none() -> None:
    assert "<dt>status</dt><dd>good</dd>" in pixel_html(replace(PIXEL, criteria=""))
    assert "No image pixel under the pointer." in pixel_html(None)
