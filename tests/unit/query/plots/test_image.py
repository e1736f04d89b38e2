"""The image behind a mask, and the grey levels that show it."""

import json
from pathlib import Path

import fitsio
import numpy as np
import pytest

from goodpix.query.masks.mask import Mask
from goodpix.query.plots.image import grey_levels, image_behind
from goodpix.schema.errors import FitsFileError, PlaneError, UsageError
from goodpix.schema.masks.rle import encode
from goodpix.schema.rows import MaskKey

PIXELS = np.random.default_rng(3).normal(10, 2, (9, 7)).astype(np.float32)
KEY = MaskKey("T", "r", "epoch", 1, 11)


def mask_of(path: Path, shape: tuple[int, int] = (9, 7)) -> Mask:
    row = {"planes": json.dumps({"image": [str(path), "sci"]}), "ny": shape[0], "nx": shape[1]}
    return Mask(KEY, encode(np.zeros(shape, np.int64)), row=row)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with fitsio.FITS(tmp_path / "image.fits", "rw") as fits:
        fits.write(PIXELS, extname="sci")
    return tmp_path / "image.fits"


def test_image_is_the_one_that_the_row_names(path: Path) -> None:
    found = image_behind(mask_of(path))
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, PIXELS)


@pytest.mark.parametrize("box", [(0, 7, 0, 9), (2, 5, 3, 8), (6, 7, 8, 9)])
def test_cutout_has_the_pixels_of_its_place(path: Path, box: tuple[int, int, int, int]) -> None:
    x0, x1, y0, y1 = box
    np.testing.assert_array_equal(image_behind(mask_of(path).cutout(*box)), PIXELS[y0:y1, x0:x1])


def test_image_of_another_size_is_refused(path: Path) -> None:
    with pytest.raises(PlaneError, match=r"image\.fits\[sci\] is 7 x 9: its mask is 8 x 9"):
        image_behind(mask_of(path, (9, 8)))


def test_image_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FitsFileError, match=r"gone\.fits"):
        image_behind(mask_of(tmp_path / "gone.fits"))


def test_mask_of_ones_own_has_no_image() -> None:
    with pytest.raises(UsageError, match="has no image: expected a mask from a catalogue"):
        image_behind(Mask.from_bool(np.ones((4, 5), np.bool_)))


def test_levels_are_about_the_median_of_good_pixels_in_units_of_their_noise() -> None:
    image = np.full((50, 40), 1e6, np.float32)
    good = np.zeros(image.shape, np.bool_)
    good[:25] = True
    image[good] = np.random.default_rng(4).normal(100, 3, 1000)
    black, white = grey_levels(image, good)
    middle, sigma = np.median(image[good]), 1.4826 * np.median(np.abs(image[good] - np.median(image[good])))
    assert (black, white) == pytest.approx((middle - 4 * sigma, middle + 7 * sigma), rel=1e-4)


def test_without_good_pixels_all_finite_ones_are_used() -> None:
    nothing = np.zeros(PIXELS.shape, np.bool_)
    assert grey_levels(PIXELS, nothing) == grey_levels(PIXELS, ~nothing)


@pytest.mark.parametrize(
    ("values", "levels"),
    [([np.nan, np.inf], (0.0, 1.0)), ([5.0, 5.0], (-15.0, 40.0)), ([0.0, 0.0], (-4.0, 7.0)), ([-5.0], (-25.0, 30.0))],
)
def test_levels_differ_whatever_the_pixels_are(values: list[float], levels: tuple[float, float]) -> None:
    image = np.array([values], np.float32)
    assert grey_levels(image, np.isfinite(image)) == pytest.approx(levels)


def test_pixels_that_are_no_number_do_not_count() -> None:
    image = PIXELS.copy()
    image[0, 0], image[1, 1] = np.nan, np.inf
    good = np.ones(image.shape, np.bool_)
    assert grey_levels(image, good) == grey_levels(image, np.isfinite(image))
