"""Facts about the comparison of headers with info files."""

from typing import Any

import pytest

from goodpix.ingest.images.facts import check_identity
from goodpix.schema.errors import HeaderMismatchError


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
