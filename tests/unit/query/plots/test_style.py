"""Titles and colour scales of plots."""

import numpy as np
import pytest

from goodpix.query.plots.style import filter_words, limits, statistic_words
from goodpix.query.source import open_source

from ..conftest import RowCatalogue


def test_filters_are_named_in_titles() -> None:
    filters = {"band": ["r", "i"], "nite": "20150101:20151231", "ccdnum": slice(1, 3), "min": {"n_pixels": 5}}
    assert filter_words(filters | {"expnum": None}) == ("band r i, nite 20150101:20151231, ccdnum 1:3, min n_pixels 5")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fraction_good_se", "fraction_good_se = n_good_se / n_pixels"),
        ("SE:STAR", "pixels with bit SE:STAR / n_pixels"),
        ("airmass", "airmass"),
        ("fwhm", "fwhm (pixels)"),
        ("mean_fwhm", "mean_fwhm (pixels)"),
        ("exptime", "exptime (s)"),
        ("good_area_images_unique", "good_area_images_unique (arcmin² x images)"),
        ("sky_rate", "sky_rate = skybrite / exptime (BUNIT/s)"),
        ("mean_skybrite", "mean_skybrite (BUNIT)"),
    ],
)
def test_statistics_say_what_they_are_made_of_and_their_unit(
    name: str, expected: str, row_catalogue: RowCatalogue
) -> None:
    with open_source(row_catalogue.url) as source:
        assert statistic_words(name, source.database) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], (0.0, 1.0)), ([np.nan], (0.0, 1.0)), ([2.0, np.nan], (1.98, 2.02)), ([1.0, 3.0], (1.0, 3.0))],
)
def test_scale_has_ends_whatever_there_is(values: list[float], expected: tuple[float, float]) -> None:
    assert limits(np.array(values)) == pytest.approx(expected)
