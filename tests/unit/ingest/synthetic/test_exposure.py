"""Facts about synthetic exposures and their header cards."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from goodpix.ingest.exposurefacts import exposure_facts
from goodpix.ingest.synthetic.exposure import AMP_B_VARIANCE, Exposure, amplifiers, exposure_cards
from goodpix.query.focalplane import FOCAL_PLANE
from goodpix.schema.amplifiers import Amplifiers

EXPOSURE = Exposure(200_001, 31, "r", datetime(2016, 10, 1, 2, 10), 31.6, 4.0, 400.0, 10.0, 1.2)
SHAPE = (128, 65)


@pytest.mark.parametrize(
    ("date", "nite"),
    [
        (datetime(2016, 10, 1, 13, 59, 59), 20160930),
        (datetime(2016, 10, 1, 14, 0), 20161001),
        (datetime(2017, 1, 1, 0, 0), 20161231),
    ],
)
def test_night_begins_at_14_hours(date: datetime, nite: int) -> None:
    assert replace(EXPOSURE, date_obs=date).nite == nite


@pytest.mark.parametrize(
    ("ccdnum", "a"), [(1, slice(32, 65)), (31, slice(32, 65)), (32, slice(0, 32)), (62, slice(0, 32))]
)
def test_amplifier_a_is_at_high_x_in_the_south(ccdnum: int, a: slice) -> None:
    found = amplifiers(ccdnum, 65)
    assert found[0] == a
    assert sorted(each.start for each in found) == [0, 32]
    assert sum(each.stop - each.start for each in found) == 65


@pytest.mark.parametrize("ccdnum", [31, 32])
def test_data_sections_are_those_of_the_amplifiers(ccdnum: int) -> None:
    cards = exposure_cards(replace(EXPOSURE, ccdnum=ccdnum), SHAPE)
    found = Amplifiers.of(str(cards["DATASECA"]), str(cards["DATASECB"]), SHAPE)
    for region, columns in zip((found.a, found.b), amplifiers(ccdnum, SHAPE[1]), strict=True):
        assert (region.x0, region.x1, region.y0, region.y1) == (columns.start, columns.stop, 0, SHAPE[0])


@pytest.mark.parametrize("expnum", [200_000, 200_001])
def test_night_is_a_number_or_a_string_that_means_the_same(expnum: int) -> None:
    cards: dict[str, Any] = dict(exposure_cards(replace(EXPOSURE, expnum=expnum), SHAPE))
    assert isinstance(cards["NITE"], str) == bool(expnum % 2)
    assert exposure_facts(cards, {}).nite == EXPOSURE.nite


def test_noise_is_that_of_both_amplifiers() -> None:
    cards = exposure_cards(EXPOSURE, SHAPE)
    assert (cards["SKYVARA"], cards["SKYVARB"]) == (100.0, 100.0 * AMP_B_VARIANCE)
    assert float(cards["SKYSIGMA"]) ** 2 == pytest.approx(50 * (1 + AMP_B_VARIANCE))


def test_date_is_given_twice() -> None:
    cards = exposure_cards(EXPOSURE, SHAPE)
    assert cards["DATE-OBS"] == "2016-10-01T02:10:00.000"
    assert cards["MJD-OBS"] == pytest.approx(57662 + 130 / 1440)


@pytest.mark.parametrize("band", ["u", "g", "r", "i", "z", "Y", "N964"])
def test_filter_begins_with_the_band(band: str) -> None:
    assert str(exposure_cards(replace(EXPOSURE, band=band), SHAPE)["FILTER"]).split()[0] == band


def test_position_in_the_focal_plane_is_decams() -> None:
    found = {each: exposure_cards(replace(EXPOSURE, ccdnum=each), SHAPE)["DETPOS"] for each in FOCAL_PLANE}
    assert found == {ccdnum: ccd.detpos for ccdnum, ccd in FOCAL_PLANE.items()}
