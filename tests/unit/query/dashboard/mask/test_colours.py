"""Colours of a mask on the screen: one for each code, and none twice for two meanings."""

import io

import numpy as np
import pytest
from PIL import Image

from goodpix.query.dashboard.mask.colours import as_png, grey_codes, palette
from goodpix.query.dashboard.mask.downsample import FULL, LEVELS
from goodpix.query.palette import GOOD_COLOUR
from goodpix.query.plots.reasons import REASONS, reason_table

from .conftest import plain_colour, some_criteria


def test_palettes_have_a_colour_for_each_code() -> None:
    plain, tinted = palette(over_image=False), palette(over_image=True)
    assert len(plain) == len(tinted) == 256
    assert set(plain[:LEVELS]) == {GOOD_COLOUR}
    assert [plain[LEVELS + 16 * k + FULL] for k in range(8)] == [reason.colour for reason in REASONS]
    assert len(set(tinted[:LEVELS])) > 100


def test_over_an_image_no_reason_is_grey() -> None:
    channels = np.array([[int(each[k : k + 2], 16) for k in (1, 3, 5)] for each in palette(over_image=True)])
    assert np.ptp(channels[:LEVELS], axis=1).max() == 0
    assert np.ptp(channels[LEVELS:], axis=1).min() > 40


def test_greys_go_from_black_to_white_and_what_is_no_number_is_between() -> None:
    image = np.array([[-1e9, 0.0, 5.0], [10.0, 1e9, np.nan]], np.float32)
    levels = grey_codes(image, 0.0, 10.0)
    assert levels.tolist() == [[0, 0, (LEVELS - 1) // 2], [LEVELS - 1, LEVELS - 1, LEVELS // 2]]
    tinted = palette(over_image=True)
    assert (tinted[0], tinted[LEVELS - 1]) == ("#000000", "#ffffff")


def test_the_png_has_a_pixel_for_each_the_first_row_at_the_bottom() -> None:
    criteria = some_criteria(30, 20)
    with Image.open(io.BytesIO(as_png(criteria, reason_table(), {"selection": "border 3"}))) as picture:
        assert picture.info["selection"] == "border 3"
        pixels = np.asarray(picture.convert("RGB"))
    shown = [[f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in row] for row in pixels[::-1].tolist()]
    assert shown == [[plain_colour(each) for each in row] for row in criteria.tolist()]


def test_cells_grow_paler_the_fewer_of_their_pixels_are_bad() -> None:
    colours = np.array([[int(each[n : n + 2], 16) for n in (1, 3, 5)] for each in palette(over_image=False)])
    distance_from_white = (255 - colours[LEVELS:]).sum(axis=1).reshape(len(REASONS), -1)
    assert (np.diff(distance_from_white, axis=1) > 0).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (1, 5)])
def test_grey_codes_are_column_major_and_leave_the_image_alone(shape: tuple[int, int]) -> None:
    image = np.linspace(0, 10, shape[0] * shape[1], dtype=np.float32).reshape(shape)
    before = image.copy()
    found = grey_codes(image, 0.0, 10.0)
    assert found.dtype == np.uint8
    assert found.flags.f_contiguous
    assert np.array_equal(found, (before / 10 * (LEVELS - 1)).astype(np.uint8))
    assert np.array_equal(image, before)
