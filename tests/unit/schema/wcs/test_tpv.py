"""TPV keywords against the registry of FITS conventions and wcslib."""

from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from numpy.polynomial.polynomial import polyval2d

from goodpix.schema.wcs.tpv import is_polynomial, pv_coefficients, tangent_frame

from .headers import SIP, tan, tpv


@pytest.mark.parametrize(
    ("m", "powers"), [(0, (0, 0)), (1, (1, 0)), (2, (0, 1)), (5, (1, 1)), (7, (3, 0)), (12, (4, 0)), (38, (0, 7))]
)
def test_terms_have_the_powers_of_the_registry(m: int, powers: tuple[int, int]) -> None:
    # https://fits.gsfc.nasa.gov/registry/tpvwcs/tpv.html
    found = pv_coefficients({"CRVAL1": 0.0, f"PV1_{m}": 0.5, f"PV2_{m}": 0.25})
    assert (found[0][powers], found[1][powers[::-1]]) == (0.5, 0.25)
    # besides those only the linear terms, which are 1 where they are absent
    expected = {(0, *powers), (1, *powers[::-1])} | ({(0, 1, 0), (1, 0, 1)} if m != 1 else set())
    assert {tuple(at) for at in np.argwhere(found).tolist()} == expected


def test_polynomials_are_those_of_wcslib() -> None:
    cards = tpv()
    u, v = np.random.default_rng(3).uniform(-0.5, 0.5, (2, 40))
    found = [polyval2d(u, v, each) for each in pv_coefficients(cards)]
    # without rotation, wcslib's pixels are intermediate world coordinates in degrees
    plain = cards | {"CRPIX1": 1, "CRPIX2": 1, "CD1_1": 1, "CD1_2": 0, "CD2_1": 0, "CD2_2": 1}
    tangent = {key: value for key, value in plain.items() if not key.startswith("PV")}
    tangent |= {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}
    of_cards, without = (WCS(fits.Header(list(each.items()))) for each in (plain, tangent))
    expected = without.wcs_world2pix(of_cards.all_pix2world(np.array([u, v]).T, 0), 0).T
    np.testing.assert_allclose(np.array(found), expected, rtol=0, atol=1e-11)


def test_many_headers_come_first_in_the_shape() -> None:
    found = pv_coefficients({"CRVAL1": np.zeros(3), "PV1_4": np.array([0.0, 2.0, 3.0])})
    assert found.shape == (3, 2, 3, 3)
    assert found[:, 0, 2, 0].tolist() == [0.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        (tan(), True),
        (tpv(), True),
        (tpv(PV1_3=0.0), True),
        (tpv(PV1_3=1e-9), False),
        (tpv(PV2_39=1e-9), False),
        (tan(PV1_1=1.0), False),
        (tan(projection="SIN"), False),
        (tan(**SIP), False),
        (tan(LONPOLE=180.0, LATPOLE=-40.0), True),
        (tan(LONPOLE=170.0), False),
        (tan(LATPOLE=10.0), False),
        (tan(CUNIT1="deg"), True),
        (tan(CUNIT1="rad"), False),
        (tan(dec=90.0), True),
        (tan(dec=90.0, LONPOLE=180.0), False),
        (tan(CRVAL2=np.array([30.0, 90.0]), LONPOLE=180.0), [True, False]),
    ],
)
def test_only_tangent_planes_with_polynomials_are_known(cards: dict[str, Any], expected: Any) -> None:
    assert is_polynomial(cards).tolist() == expected


@pytest.mark.parametrize("dec", [-90.0, -33.2, 0.0, 90.0])
def test_tangent_frame_is_right_handed_and_exact_at_poles(dec: float) -> None:
    frame = np.array(tangent_frame(20.0, dec))
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-15)
    np.testing.assert_allclose(np.cross(frame[0], frame[1]), frame[2], atol=1e-15)
    if abs(dec) == 90:
        assert frame[2].tolist() == [0.0, 0.0, np.sign(dec)]
