"""Facts about what a row takes from headers."""

from typing import Any

import pytest

from goodpix.ingest.images.facts import check_identity, exposure_facts
from goodpix.schema.errors import HeaderMismatchError


@pytest.mark.parametrize(
    ("header", "nite"),
    [
        ({"NITE": 20151106, "DATE-OBS": "2016-01-01T03:00:00"}, 20151106),
        ({"NITE": " 2015-11-06 "}, 20151106),
        ({"NITE": 20151106.0}, 20151106),
        ({"NITE": "20151106.0"}, 20151106),
        ({"DATE-OBS": "2015-11-07T13:59:59.9"}, 20151106),
        ({"DATE-OBS": "2015-11-07T14:00:00"}, 20151107),
        ({"DATE-OBS": "2016-01-01T00:30:00"}, 20151231),
        ({"NITE": "tonight", "DATE-OBS": "2015-11-07T20:00:00"}, 20151107),
        ({"DATE-OBS": "2016-12-31T23:59:60"}, 20161231),
        ({"DATE-OBS": "2016-12-31T23:59:60.75"}, 20161231),
        ({"DATE-OBS": "2016-12-31T13:59:60"}, 20161231),
        ({"DATE-OBS": "2015-11-07"}, None),
        ({"DATE-OBS": "0001-01-01T01:00:00"}, None),
        ({}, None),
    ],
)
def test_night_is_that_of_the_local_noon_before(header: dict[str, Any], nite: int | None) -> None:
    assert exposure_facts(header, {}).nite == nite


def test_what_the_image_does_not_say_the_primary_does() -> None:
    facts = exposure_facts({"FWHM": "  ", "AIRMASS": 1.5}, {"FWHM": 3.5, "AIRMASS": 2.0, "BUNIT": "electrons "})
    assert (facts.fwhm, facts.airmass, facts.bunit) == (3.5, 1.5, "electrons")


@pytest.mark.parametrize("value", ["NaN", float("nan"), "inf", "none", "1.2.3"])
def test_what_is_no_number_is_null(value: Any) -> None:
    assert exposure_facts({"SKYBRITE": value}, {}).skybrite is None


@pytest.mark.parametrize(
    "header",
    [
        {"EXPNUM": 7, "BAND": "r"},
        {"EXPNUM": "7 "},
        {"EXPNUM": 7.0},
        {"EXPNUM": "00000007.0"},
        {"FILTER": "r DECam SDSS c0002 6415.0 1480.0"},
        {"FILTER": "r.MP9602"},
        {"FILTER": " "},
        {},
    ],
)
def test_header_that_says_the_same_or_nothing_is_taken(header: dict[str, Any]) -> None:
    check_identity(header, {}, "image.fits", {"EXPNUM": 7, "BAND": "r"})


@pytest.mark.parametrize(
    ("band", "header"),
    [
        ("VR", {"FILTER": "VR DECam c0007 6300.0 2600.0"}),
        ("N964", {"FILTER": "N964 DECam c0008 9645.0 94.0"}),
        ("zd", {"FILTER": "zd DECam k1038"}),
        ("z", {"FILTER": "zd DECam k1038"}),
        ("zd", {"BAND": "zd", "FILTER": "z"}),
        ("Y", {"FILTER": "Y DECam c0005 10095.0 1130.0"}),
    ],
)
def test_band_is_that_of_the_header_or_the_filters_first_word_or_letter(band: str, header: dict[str, str]) -> None:
    check_identity(header, {}, "image.fits", {"BAND": band})


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"EXPNUM": 7.5}, "image.fits: EXPNUM is '7.5', but the info file has 7"),
        ({"EXPNUM": "7a"}, "image.fits: EXPNUM is '7a', but the info file has 7"),
        ({"FILTER": "VR DECam c0007"}, "image.fits: FILTER is 'VR', but the info file has 'r'"),
        ({"EXPNUM": 8}, "image.fits: EXPNUM is '8', but the info file has 7"),
        ({"BAND": "i", "FILTER": "r"}, "image.fits: BAND is 'i', but the info file has 'r'"),
        ({"FILTER": "i DECam"}, "image.fits: FILTER is 'i', but the info file has 'r'"),
    ],
)
def test_header_that_says_something_else_is_refused(header: dict[str, Any], message: str) -> None:
    with pytest.raises(HeaderMismatchError, match=message):
        check_identity({}, header, "image.fits", {"EXPNUM": 7, "BAND": "r"})
