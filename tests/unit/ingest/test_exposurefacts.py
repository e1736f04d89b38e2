"""Facts about what a row takes from headers."""

from typing import Any

import pytest

from goodpix.ingest.exposurefacts import exposure_facts, night_of


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


@pytest.mark.parametrize(("starts", "night"), [(14, 20200102), (19, 20200101), (22, 20200101)])
def test_night_changes_at_noon_of_the_site(starts: int, night: int) -> None:
    assert night_of("2020-01-02T15:00:00", starts) == night


DECAM_HALVES = {"AMPSECA": "[2048:1025,1:4096]", "AMPSECB": "[1:1024,1:4096]"}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"NAXIS1": 2048, "NAXIS2": 4096, **DECAM_HALVES}, ("[1025:2048,1:4096]", "[1:1024,1:4096]")),
        ({"NAXIS1": 8, "ZNAXIS1": 2048, "ZNAXIS2": 4096, **DECAM_HALVES}, ("[1025:2048,1:4096]", "[1:1024,1:4096]")),
        (
            {"NAXIS1": 2046, "NAXIS2": 4094, "LTV1": -1.0, "LTV2": -1.0, **DECAM_HALVES},
            ("[1024:2046,1:4094]", "[1:1023,1:4094]"),
        ),
        ({"NAXIS1": 100, "NAXIS2": 100, "LTV1": -1.0, "LTV2": -1.0, **DECAM_HALVES}, (None, None)),
        ({"NAXIS1": 2048, "NAXIS2": 4096, **DECAM_HALVES, "DATASECA": "[1:5,1:9]"}, ("[1:5,1:9]", None)),
        ({"NAXIS1": 2048, "NAXIS2": 4096}, (None, None)),
    ],
)
def test_amplifiers_are_datasec_or_else_ampsec_in_the_frame_of_the_image(
    header: dict[str, Any], expected: tuple[str | None, str | None]
) -> None:
    facts = exposure_facts(header, {})
    assert (facts.dataseca, facts.datasecb) == expected
