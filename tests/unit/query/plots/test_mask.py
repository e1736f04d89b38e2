"""Masks of a few pixels, as drawn."""

import io
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgba
from PIL import Image

from goodpix.query.masks.mask import Mask
from goodpix.query.palette import GOOD_COLOUR
from goodpix.query.plots.mask import plot_mask, thumbnail
from goodpix.query.plots.reasons import REASONS, reason_image
from goodpix.schema.bits import Criterion
from goodpix.schema.criteria import Selection
from goodpix.schema.errors import UsageError
from goodpix.schema.masks.rle import encode
from goodpix.schema.rows import MaskKey

from .conftest import legend

FLAGS = np.random.default_rng(2).choice([0, 0, 0, 1, 4 | 1 << 8, 8, 16, 33], (12, 9))
MASK = Mask(MaskKey("T", "r", "epoch", 7, 11), encode(FLAGS))


def rgba(mask: Mask, selection: Selection | None = None) -> Any:
    colours = np.array([to_rgba(GOOD_COLOUR), *(to_rgba(reason.colour) for reason in REASONS)])
    return colours[reason_image(mask, selection)]


@pytest.mark.parametrize("selection", [None, Selection(ignore=["SE_SEG"], border=2)])
def test_pixels_have_the_colour_of_their_reason(selection: Selection | None) -> None:
    (picture,) = plot_mask(MASK, selection).images
    np.testing.assert_allclose(np.asarray(picture.get_array()) / 255, rgba(MASK, selection), atol=1 / 255)


def test_first_row_is_at_the_bottom_and_a_cutout_keeps_its_place() -> None:
    (whole,), (part,) = (plot_mask(each).images for each in (MASK, MASK.cutout(2, 8, 3, 7)))
    assert list(whole.get_extent()) == [-0.5, 8.5, -0.5, 11.5]
    assert list(part.get_extent()) == [1.5, 7.5, 2.5, 6.5]
    assert whole.origin == part.origin == "lower"


def test_legend_has_the_share_of_each_reason_that_is_shown() -> None:
    axes = plot_mask(MASK)
    codes, counts = np.unique(reason_image(MASK), return_counts=True)
    names = ["good", *(reason.label for reason in REASONS)]
    assert legend(axes) == [f"{names[code]}  {n / 108:.1%}" for code, n in zip(codes, counts, strict=True)]
    found = axes.get_legend()
    assert found is not None
    shown = [to_hex(patch.get_facecolor()) for patch in found.get_patches()]
    assert shown == [GOOD_COLOUR, *(REASONS[code - 1].colour for code in codes[1:])]


def test_title_counts_good_pixels_of_all_and_of_those_on_the_coadd() -> None:
    n_good, n_on = np.count_nonzero(FLAGS == 0), np.count_nonzero(FLAGS & Criterion.OFF_COADD == 0)
    assert plot_mask(MASK).get_title(loc="left").splitlines() == [
        "T  r  exposure 7, CCD 11",
        f"{n_good / 108:.1%} good, {n_good / n_on:.1%} of pixels on the coadd",
        "selection: default",
    ]


def test_title_of_what_is_not_on_the_coadd_says_so() -> None:
    off = Mask(MASK.key, encode(np.full((3, 4), 8)))
    assert plot_mask(off).get_title(loc="left").splitlines()[1] == "0.0% good, all off the coadd"
    coadd = Mask(MaskKey("T", "r", "coadd", None, None), encode(np.zeros((3, 4), np.int64)))
    assert plot_mask(coadd).get_title(loc="left").splitlines()[:2] == ["T  r  coadd", "100.0% good"]


def test_wrong_background_and_a_mask_without_an_image_are_refused() -> None:
    own = Mask.from_bool(np.ones((4, 5), np.bool_))
    with pytest.raises(UsageError, match="over is 'stars': expected 'image'"):
        plot_mask(own, over="stars")  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(UsageError, match="has no image"):
        plot_mask(own, over="image")


@pytest.mark.parametrize(("size", "step"), [(512, 1), (12, 1), (11, 2), (4, 3)])
def test_thumbnail_is_a_pixel_of_every_step(size: int, step: int) -> None:
    content = thumbnail(MASK, size)
    assert content is not None
    with Image.open(io.BytesIO(content)) as picture:
        found = np.asarray(picture.convert("RGBA")) / 255
    np.testing.assert_allclose(found[::-1], rgba(MASK)[::step, ::step], atol=1 / 255)


def test_title_of_a_mask_without_a_coadd_says_nothing_about_one() -> None:
    mask = Mask(MaskKey("c4d_1", "r", "epoch", 1, 2), encode(np.zeros((4, 6), np.int64)), row={"n_on_coadd": None})
    assert "coadd" not in plot_mask(mask).get_title(loc="left")
    merged = Mask(mask.key, mask.encoded, row={"epochs": ({"n_on_coadd": None},)})
    assert "coadd" not in plot_mask(merged).get_title(loc="left")
