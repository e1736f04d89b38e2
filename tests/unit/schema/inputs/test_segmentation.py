"""Facts about the parameters of segmentation maps."""

import numpy as np
import pytest

from goodpix.schema.errors import DamagedValueError, UsageError
from goodpix.schema.inputs.segmentation import SEGMENT_SETTINGS, Segmentation

OTHERS = {
    "segment_threshold": "2",
    "segment_area": "9",
    "segment_mesh": "128x64",
    "segment_mesh_filter": "5",
    "segment_filter": "gauss_2.5_5x5",
}


def test_text_has_all_parameters() -> None:
    default = Segmentation("1.4.1")
    expected = "sep 1.4.1: threshold 1.5, area 6, mesh 256x256, mesh_filter 3x3, filter gauss_3.0_7x7"
    assert str(default) == expected
    assert str(Segmentation.of(OTHERS, "2.0.dev1+x")) == (
        "sep 2.0.dev1+x: threshold 2.0, area 9, mesh 128x64, mesh_filter 5x5, filter gauss_2.5_5x5"
    )


@pytest.mark.parametrize("settings", [{}, OTHERS, {"segment_filter": "none"}, {"segment_threshold": "1e-7"}])
def test_text_is_parsed(settings: dict[str, str]) -> None:
    parameters = Segmentation.of(settings, "1.4.1")
    assert Segmentation.parse(str(parameters)) == parameters


@pytest.mark.parametrize("text", ["file", "", "sep 1.4.1", str(Segmentation("1")) + "x", "sep 1: threshold 0, area 6"])
def test_other_text_is_damage(text: str) -> None:
    with pytest.raises(DamagedValueError, match="segmentation is"):
        Segmentation.parse(text)


def test_every_setting_has_a_meaning() -> None:
    assert set(OTHERS) == set(SEGMENT_SETTINGS)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("segment_threshold", value) for value in ("0", "-1", "nan", "inf", "high")),
        *(("segment_area", value) for value in ("0", "1.5", "100000", "")),
        *(("segment_mesh", value) for value in ("7", "256x", "x256", "64x64x64", "64x0")),
        *(("segment_mesh_filter", value) for value in ("0", "3x100")),
        *(("segment_filter", value) for value in ("gauss", "gauss_3_4x4", "gauss_0_3x3", "gauss_3_33x33", "../x.conv")),
    ],
)
def test_value_that_cannot_be_used_is_named(key: str, value: str) -> None:
    with pytest.raises(UsageError, match=rf"{key} is .*: expected"):
        Segmentation.of({key: value}, "1.4.1")


def test_unknown_setting_is_named() -> None:
    with pytest.raises(UsageError, match=r"no setting segment_treshold: expected segment_threshold or"):
        Segmentation.of({"segment_treshold": "2"}, "1.4.1")


@pytest.mark.parametrize(("name", "fwhm", "shape"), [("gauss_3.0_7x7", 3.0, (7, 7)), ("gauss_1.5_3x5", 1.5, (5, 3))])
def test_gaussian_is_averaged_over_pixels(name: str, fwhm: float, shape: tuple[int, int]) -> None:
    n = 401  # points of each pixel along an axis
    y, x = ((np.arange(size * n) + 0.5) / n - size / 2 for size in shape)
    values = np.exp(-4 * np.log(2) * (x**2 + y[:, None] ** 2) / fwhm**2)
    expected = values.reshape(shape[0], n, shape[1], n).mean(axis=(1, 3))
    kernel = Segmentation("1", filter=name).kernel
    assert kernel is not None
    np.testing.assert_allclose(kernel, expected, atol=1e-5)


def test_default_kernel_is_a_pyramid_and_there_may_be_none() -> None:
    kernel = Segmentation("1", filter="default").kernel
    assert kernel is not None
    assert kernel.tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
    assert Segmentation("1", filter="none").kernel is None
