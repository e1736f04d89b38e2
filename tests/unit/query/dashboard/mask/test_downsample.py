"""What a screen shows of a mask: exact pixel by pixel, honest where pixels are joined, and never too large."""

import numpy as np
import pytest

from goodpix.query.dashboard.mask.colours import palette
from goodpix.query.dashboard.mask.downsample import LEVELS, MOST_CELLS, cell_size, downsample
from goodpix.query.palette import GOOD_COLOUR
from goodpix.query.plots.reasons import REASONS, reason_table
from goodpix.schema.amplifiers import Region

from .conftest import plain_colour, some_criteria


def test_native_pixels_have_exactly_the_colour_of_their_first_reason() -> None:
    criteria = some_criteria(80, 50)
    box = Region(7, 45, 11, 79)
    found = downsample(criteria, reason_table(), box)
    assert (found.size, found.x0, found.y0, found.codes.shape) == (1, 7, 11, (68, 38))
    colours = palette(over_image=False)
    shown = [[colours[code] for code in row] for row in found.codes]
    assert shown == [[plain_colour(each) for each in row] for row in criteria[11:79, 7:45].tolist()]


@pytest.mark.parametrize("shape", [(4096, 2048), (2048, 4096), (10_000, 10_000), (1, 300_000), (600, 483)])
def test_no_picture_is_larger_than_a_third_of_a_megabyte(shape: tuple[int, int]) -> None:
    for x0, y0 in ((0, 0), (1, 3)):
        box = Region(x0, shape[1], min(y0, shape[0] - 1), shape[0])
        size = cell_size(box)
        n_cells = (-(-box.x1 // size) - box.x0 // size) * (-(-box.y1 // size) - box.y0 // size)
        assert n_cells <= MOST_CELLS < 300_000
    assert cell_size(Region(0, 540, 0, 537)) == 1


def test_cells_say_how_much_of_them_is_bad_and_mostly_why() -> None:
    criteria = some_criteria(1501, 903)
    reasons = reason_table()
    box = Region(13, 900, 5, 1501)
    found = downsample(criteria, reasons, box)
    size = found.size
    assert size > 1
    assert (found.x0 % size, found.y0 % size) == (0, 0)
    assert found.x0 <= box.x0 < found.x0 + size
    for row, column in ((0, 0), (10, 20), (found.codes.shape[0] - 1, found.codes.shape[1] - 1)):
        y, x = found.y0 + row * size, found.x0 + column * size
        cell = reasons[criteria[y : y + size, x : x + size]]
        counts = np.bincount(cell.ravel(), minlength=9)
        code = int(found.codes[row, column])
        assert cell.any()
        assert (code - LEVELS) // 16 == int(np.argmax(counts[1:]))
        assert (code - LEVELS) % 16 + 1 == -(-16 * int(counts[1:].sum()) // cell.size)


def test_one_bad_pixel_of_a_wholly_good_image_is_seen() -> None:
    criteria = np.zeros((2048, 4096), np.uint8).T
    criteria[4000, 2000] = 4
    found = downsample(criteria, reason_table(), Region(0, 2048, 0, 4096))
    assert np.count_nonzero(found.codes) == 1
    colours = palette(over_image=False)
    assert colours[int(found.codes.max())] not in (GOOD_COLOUR, REASONS[2].colour)


def test_cells_stay_what_they_are_when_the_box_moves() -> None:
    criteria = some_criteria(3000, 2000)
    first = downsample(criteria, reason_table(), Region(0, 1000, 0, 1000))
    moved = downsample(criteria, reason_table(), Region(100, 1100, 200, 1200))
    assert first.size == moved.size
    size = first.size
    x, y = (moved.x0 - first.x0) // size, (moved.y0 - first.y0) // size
    both = first.codes[y : y + 90, x : x + 90], moved.codes[:90, :90]
    assert np.array_equal(*both)


def test_over_an_image_good_pixels_are_its_greys_and_bad_ones_are_tinted() -> None:
    criteria = some_criteria(60, 40)
    grey = np.random.default_rng(1).integers(0, LEVELS, (40, 60)).astype(np.uint8).T
    found = downsample(criteria, reason_table(), Region(0, 40, 0, 60), grey)
    reasons = reason_table()[criteria]
    assert np.array_equal(found.codes[reasons == 0], grey[reasons == 0])
    bad = reasons > 0
    assert np.array_equal((found.codes[bad].astype(int) - LEVELS) // 16, reasons[bad].astype(int) - 1)
    assert np.array_equal((found.codes[bad].astype(int) - LEVELS) % 16, grey[bad] // 8)
