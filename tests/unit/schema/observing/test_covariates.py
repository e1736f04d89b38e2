"""Facts about the columns computed from an image's time, position and profile."""

from dataclasses import dataclass

import numpy as np
import pytest

from goodpix.schema.observing.covariates import COMPUTED, computed_columns

from ....astropysky import astropy_columns

OF_TIME = ["moon_separation", "moon_altitude", "moon_illumination", "sun_altitude"]
LATITUDES = ["galactic_latitude", "ecliptic_latitude"]


@dataclass(frozen=True)
class Image:
    mjd_obs: float | None = 57000.2
    exptime: float | None = 90.0
    airmass: float | None = None
    ra_cent: float = 10.0
    dec_cent: float = -30.0
    profile: str | None = "des"


def columns(image: Image) -> dict[str, float | None]:
    (found,) = computed_columns([image])
    assert tuple(found) == COMPUTED
    return found


def test_columns_are_those_of_astropy_at_mid_exposure() -> None:
    images = [
        Image(57000.20, 3600.0, ra_cent=0.0, dec_cent=-10.0),
        Image(57000.25, 90.0, ra_cent=359.99, dec_cent=-60.0),
        Image(56600.1, None, ra_cent=100.0, dec_cent=-89.9),
        Image(58100.3, 45.0, ra_cent=30.0, dec_cent=-89.99),
    ]
    mid = np.array([57000.20 + 0.5 / 24, 57000.25 + 45 / 86400, 56600.1, 58100.3 + 22.5 / 86400])
    expected = astropy_columns(mid, [each.ra_cent for each in images], [each.dec_cent for each in images])
    found = computed_columns(images)
    assert [each["airmass"] is None for each in found] == (expected["airmass"] < 0).tolist()
    for k, row in enumerate(found):
        for name in COMPUTED:
            if row[name] is not None:
                assert row[name] == pytest.approx(expected[name][k], abs=1e-3), name


def test_values_have_6_decimals() -> None:
    assert all(value is None or value == round(value, 6) for value in columns(Image()).values())


def test_start_is_taken_where_the_exposure_time_is_unknown() -> None:
    assert columns(Image(exptime=None)) == columns(Image(exptime=0.0)) != columns(Image(exptime=900.0))


def test_airmass_of_the_header_stays_as_it_is() -> None:
    assert columns(Image(airmass=1.23456789))["airmass"] == 1.23456789


def test_airmass_below_the_horizon_is_null() -> None:
    below = columns(Image(dec_cent=89.0))
    assert below["airmass"] is None
    assert below["moon_separation"] is not None


@pytest.mark.parametrize("mjd_obs", [None, 0.0, -1e9, 41316.9, 88070.0, 1e300])
def test_time_that_is_unknown_or_absurd_leaves_the_latitudes(mjd_obs: float | None) -> None:
    found = columns(Image(mjd_obs=mjd_obs))
    assert [found[name] for name in (*OF_TIME, "airmass")] == [None] * 5
    assert [found[name] for name in LATITUDES] == [columns(Image())[name] for name in LATITUDES]


@pytest.mark.parametrize("exptime", [1e300, -5.0])
def test_absurd_exposure_time_is_no_error(exptime: float) -> None:
    assert (columns(Image(exptime=exptime))["moon_altitude"] is None) == (exptime > 0)


def test_profile_without_a_site_has_latitudes_and_the_airmass_of_the_header() -> None:
    images = [Image(profile="elsewhere", airmass=1.5), Image(profile=None), Image(profile="elsewhere"), Image()]
    elsewhere, format_1, without, des = computed_columns(images)
    assert [elsewhere[name] for name in OF_TIME] == [None] * 4
    assert (elsewhere["airmass"], without["airmass"]) == (1.5, None)
    assert elsewhere["galactic_latitude"] == des["galactic_latitude"]
    assert format_1 == des


def test_image_has_the_same_values_alone_and_among_others() -> None:
    rng = np.random.default_rng(7)
    facts = zip(rng.integers(0, 9, 50) / 7, rng.uniform(0, 360, 50), rng.uniform(-90, 30, 50), strict=True)
    images = [Image(57000 + day, 90.0, None, ra, dec) for day, ra, dec in facts]
    assert computed_columns(images) == [columns(each) for each in images]
    assert computed_columns(images[::-1]) == computed_columns(images)[::-1]


def test_no_images_have_no_columns() -> None:
    assert computed_columns([]) == []
