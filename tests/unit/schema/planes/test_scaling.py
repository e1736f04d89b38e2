"""Facts about the pixels that stored numbers are."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.schema.errors import UnsupportedFitsError
from goodpix.schema.planes.scaling import Scaling, Want, answer


@pytest.mark.parametrize(
    ("bitpix", "scale", "zero", "dtype"),
    [
        (8, 1, 0, "u1"),
        (16, 1, 0, "i2"),
        (32, 1, 0, "i4"),
        (64, 1, 0, "i8"),
        (-32, 1, 0, "f4"),
        (-64, 1, 0, "f8"),
        (8, 1, -128, "i1"),
        (16, 1, 32768, "u2"),
        (32, 1, 2147483648, "u4"),
        (64, 1, 9223372036854775808, "u8"),
        (8, 1, 1, "i2"),
        (8, -1, 0, "i2"),
        (16, 2, 0, "i4"),
        (16, 1, 40000, "i4"),
        (32, 2, 0, "f8"),
        (32, 1, 1, "f8"),
        (8, 0.5, 0, "f4"),
        (16, 1, 0.5, "f4"),
        (32, 0.5, 0, "f8"),
        (-32, 2, 1, "f4"),
        (-64, 2, 1, "f8"),
    ],
)
def test_type_is_the_smallest_that_all_values_fit_in(bitpix: int, scale: float, zero: float, dtype: str) -> None:
    assert Scaling.of(bitpix, float(scale), float(zero), "a.fits[1]").dtype == np.dtype(dtype)


@pytest.mark.parametrize(("scale", "zero"), [(2.0, 0.0), (1.0, 1.0), (2.0, 2.0**63)])
def test_scaled_64_bit_integers_are_refused(scale: float, zero: float) -> None:
    with pytest.raises(
        UnsupportedFitsError, match=r"^a\.fits\[1\]: BITPIX, BSCALE, BZERO are 64, .*: expected BSCALE 1"
    ):
        Scaling.of(64, scale, zero, "a.fits[1]")


@pytest.mark.parametrize(
    ("scaling", "limits"),
    [
        (Scaling(np.dtype("u1")), (0, 255)),
        (Scaling(np.dtype("i2")), (-32768, 32767)),
        (Scaling(np.dtype("i8")), (-(1 << 31), (1 << 31) - 1)),
        (Scaling(np.dtype("f4")), (-(1 << 31), (1 << 31) - 1)),
        (Scaling(np.dtype("u2"), 1.0, 32768.0), (-(1 << 31), (1 << 31) - 1)),
    ],
)
def test_limits_are_those_of_integers_that_are_stored_as_they_are(scaling: Scaling, limits: tuple[int, int]) -> None:
    assert scaling.limits == limits


def written(scaling: Scaling, stored: npt.ArrayLike, want: Want = Want.VALUES, dtype: str = "i4") -> tuple[Any, bool]:
    """Return what is written of stored numbers, and whether all fit."""
    numbers = np.array(stored, dtype)
    out: npt.NDArray[Any] = np.empty(numbers.shape, scaling.dtype if want is Want.VALUES else np.bool_)
    fits = scaling.write(numbers, want, out)
    return out.tolist(), fits


def test_unsigned_integers_are_stored_below_zero() -> None:
    assert written(Scaling(np.dtype("u2"), 1.0, 32768.0), [-32768, -1, 0, 32767]) == ([0, 32767, 32768, 65535], True)


def test_unsigned_64_bit_integers_are_exact() -> None:
    stored = [-(1 << 63), -1, 0, (1 << 63) - 1]
    expected = [0, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]
    assert written(Scaling(np.dtype("u8"), 1.0, 2.0**63), stored, dtype="i8") == (expected, True)


def test_numbers_are_scaled_in_double_precision() -> None:
    (values, fits) = written(Scaling(np.dtype("f4"), 0.1, 100.0), [0, 1, 16777217], dtype="i4")
    expected = (np.array([0, 1, 16777217]) * 0.1 + 100.0).astype(np.float32)
    assert (values, fits) == (expected.tolist(), True)


def test_values_that_overflow_are_infinite() -> None:
    values, _ = written(Scaling(np.dtype("f4"), 1e30, 0.0), [1, 1_000_000_000])
    assert values == [pytest.approx(1e30), np.inf]


@pytest.mark.parametrize(
    ("scaling", "stored", "fits"),
    [
        (Scaling(np.dtype("u1")), [0, 255], True),
        (Scaling(np.dtype("u1")), [0, 256], False),
        (Scaling(np.dtype("u1")), [-1], False),
        (Scaling(np.dtype("u2"), 1.0, 32768.0), [-32768, 32767], True),
        (Scaling(np.dtype("u2"), 1.0, 32768.0), [-32769], False),
        (Scaling(np.dtype("i2")), [], True),
        (Scaling(np.dtype("f8")), [1 << 30], True),
    ],
)
def test_numbers_that_do_not_fit_are_told(scaling: Scaling, stored: list[int], fits: bool) -> None:
    assert written(scaling, stored)[1] == fits
    assert written(scaling, stored, Want.NONZERO)[1] == fits


@pytest.mark.parametrize(
    ("scaling", "stored", "nonzero", "positive"),
    [
        (Scaling(np.dtype("u2"), 1.0, 32768.0), [-32768, -32767, 0], [False, True, True], [False, True, True]),
        (Scaling(np.dtype("f4"), 1.0, -5.0), [4, 5, 6], [True, False, True], [False, False, True]),
        (Scaling(np.dtype("f4"), 1e-30, 0.0), [0, 1], [False, True], [False, True]),
        # too small for the type: the pixel is 0
        (Scaling(np.dtype("f4"), 1e-60, 0.0), [1], [False], [False]),
    ],
)
def test_question_is_about_the_pixel_and_not_the_stored_number(
    scaling: Scaling, stored: list[int], nonzero: list[bool], positive: list[bool]
) -> None:
    assert written(scaling, stored, Want.NONZERO)[0] == nonzero
    assert written(scaling, stored, Want.POSITIVE)[0] == positive


def test_number_too_small_for_the_type_is_zero() -> None:
    assert written(Scaling(np.dtype("f4")), [1e-60, 1.0], Want.POSITIVE, "f8")[0] == [False, True]


def test_nan_and_infinity_are_not_positive_and_not_zero() -> None:
    pixels = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1.0], np.float32)
    out = np.empty(7, np.bool_)
    answer(pixels, Want.POSITIVE, out)
    assert out.tolist() == [False, False, False, False, False, True, False]
    answer(pixels, Want.NONZERO, out)
    assert out.tolist() == [True, True, True, False, False, True, True]
