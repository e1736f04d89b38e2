"""Headers whose coordinates cannot be used are refused in one line."""

import math
import re
from typing import Any

import numpy as np
import pytest

from goodpix.schema.errors import WcsError

from .headers import PIXEL, TPV, Cards, grid, no_cd, read, tan


@pytest.mark.parametrize("key", ["CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2"])
def test_a_missing_keyword_is_named(key: str) -> None:
    with pytest.raises(WcsError, match=rf"^image\.fits\[sci\]: the header has no {key}: expected"):
        read({**tan(), key: None})


def test_an_empty_header_is_refused() -> None:
    with pytest.raises(WcsError, match="the header has no CTYPE1"):
        read({})


def test_a_header_without_scale_is_refused() -> None:
    with pytest.raises(WcsError, match="neither CD1_1 nor CDELT1"):
        read(no_cd())


@pytest.mark.parametrize(
    ("ctype1", "ctype2"),
    [
        ("GLON-TAN", "GLAT-TAN"),
        ("ELON-TAN", "ELAT-TAN"),
        ("LINEAR", "LINEAR"),
        ("RA---TAN", "RA---TAN"),
        ("DEC--TAN", "DEC--TAN"),
        ("FREQ", "DEC--TAN"),
        ("RADI-TAN", "DEC--TAN"),
        ("WAVE", "FLUX"),
    ],
)
def test_axes_other_than_ra_and_dec_are_refused(ctype1: str, ctype2: str) -> None:
    with pytest.raises(WcsError, match=f"CTYPE is '{ctype1}', '{ctype2}': expected RA and DEC"):
        read(tan(CTYPE1=ctype1, CTYPE2=ctype2))


# TNX and ZPX keep their distortion in WAT keywords; wcslib reads such a header as if there were none
@pytest.mark.parametrize("projection", ["TNX", "ZPX"])
def test_a_distortion_in_text_is_refused(projection: str) -> None:
    with pytest.raises(WcsError, match=projection):
        read(tan(projection=projection, PV2_1=1.0, WAT0_001="system=image"))


def test_axes_without_a_projection_are_refused() -> None:
    with pytest.raises(WcsError, match="CTYPE is 'RA', 'DEC'"):
        read(tan(CTYPE1="RA", CTYPE2="DEC"))


NUMBERS = sorted(set(tan()) - {"CTYPE1", "CTYPE2"})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float32(np.nan)])
@pytest.mark.parametrize("key", [*NUMBERS, "PV1_4", "LONPOLE", "LATPOLE", "CDELT1", "PC1_2", "A_2_0"])
def test_a_number_that_is_not_finite_is_refused(key: str, value: float) -> None:
    with pytest.raises(WcsError, match=f"{key} is .*: expected a finite number"):
        read({**tan(), key: value})


@pytest.mark.parametrize("value", ["abc", "12 34", "1.5.2", [1.0], 1 + 2j])
@pytest.mark.parametrize("key", [*NUMBERS, "PV1_4", "LONPOLE"])
def test_text_instead_of_a_number_is_refused(key: str, value: Any) -> None:
    with pytest.raises(WcsError, match=f"{key} is .*: expected a number"):
        read({**tan(), key: value})


def test_a_truth_value_is_no_number() -> None:
    with pytest.raises(WcsError, match="CRVAL1 is True: expected a number"):
        read({**tan(), "CRVAL1": True})


def test_an_integer_beyond_floats_is_refused() -> None:
    with pytest.raises(WcsError, match=r"CRPIX1 is .*: expected a"):
        read({**tan(), "CRPIX1": 10**400})


@pytest.mark.parametrize(
    "cd",
    [(0.0, 0.0, 0.0, 0.0), (1e-4, 2e-4, 2e-4, 4e-4), (1e-4, 0.0, 0.0, 0.0), (0.0, 0.0, 1e-4, 1e-4)],
    ids=["zero", "rank one", "one element", "zero row"],
)
def test_a_singular_cd_matrix_is_refused(cd: tuple[float, float, float, float]) -> None:
    with pytest.raises(WcsError, match=r"the CD matrix .* is singular"):
        read(tan(CD1_1=cd[0], CD1_2=cd[1], CD2_1=cd[2], CD2_2=cd[3]))


@pytest.mark.parametrize("scale", [1e-12, 1e-4, 1.0])
def test_a_small_cd_matrix_is_not_singular(scale: float) -> None:
    assert read(tan(CD1_1=scale, CD1_2=0.0, CD2_1=0.0, CD2_2=scale)).polynomial


def test_a_cdelt_of_zero_is_refused() -> None:
    with pytest.raises(WcsError, match=r"the CD matrix .* is singular"):
        read(no_cd(CDELT1=0.0, CDELT2=PIXEL))


@pytest.mark.parametrize("dec", [90.0001, -90.0001, 400.0])
def test_a_declination_beyond_the_pole_is_refused(dec: float) -> None:
    with pytest.raises(WcsError, match=r"the declination, is .*: expected -90 to 90 degrees"):
        read(tan(dec=dec))


@pytest.mark.parametrize("m", [40, 41, 99])
def test_a_pv_number_above_39_is_refused(m: int) -> None:
    with pytest.raises(WcsError, match=rf"PV\d_{m} is .*: expected PV terms 0 to 39"):
        read(TPV | {f"PV1_{m}": 0.1})


@pytest.mark.parametrize("key", ["CPDIS1", "CPDIS2", "CQDIS1", "D2IMDIS1"])
def test_a_distortion_table_is_refused(key: str) -> None:
    with pytest.raises(WcsError, match=f"{key} refers to a distortion table"):
        read({**tan(), key: "LOOKUP"})


@pytest.mark.parametrize("cards", [tan(dec=95.0), tan(projection="XXX"), {}], ids=["dec", "projection", "empty"])
def test_a_refusal_is_one_line_that_names_the_file(cards: Cards) -> None:
    with pytest.raises(WcsError, match=r"\Aimage\.fits\[sci\]: [^\n]+\Z"):
        read(cards).vectors(*grid())


@pytest.mark.parametrize("equinox", ["J2000", "J2000.0 ", "2000", 2000])
def test_equinox_may_be_text(equinox: object) -> None:
    assert read(tan(EQUINOX=equinox)).keywords["EQUINOX"] == 2000


@pytest.mark.parametrize("unit", ["degree", "Degrees", "DEG", "deg "])
def test_unit_of_degrees_may_be_written_out(unit: str) -> None:
    found = read(tan(CUNIT1=unit, CUNIT2=unit))
    assert (found.keywords["CUNIT1"], found.polynomial) == ("deg", True)


@pytest.mark.parametrize(("unit", "short"), [("arcseconds", "arcsec"), ("Arcminute", "arcmin"), ("radians", "rad")])
def test_other_units_may_be_written_out(unit: str, short: str) -> None:
    near: Cards = {"CRVAL1": 0.5, "CRVAL2": -0.7, "CUNIT1": unit, "CUNIT2": unit}
    assert read({**tan(), **near}).keywords["CUNIT2"] == short


def test_equinox_that_is_no_number_is_refused_as_it_stands() -> None:
    with pytest.raises(WcsError, match="EQUINOX is 'J': expected a number"):
        read(tan(EQUINOX="J"))


@pytest.mark.parametrize(
    "cards",
    [
        {"RADESYS": "ICRS", "EQUINOX": 1950.0},
        {"RADESYS": "icrs "},
        {"RADESYS": "FK5"},
        {"RADESYS": "FK5", "EQUINOX": 2000.0},
        {"RADECSYS": "FK5", "EQUINOX": "J2000"},
        {"EQUINOX": 2000.0},
    ],
    ids=str,
)
def test_icrs_and_fk5_of_j2000_are_taken(cards: Cards) -> None:
    assert read({**tan(), **cards}).polynomial


@pytest.mark.parametrize(
    ("cards", "says"),
    [
        ({"RADESYS": "FK4"}, "RADESYS is FK4: expected ICRS or FK5"),
        ({"RADESYS": "FK4-NO-E", "EQUINOX": 1950.0}, "RADESYS is FK4-NO-E: expected ICRS or FK5"),
        ({"RADECSYS": "FK4"}, "RADESYS is FK4: expected ICRS or FK5"),
        ({"RADESYS": "GAPPT"}, "RADESYS is GAPPT: expected ICRS or FK5"),
        ({"EQUINOX": 1950.0}, "RADESYS is FK4: expected ICRS or FK5"),
        ({"EQUINOX": "B1950"}, "RADESYS is FK4: expected ICRS or FK5"),
        ({"RADESYS": "FK5", "EQUINOX": 1975.0}, "EQUINOX is 1975 and RADESYS FK5: expected 2000"),
        ({"EQUINOX": 2013.7}, "EQUINOX is 2013.7 and RADESYS FK5: expected 2000"),
    ],
    ids=str,
)
def test_positions_in_another_system_are_refused(cards: Cards, says: str) -> None:
    with pytest.raises(WcsError, match=rf"\Aimage\.fits\[sci\]: {re.escape(says)}\Z"):
        read({**tan(), **cards})
