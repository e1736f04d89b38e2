"""Set operations on small masks, pixel by pixel; laws are in the property tests."""

from collections.abc import Callable

import numpy as np
import pytest

from goodpix.schema.amplifiers import Region
from goodpix.schema.bits import OWN_CUT
from goodpix.schema.errors import UsageError
from goodpix.schema.masks.rle import Runs, decode, encode
from goodpix.schema.masks.runalgebra import complement, crop, good_in_both, good_in_either, good_in_one, overlay

# pairs of flags of two masks, one above the other: both good, either bad, both bad
A = encode(np.array([[0, 0, 1, 1]]))
B = encode(np.array([[0, 2, 0, 2]]))


@pytest.mark.parametrize(
    ("combine", "expected"),
    [
        (good_in_both, [0, 2, 1, 3]),
        (good_in_either, [0, 0, 0, 3]),
        (good_in_one, [OWN_CUT, 0, 0, 3]),
    ],
)
def test_pixels_combine(combine: Callable[[Runs, Runs], Runs], expected: list[int]) -> None:
    assert decode(combine(A, B)).tolist() == [expected]


def test_mask_bits_alone_do_not_make_a_pixel_bad() -> None:
    star = 1 << 13
    assert decode(complement(encode(np.array([[star, 4 | star]])))).tolist() == [[OWN_CUT, 0]]
    assert decode(good_in_either(encode(np.array([[star, 4 | star]])), encode(np.array([[1, 1]])))).tolist() == [
        [0, 5 | star]
    ]


def test_cropped_runs_are_those_of_the_box() -> None:
    image = np.arange(30).reshape(5, 6)
    np.testing.assert_array_equal(decode(crop(encode(image), Region(2, 5, 1, 4))), image[1:4, 2:5])


def test_segments_end_where_a_run_of_either_image_ends() -> None:
    a, b = encode(np.array([[7], [7], [8], [9]])), encode(np.array([[1], [2], [2], [3]]))
    found = overlay(a.lengths, a.flags, b.lengths, b.flags)
    assert (found.lengths.tolist(), found.a.tolist(), found.b.tolist()) == ([1, 1, 1, 1], [7, 7, 8, 9], [1, 2, 2, 3])
    same = overlay(a.lengths, a.flags, a.lengths, a.flags)
    assert (same.lengths.tolist(), same.a.tolist()) == ([2, 1, 1], [7, 8, 9])


def test_masks_of_different_images_are_refused() -> None:
    with pytest.raises(UsageError, match="masks of 4 x 1 and 1 x 4 pixels"):
        good_in_both(A, encode(np.zeros((4, 1), np.int64)))
