"""Facts about dilation by a disc."""

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from goodpix.schema.errors import UsageError
from goodpix.schema.masks.dilation import dilate, squared_distance

RADII = [0, 0.5, 1, np.sqrt(2), 1.5, 2, 2.9, 3, 5, 8.25, 16, 40, 300]


def disc(radius: float, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Return the pixels within a radius of the middle one, as far as an image of that shape can tell."""
    ny, nx = (min(int(radius), n - 1) for n in shape)
    y, x = np.mgrid[-ny : ny + 1, -nx : nx + 1]
    within: npt.NDArray[np.bool_] = x**2 + y**2 <= radius**2
    return within


@pytest.mark.parametrize(
    ("shape", "share"),
    [
        *itertools.product([(1, 1), (1, 40), (37, 1), (23, 31)], [0.0, 0.01, 0.2, 1.0]),
        *itertools.product([(70, 45)], [0.01, 0.2]),
    ],
    ids=str,
)
def test_dilation_is_that_of_scipy(shape: tuple[int, int], share: float) -> None:
    pixels = np.random.default_rng(5).random(shape) < share
    for radius in RADII:
        expected = ndimage.binary_dilation(pixels, disc(radius, shape))
        for each in (pixels, np.asfortranarray(pixels)):
            np.testing.assert_array_equal(dilate(each, radius), expected, f"radius {radius}")


def test_distance_of_hundreds_of_pixels_is_exact() -> None:
    pixels: npt.NDArray[np.bool_] = np.zeros((700, 900), np.bool_)
    pixels[300, 400] = True
    y, x = np.indices(pixels.shape)
    assert np.array_equal(dilate(pixels, 289.5), (y - 300) ** 2 + (x - 400) ** 2 <= 289.5**2)


@pytest.mark.parametrize("radius", [-1, np.nan, np.inf])
def test_radius_that_is_no_length_is_refused(radius: float) -> None:
    with pytest.raises(UsageError, match="expected 0 pixels or more"):
        dilate(np.ones((2, 2), np.bool_), radius)


@pytest.mark.parametrize("share", [0.0, 0.003, 0.2, 1.0])
@pytest.mark.parametrize("reach", [0, 1, 7, 16, 300])
def test_squared_distance_is_that_of_scipy(reach: int, share: float) -> None:
    pixels = np.random.default_rng(6).random((70, 45)) < share
    found = squared_distance(pixels, reach)
    if share:
        exact = np.rint(ndimage.distance_transform_edt(~pixels) ** 2)
        assert np.array_equal(found, np.minimum(exact, reach**2 + 1))
    assert found.min() > reach**2 or share
    for radius in (0.5, 1, 1.5, 6.9, 16):
        if radius <= reach:
            assert np.array_equal(found <= radius**2, dilate(pixels, radius))


@pytest.mark.parametrize("reach", [-1, 10_001])
def test_reach_that_is_no_length_is_refused(reach: int) -> None:
    with pytest.raises(UsageError, match="expected 0 to 10000 pixels"):
        squared_distance(np.ones((2, 2), np.bool_), reach)
