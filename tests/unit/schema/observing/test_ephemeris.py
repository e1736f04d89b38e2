"""Facts about the moon, the sun and latitudes, from almanacs and from astropy."""

import numpy as np
import pytest
from astropy.time import Time

from goodpix.schema.observing.ephemeris import LAST_MJD, START_MJD, Appearance, latitudes, observe
from goodpix.schema.observing.sites import CERRO_TOLOLO, Site

from ....astropysky import astropy_columns


def at(*times: str, ra: float = 0.0, dec: float = -30.0, site: Site = CERRO_TOLOLO) -> Appearance:
    mjd = np.atleast_1d(Time(list(times), scale="utc").mjd)
    return observe(mjd, np.full(mjd.shape, ra), np.full(mjd.shape, dec), site)


def test_sky_is_as_astropy_sees_it() -> None:
    rng = np.random.default_rng(20)
    n = 300
    mjd, ra, dec = rng.uniform(51600, 60900, n), rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    ra[:40:2], dec[40:50], dec[50:60] = 0.0, -90.0, 90.0
    mjd[100:200] = mjd[100]  # an exposure
    found, expected = observe(mjd, ra, dec, CERRO_TOLOLO), astropy_columns(mjd, ra, dec)
    for name, tolerance in (
        ("moon_separation", 3e-4),
        ("moon_altitude", 6e-4),
        ("moon_illumination", 1e-4),
        ("sun_altitude", 6e-4),
    ):
        np.testing.assert_allclose(getattr(found, name), expected[name], rtol=0, atol=tolerance)
    above = found.altitude > 5
    assert above.sum() > 50
    np.testing.assert_allclose(1 / np.sin(np.radians(found.altitude[above])), expected["airmass"][above], rtol=2e-4)


@pytest.mark.parametrize(
    ("time", "fraction"),
    [
        ("2015-09-28T02:47", 1.0),  # total eclipse of the moon
        ("2015-11-19T06:27", 0.5),  # first quarter
        ("2016-03-09T01:57", 0.0),  # total eclipse of the sun
    ],
)
def test_moon_has_the_phase_of_the_almanac(time: str, fraction: float) -> None:
    assert at(time).moon_illumination == pytest.approx([fraction], abs=0.003)


def test_moon_covers_the_sun_over_cerro_tololo_in_july_2019() -> None:
    # in totality the centres are within 0.012 degrees, the difference of the radii; the sun stood 13 degrees high
    seen = at("2019-07-02T20:39:30")
    assert abs(seen.moon_altitude - seen.sun_altitude) < 0.01
    assert seen.sun_altitude == pytest.approx([13.0], abs=0.1)
    elsewhere = at("2019-07-02T20:39:30", site=Site(-70.8, 30.2, 2207.0))
    assert abs(elsewhere.moon_altitude - elsewhere.sun_altitude) > 0.3


def test_celestial_pole_stands_as_high_as_the_site_is_south() -> None:
    # of the year's equator, which has turned by 0.09 degrees since 2000
    assert at("2016-01-01", "2016-01-01T06:00", dec=-90.0).altitude == pytest.approx(30.17, abs=0.1)
    assert at("2016-01-01", dec=90.0).altitude == pytest.approx(-30.17, abs=0.1)


def test_separation_has_no_seam_at_right_ascension_0() -> None:
    mjd = np.array([57000.0, 57000.0])
    seen = observe(mjd, np.array([1e-7, 360 - 1e-7]), np.array([10.0, 10.0]), CERRO_TOLOLO)
    assert seen.moon_separation[0] == pytest.approx(seen.moon_separation[1], abs=1e-6)


def test_image_is_seen_alike_alone_and_among_others() -> None:
    mjd, ra, dec = np.array([57000.3, 56999.1, 57000.3]), np.array([10.0, 20.0, 350.0]), np.array([-30.0, 0.0, 5.0])
    every = observe(mjd, ra, dec, CERRO_TOLOLO)
    for k in range(3):
        alone = observe(mjd[[k]], ra[[k]], dec[[k]], CERRO_TOLOLO)
        assert alone.moon_separation == pytest.approx(every.moon_separation[[k]], abs=1e-9)
        assert alone.altitude == pytest.approx(every.altitude[[k]], abs=1e-9)


@pytest.mark.parametrize("mjd", [START_MJD, 51543.9, 60675.1, 70000.0, LAST_MJD])
def test_ends_of_the_range_and_of_the_table_have_numbers(mjd: float) -> None:
    seen = observe(np.array([mjd]), np.array([0.0]), np.array([0.0]), CERRO_TOLOLO)
    assert np.isfinite(seen.moon_separation).all()
    assert -90 <= seen.sun_altitude[0] <= 90


def test_sun_rises_at_midnight_of_no_site() -> None:
    # at lower culmination in June, the sun is 90 - 30.2 - 23.4 + 2 x 23.4 degrees below: 180 less its noon altitude
    noon, midnight = at("2016-06-21T16:45").sun_altitude, at("2016-06-21T04:45").sun_altitude
    assert noon == pytest.approx(90 - 30.17 - 23.44, abs=0.05)
    assert midnight == pytest.approx(-(90 - 30.17 + 23.44), abs=0.05)


def test_latitudes_are_90_degrees_at_the_poles() -> None:
    galactic, ecliptic = latitudes(np.array([192.85948, 270.0, 0.0]), np.array([27.12825, 66.560709, 0.0]))
    assert galactic[0] == pytest.approx(90.0, abs=1e-4)
    assert ecliptic[1] == pytest.approx(90.0, abs=1e-3)
    assert ecliptic[2] == pytest.approx(0.0, abs=1e-4)


def test_latitudes_are_those_of_astropy() -> None:
    rng = np.random.default_rng(21)
    ra, dec = rng.uniform(0, 360, 200), np.degrees(np.arcsin(rng.uniform(-1, 1, 200)))
    ra[:20], dec[20:25], dec[25:30] = 0.0, 90.0, -90.0
    expected = astropy_columns(57000.0, ra, dec)
    galactic, ecliptic = latitudes(ra, dec)
    np.testing.assert_allclose(galactic, expected["galactic_latitude"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(ecliptic, expected["ecliptic_latitude"], rtol=0, atol=1e-5)
