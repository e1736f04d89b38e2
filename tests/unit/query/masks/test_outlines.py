"""Outlines of connected pixels: the polygons hold these pixels and no others."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from regions import PixCoord, PolygonPixelRegion
from scipy import ndimage

from goodpix.query.masks.outlines import outlines

Image = npt.NDArray[np.bool_]

IMAGES = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))


def drawn(image: Image, min_pixels: int = 1) -> list[Image]:
    """Return the pixels whose centres each outline contains, as another library finds them."""
    out = []
    for corners in outlines(image, min_pixels):
        region = PolygonPixelRegion(PixCoord(*(corners.T - 0.5)))
        found = region.to_mask(mode="center").to_image(image.shape)
        out.append(np.zeros(image.shape, np.bool_) if found is None else found.astype(np.bool_))
    return out


@given(IMAGES)
def test_each_connected_area_has_one_polygon_that_holds_its_pixels(image: Image) -> None:
    labels, n = ndimage.label(image, np.ones((3, 3)))
    expected = [labels == number for number in range(1, n + 1)]
    found = drawn(image)
    assert sorted(each.tobytes() for each in found) == sorted(each.tobytes() for each in expected)


@given(IMAGES, st.integers(1, 5))
def test_small_areas_are_left_out(image: Image, min_pixels: int) -> None:
    labels, n = ndimage.label(image, np.ones((3, 3)))
    sizes = [int((labels == number).sum()) for number in range(1, n + 1)]
    found = [int(each.sum()) for each in drawn(image, min_pixels)]
    assert sorted(found) == sorted(size for size in sizes if size >= min_pixels)


@given(IMAGES)
def test_no_corner_is_straight_or_stands_twice_in_a_row(image: Image) -> None:
    for corners in outlines(image):
        steps = np.diff(np.concatenate([corners[-1:], corners]), axis=0)
        assert (np.abs(steps).sum(axis=1) > 0).all()
        turns = np.sign(np.concatenate([steps[1:], steps[:1]])) != np.sign(steps)
        assert turns.any(axis=1).all()


def test_rectangle_has_its_four_corners() -> None:
    image = np.zeros((6, 5), np.bool_)
    image[1:4, 2:5] = True
    (corners,) = outlines(image)
    assert sorted(map(tuple, corners.tolist())) == [(2, 1), (2, 4), (5, 1), (5, 4)]


@pytest.mark.parametrize("shape", [(1, 1), (3, 4)])
def test_image_without_such_pixels_has_no_outline(shape: tuple[int, int]) -> None:
    assert list(outlines(np.zeros(shape, np.bool_))) == []


def test_island_in_a_hole_is_an_area_of_its_own() -> None:
    image = np.ones((7, 7), np.bool_)
    image[1:6, 1:6] = False
    image[3, 3] = True
    assert sorted(int(each.sum()) for each in drawn(image)) == [1, 24]
