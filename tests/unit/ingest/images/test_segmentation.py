"""Facts about segmentation maps made with sep, against a detection in scipy."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sep
from scipy import ndimage

from goodpix.ingest.images import segmentation
from goodpix.ingest.images.segmentation import check_version, detect_objects, sep_version
from goodpix.schema.errors import MissingLibraryError
from goodpix.schema.inputs.segmentation import Segmentation

from ....sourceextractor import (
    Booleans,
    Pixels,
    intersection_over_union,
    needs_source_extractor,
    source_extractor_map,
)

STORED = Path(__file__).resolve().parents[3] / "data" / "segmentation" / "source_extractor.npz"
DEFAULT = Segmentation(sep.__version__)
FINE = Segmentation(sep.__version__, mesh=(64, 64))  # follows the sloping sky


def some_image(seed: int = 1, shape: tuple[int, int] = (150, 130)) -> tuple[Pixels, Pixels, Booleans]:
    """Return an image of stars on a sloping sky, noisier at high x, its weights and its masked pixels."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)
    sigma = np.where(x < shape[1] // 2, 3.0, 6.0)
    image = rng.normal(400 + 0.1 * x + 0.05 * y, sigma)
    for _ in range(25):
        at, flux = rng.uniform(0, shape), 10 ** rng.uniform(2, 5)
        image += flux / 18 * np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / 6)
    weight = sigma**-2
    weight[:, 40] = 0
    weight[rng.random(shape) < 0.01] = -1
    masked = rng.random(shape) < 0.03
    masked |= image > 3000  # saturated
    image[masked] = 60_000
    return image.astype(np.float32), weight.astype(np.float32), masked


def stored_planes() -> tuple[Pixels, Pixels, Booleans, Booleans]:
    """Return image, weight and masked pixels of ``some_image(7)``, and the pixels that Source Extractor detects."""
    with np.load(STORED) as stored:
        return stored["image"], stored["weight"], stored["masked"], stored["objects"]


def expected_objects(image: Pixels, weight: Pixels, masked: Booleans, parameters: Segmentation) -> Booleans:
    """Return the pixels in objects, found with scipy above the background of sep."""
    good = ~masked & np.isfinite(weight) & (weight > 0) & np.isfinite(image)
    data = np.where(good, image, 0).astype(np.float32)
    (bw, bh), (fw, fh) = parameters.mesh, parameters.mesh_filter
    sky = sep.Background(data, mask=~good, bw=bw, bh=bh, fw=fw, fh=fh).back()
    above = np.where(good, data - sky, 0).astype(float)
    if parameters.kernel is not None:
        kernel = parameters.kernel.astype(float)
        above = ndimage.convolve(above, kernel / kernel.sum(), mode="constant")
    over = good & (above > parameters.threshold / np.sqrt(np.where(good, weight, 1)))
    labels, n = ndimage.label(over, np.ones((3, 3)))
    sizes = ndimage.sum(over, labels, np.arange(n + 1))
    found: Booleans = over & (sizes[labels] >= parameters.area)
    return found


@pytest.mark.parametrize(
    "parameters",
    [
        DEFAULT,
        replace(DEFAULT, threshold=0.7, area=1),
        replace(DEFAULT, filter="default", mesh=(64, 32), mesh_filter=(1, 3)),
        replace(DEFAULT, filter="none", area=3),
        replace(DEFAULT, filter="gauss_2.0_3x5"),
    ],
    ids=str,
)
def test_objects_are_connected_pixels_over_the_noise(parameters: Segmentation) -> None:
    planes = some_image()
    found, expected = detect_objects(*planes, parameters), expected_objects(*planes, parameters)
    assert 200 < expected.sum() < 8000
    # values of 32 bits within rounding of the threshold, and objects of which they are a part
    assert (found != expected).sum() <= 2 * parameters.area


def test_neither_masked_nor_unweighted_pixels_are_in_objects_or_the_sky() -> None:
    image, weight, masked = some_image()
    found = detect_objects(image, weight, masked, DEFAULT)
    unusable = masked | ~(weight > 0)
    assert not found[unusable].any()
    for value in (-1e9, 1e9, np.nan, np.inf):
        changed = np.where(unusable, value, image).astype(np.float32)
        np.testing.assert_array_equal(detect_objects(changed, weight, masked, DEFAULT), found)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_value_or_weight_that_is_not_finite_is_masked(value: float) -> None:
    image, weight, masked = some_image()
    where = (slice(20, 30), slice(60, 70))
    expected = masked.copy()
    expected[where] = True
    found = detect_objects(image, weight, expected, DEFAULT)
    odd = image.copy()
    odd[where] = value
    np.testing.assert_array_equal(detect_objects(odd, weight, masked, DEFAULT), found)
    odd = weight.copy()
    odd[where] = value
    np.testing.assert_array_equal(detect_objects(image, odd, masked, DEFAULT), found)


def test_bytes_of_any_order_and_memory_of_any_layout_are_read() -> None:
    image, weight, masked = some_image()
    found = detect_objects(image, weight, masked, DEFAULT)
    swapped = detect_objects(image.astype(">f4"), weight.astype(">f8"), masked, DEFAULT)
    np.testing.assert_array_equal(swapped, detect_objects(image, weight.astype(float), masked, DEFAULT))
    turned = np.asfortranarray(image), np.asfortranarray(weight), np.asfortranarray(masked)
    np.testing.assert_array_equal(detect_objects(*turned, DEFAULT), found)
    before = image.copy()
    detect_objects(image, weight, masked, DEFAULT)
    np.testing.assert_array_equal(image, before)


def test_image_without_a_usable_pixel_has_no_objects() -> None:
    image, weight, masked = some_image()
    assert not detect_objects(image, weight, np.ones_like(masked), DEFAULT).any()
    assert not detect_objects(image, np.zeros_like(weight), masked, DEFAULT).any()


def test_pixels_of_objects_may_be_more_than_the_stack_holds_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    image, weight, masked = some_image()
    parameters = replace(DEFAULT, threshold=0.01, area=1)
    found = detect_objects(image, weight, masked, parameters)
    before = sep.get_extract_pixstack()
    monkeypatch.setattr(segmentation, "_PIXEL_STACK", 16)
    np.testing.assert_array_equal(detect_objects(image, weight, masked, parameters), found)
    assert sep.get_extract_pixstack() == before


def test_threads_find_the_same_objects_side_by_side() -> None:
    images = [some_image(seed) for seed in range(4)]
    one_by_one = [detect_objects(*each, DEFAULT) for each in images]
    with ThreadPoolExecutor(4) as threads:
        for found, expected in zip(
            threads.map(detect_objects, *zip(*images, strict=True), [DEFAULT] * 4), one_by_one, strict=True
        ):
            np.testing.assert_array_equal(found, expected)


def test_map_is_that_of_source_extractor_as_stored() -> None:
    image, weight, masked, expected = stored_planes()
    good = ~masked & (weight > 0)
    assert 1000 < (expected & good).sum() < 4000
    assert intersection_over_union(detect_objects(image, weight, masked, FINE), expected, good) > 0.95


@needs_source_extractor
def test_stored_map_is_that_of_source_extractor(tmp_path: Path) -> None:
    image, weight, masked, objects = stored_planes()
    found = source_extractor_map(tmp_path, image, weight, masked | ~(weight > 0), FINE)
    np.testing.assert_array_equal(objects, found)


def test_library_that_is_missing_or_of_another_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sep_version() == sep.__version__
    check_version(DEFAULT)
    with pytest.raises(MissingLibraryError, match=r"are made by sep 0\.1: pip install sep==0\.1"):
        check_version(replace(DEFAULT, version="0.1"))
    modules: dict[str, Any] = sys.modules
    monkeypatch.setitem(modules, "sep", None)
    with pytest.raises(MissingLibraryError, match=r"sep is not installed: pip install 'goodpix\[segment\]'"):
        sep_version()
