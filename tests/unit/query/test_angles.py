"""Angles with units and as text."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.coordinates import Angle, Longitude, SkyCoord
from astropy.table import Column, MaskedColumn

from goodpix.query.angles import angle_of_text, corner_degrees, degrees, position_degrees
from goodpix.schema.errors import UsageError


@pytest.mark.parametrize(
    "given",
    [
        [22.5, -15.0],
        np.array([22.5, -15.0]) * u.deg,
        np.array([1.5, -1.0]) * u.hourangle,
        np.radians([22.5, -15.0]) * u.rad,
        [22.5 * u.deg, -900 * u.arcmin],
        Angle(["1h30m", "-1h"]),
        Column([22.5, -15.0]),
        Column([1.5, -1.0], unit="hourangle"),
        MaskedColumn([22.5, -15.0], unit=u.deg),
        pd.Series([22.5, -15.0]),
    ],
    ids=lambda given: type(given).__name__,
)
def test_units_are_taken_into_account(given: Any) -> None:
    np.testing.assert_allclose(degrees("ra", given), [22.5, -15.0], rtol=1e-15)


def test_scalar_stays_one() -> None:
    assert degrees("radius", 30 * u.arcsec) == pytest.approx(30 / 3600, rel=1e-15)
    assert degrees("ra", Longitude("1h30m")).shape == ()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3 * u.m, r"ra is <Quantity 3\. m>: expected degrees"),
        (3 * u.one, "ra is <Quantity 3.>: expected degrees"),
        (MaskedColumn([1.0, 2.0], mask=[True, False]), "ra has masked values: expected degrees"),
        ("north", "ra is 'north': expected degrees"),
        ([1.0, np.nan], "ra is nan: expected finite degrees"),
        ({"ra": 3}, "ra is {'ra': 3}: expected degrees"),
    ],
)
def test_what_is_no_angle_is_refused(given: Any, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{message}"):
        degrees("ra", given)


def test_sky_coordinates_are_taken_in_any_frame() -> None:
    coord = SkyCoord([22.5, 22.6] * u.deg, [-32.1, -32.2] * u.deg)
    cartesian = SkyCoord(coord.galactic.cartesian, frame="galactic", representation_type="cartesian")
    for given in (coord, coord.galactic, list(coord), cartesian):
        ra, dec = position_degrees(given, None)
        np.testing.assert_allclose([ra, dec], [[22.5, 22.6], [-32.1, -32.2]], rtol=1e-12)
    ra, dec = position_degrees(coord[0].fk5, None)
    assert (ra.shape, dec.shape) == ((), ())


@pytest.mark.parametrize("how", ["pairs", "pairs of other units", "list of coordinates", "numbers"])
def test_corners_are_taken_with_their_units(how: str) -> None:
    corners = [(22.5, -32.1), (22.6, -32.1), (22.6, -32.0)]
    given = {
        "pairs": [(ra * u.deg, dec * u.deg) for ra, dec in corners],
        "pairs of other units": [(Angle(ra / 15, "hourangle"), np.radians(dec) * u.rad) for ra, dec in corners],
        "list of coordinates": [SkyCoord(*each, unit="deg").galactic for each in corners],
        "numbers": corners,
    }
    np.testing.assert_allclose(corner_degrees(given[how]), corners, rtol=1e-12)


def test_corners_that_are_no_pairs_are_refused() -> None:
    with pytest.raises(UsageError, match=r"^polygon is .*: expected pairs \(ra, dec\) of three or more corners$"):
        corner_degrees([(1 * u.deg, 2 * u.deg), (1 * u.deg,), 3 * u.deg])


def test_sky_coordinate_beside_a_declination_is_refused() -> None:
    with pytest.raises(UsageError, match="ra is a SkyCoord and dec is given"):
        position_degrees(SkyCoord(1 * u.deg, 2 * u.deg), 2)
    assert position_degrees(None, None) == (None, None)


@pytest.mark.parametrize(
    ("text", "hours", "expected"),
    [
        ("22.5", True, 22.5),
        ("-1.5e1", True, -15.0),
        ("01:30:00", True, 22.5),
        ("1 30 00", True, 22.5),
        ("1h30m", True, 22.5),
        ("22d30m", True, 22.5),
        ("-32:06:00", False, -32.1),
        ("-00:30:00", False, -0.5),
        ("-32d06m00s", False, -32.1),
        ("01:30:60", False, 1 + 31 / 60),
        ("30arcsec", False, 30 / 3600),
        ("1.5deg", False, 1.5),
        ('30"', False, 30 / 3600),
    ],
)
def test_text_is_degrees_or_sexagesimal(text: str, hours: bool, expected: float) -> None:
    assert angle_of_text("RA", text, hours=hours) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("text", ["", "north", "12:70:00", "1:2:3:4", "30m/s", "3m^2", "25:00:00x"])
def test_text_that_is_no_angle_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^DEC is '.*': expected degrees, or an angle such as -32:06:01"):
        angle_of_text("DEC", text)
