"""Values of images, against numbers worked out by hand."""

import math
from typing import Any

import pytest

from goodpix.query.maps.imagevalues import MEASURED, QUANTITIES, ImageValues

ROW: dict[str, Any] = {
    "magzp": 31.0,
    "skyvara": 100.0,
    "skyvarb": 400.0,
    "skysigma": 15.0,
    "skybrite": 700.0,
    "pixel_area": 0.07,
    "exptime": 90.0,
    "fwhm": 4.0,
}


def image(**changes: float | None) -> ImageValues:
    return ImageValues({**ROW, **changes})


def test_variance_is_that_of_each_amplifier() -> None:
    assert image().skyvar == (100.0, 400.0)


@pytest.mark.parametrize("nothing", [None, 0.0, -1.0, math.nan, math.inf])
def test_variance_falls_back_to_skysigma_and_to_stored_noise(nothing: float | None) -> None:
    assert image(skyvarb=nothing).skyvar == (100.0, 225.0)
    without = {**ROW, "skyvara": nothing, "skyvarb": nothing, "skysigma": nothing}
    assert ImageValues({**without, "stored_noise": 3.0}).skyvar == (9.0, 9.0)
    assert all(math.isnan(each) for each in ImageValues(without).skyvar)


def test_image_lacks_a_value_that_neither_half_has() -> None:
    complete = image(skybrite=2000.0, exptime=90.0, fwhm=4.0)
    nothing = {"skyvara": None, "skyvarb": None, "skysigma": None, "fwhm": 0.0, "exptime": math.nan, "skybrite": -1.0}
    assert complete.lacking == ()
    assert ImageValues({**complete.row, "skyvara": None, "skysigma": None}).lacking == ()
    assert ImageValues({**complete.row, **nothing}).lacking == tuple(MEASURED)
    assert ImageValues({**complete.row, **nothing, "stored_noise": 3.0}).lacking == ("fwhm", "skybrite", "exptime")


def test_noise_is_skysigma_or_the_root_of_the_variance() -> None:
    assert image().skysigma == (15.0, 15.0)
    assert image(skysigma=None).skysigma == (10.0, 20.0)


def test_weight_is_the_inverse_variance_at_zero_point_30() -> None:
    # 31 is one magnitude fainter per unit: a unit is 10^-0.4 units of zero point 30
    expected = 1 / (100.0 * 10**-0.8)
    assert image().weight == pytest.approx((expected, expected / 4))
    assert QUANTITIES["skyvar_zp30"].of(image()) == pytest.approx((100 * 10**-0.8, 400 * 10**-0.8))
    assert QUANTITIES["skysigma_zp30"].of(image()) == pytest.approx((15 * 10**-0.4,) * 2)


def test_weight_in_an_aperture_counts_its_pixels() -> None:
    a, _ = image().aperture_weight
    assert a == pytest.approx(image().weight[0] * 0.07 / math.pi)


def test_without_a_zero_point_there_is_no_weight() -> None:
    assert all(math.isnan(each) for each in image(magzp=None).weight)
    assert image(magzp=None).skyvar == (100.0, 400.0)


def test_surface_brightness_of_the_sky() -> None:
    assert image().mu_sky == (21.0, 21.0)  # 10,000 per arcsec^2
    assert math.isnan(image(skybrite=None).given_mu_sky)


@pytest.mark.parametrize(("magzp", "known"), [(24.4, False), (24.5, True), (35.0, True), (35.1, False)])
def test_surface_brightness_of_no_night_sky_is_null(magzp: float, known: bool) -> None:
    assert math.isnan(image(magzp=magzp).mu_sky[0]) != known
    assert image(magzp=magzp).given_mu_sky == pytest.approx(magzp - 10)


def test_header_values() -> None:
    assert QUANTITIES["fwhm"].of(image()) == (4.0, 4.0)
    assert all(math.isnan(each) for each in QUANTITIES["exptime"].of(image(exptime=None)))
